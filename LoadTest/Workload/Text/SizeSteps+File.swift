import Glibc

extension SizeSteps {
    /// More is no distribution of sizes.
    private static let fileBytesMax = 16 << 20

    /// Reads lines `upper-bound weight`, bounds rising; empty lines and lines that begin with `#` say nothing.
    convenience init(file: String, folder: String?, subject: OptionText) throws(WorkloadError) {
        guard
            let text = try Self.text(of: file, subject)
                ?? folder.flatMap({ Self.path(file, in: $0) }).flatMap({
                    try? Self.text(of: $0, subject)
                })
        else {
            throw subject.error("file \(file) cannot be opened: \(String(cString: strerror(errno)))")
        }
        var steps: [Step] = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = line.split(whereSeparator: \.isWhitespace)
            if words.isEmpty || words[0].hasPrefix("#") { continue }
            guard words.count == 2, let upper = Int(words[0]), let weight = Double(words[1]), weight.isFinite,
                upper >= 0, upper <= Sizes.bytesMax, weight >= 0
            else { throw subject.error("\(file) line \(index + 1): '\(line.prefix(80))' is not `upper-bound weight`") }
            guard steps.last.map({ $0.upper < upper }) ?? true else {
                throw subject.error("\(file) line \(index + 1): bound \(upper) is not above the one before it")
            }
            steps.append(Step(upper: upper, weight: weight))
        }
        do {
            try self.init(steps, file: file)
        } catch {
            throw subject.error("\(file): \(error.message)")
        }
    }

    private static func path(_ file: String, in folder: String) -> String? {
        file.hasPrefix("/") ? nil : "\(folder)/\(file)"
    }

    /// nil: there is no such file, or it may not be opened.
    private static func text(of path: String, _ subject: OptionText) throws(WorkloadError) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = read(descriptor, &piece, piece.count)
            guard count >= 0 else {
                throw subject.error("file \(path) cannot be read: \(String(cString: strerror(errno)))")
            }
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes += piece[..<count]
            guard bytes.count <= fileBytesMax else {
                throw subject.error("file \(path) is too big for a list of sizes")
            }
        }
    }
}
