import Glibc

/// Instructions per request as recorded: one line a kind, name and number; lines that begin with # are comments.
struct Baseline {
    struct Failure: Error, CustomStringConvertible { let description: String }

    private let counts: [(kind: String, count: Int)]

    init(_ counts: [(String, Int)]) { self.counts = counts }

    init(path: String) throws {
        counts = try Self.read(path).split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
            let words = line.split(separator: " ")
            guard words.count == 2, let count = Int(words[1]), count > 0 else {
                throw Failure(description: "\(path): not a kind and a number: \(line)")
            }
            return (String(words[0]), count)
        }
    }

    var kinds: [String] { counts.map(\.kind) }

    subscript(_ kind: String) -> Int? { counts.first { $0.kind == kind }?.count }

    /// Keeps the comments that stand there.
    func write(to path: String) throws {
        let comments = try Self.read(path).split(separator: "\n").filter { $0.hasPrefix("#") }.map(String.init)
        let lines = comments + counts.map { "\($0.kind) \($0.count)" }
        guard let file = fopen(path, "w") else { throw Failure(description: "cannot write \(path)") }
        fputs(lines.joined(separator: "\n") + "\n", file)
        guard fclose(file) == 0 else { throw Failure(description: "cannot write \(path)") }
    }

    private static func read(_ path: String) throws -> String {
        guard let file = fopen(path, "r") else { throw Failure(description: "cannot read \(path)") }
        defer { fclose(file) }
        return TextFile.rest(of: file)
    }
}

/// What C streams give, as text.
enum TextFile {
    static func rest(of file: UnsafeMutablePointer<FILE>) -> String {
        var text: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = fread(&piece, 1, piece.count, file)
            if count == 0 { return String(decoding: text, as: UTF8.self) }
            text += piece[..<count]
        }
    }
}
