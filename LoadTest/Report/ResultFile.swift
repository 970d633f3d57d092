import Foundation
import Glibc
import LoadEngine

/// Results as a JSON file: `{"schema": "martlet-load", "version": 1, "runs": [...]}`.
///
/// Goals: what is written can be read by every later release; a file that is something else is refused with a sentence.
/// The version grows when a field changes its meaning; fields that are added do not change it.
package struct ResultFile: Sendable {
    package static let schema = "martlet-load"
    package static let version = 1

    package var runs: [RunResult]

    package init(runs: [RunResult]) { self.runs = runs }

    /// The file's text, fields in alphabetical order so that two files can be compared by eye.
    package func encoded() throws(ReportError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // A ratio of nothing must not cost the whole run its file.
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        do {
            return try [UInt8](encoder.encode(Content(schema: Self.schema, version: Self.version, runs: runs))) + [10]
        } catch {
            throw ReportError("the results cannot be encoded: \(error)")
        }
    }

    /// - Parameter name: what to call the source in an error.
    package init(decoding bytes: [UInt8], name: String) throws(ReportError) {
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        let source = Data(bytes)
        let head: Head
        do {
            head = try decoder.decode(Head.self, from: source)
        } catch {
            throw ReportError("\(name) is not a result of martlet-load: \(Self.sentence(error))")
        }
        guard head.schema == Self.schema else {
            throw ReportError("\(name) is not a result of martlet-load: its schema is '\(head.schema)'")
        }
        guard head.version <= Self.version else {
            throw ReportError(
                "\(name) was written by a newer martlet-load (schema version \(head.version), known: \(Self.version))")
        }
        do {
            runs = try decoder.decode(Content.self, from: source).runs
        } catch {
            throw ReportError("\(name) is damaged: \(Self.sentence(error))")
        }
    }

    /// Pipes and the like are read to their end.
    package init(path: String) throws(ReportError) { try self.init(decoding: Self.content(path), name: path) }

    /// A result of hours has a few megabytes.
    private static let bytesMax = 1 << 30

    private static func content(_ path: String) throws(ReportError) -> [UInt8] {
        func refused() -> ReportError { ReportError("\(path) cannot be read: \(String(cString: strerror(errno)))") }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw refused() }
        defer { close(descriptor) }
        var content: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while content.count <= bytesMax {
            let count = read(descriptor, &piece, piece.count)
            if count == 0 { return content }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw refused() }
            content += piece[..<count]
        }
        throw ReportError("\(path) cannot be read: more than \(bytesMax) bytes")
    }

    package func write(path: String) throws(ReportError) { try Self.write(encoded(), path: path) }

    /// Writes any report whole or not at all; `-` is standard output. What is no file, such as a pipe or /dev/null, is
    /// written to and not replaced.
    package static func write(_ bytes: [UInt8], path: String) throws(ReportError) {
        if path == "-" { return try write(bytes, to: STDOUT_FILENO, name: "standard output") }
        try expectNamed(path)
        do {
            try Data(bytes).write(to: URL(fileURLWithPath: path), options: isSpecial(path) ? [] : .atomic)
        } catch {
            let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
            throw ReportError("\(path) cannot be written: \(Self.reason(folder, W_OK, error))")
        }
    }

    /// Says something on standard output. Unlike `print` it throws when nobody can have read it.
    package static func say(_ text: String) throws(ReportError) { try write(Array(text.utf8), path: "-") }

    /// - Parameter name: what to call it in an error.
    package static func write(_ bytes: [UInt8], to descriptor: Int32, name: String) throws(ReportError) {
        var position = 0
        while position < bytes.count {
            let count = bytes[position...].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                throw ReportError("\(name) cannot be written: \(String(cString: strerror(errno)))")
            }
            position += count
        }
    }

    private static func expectNamed(_ path: String) throws(ReportError) {
        if path.isEmpty { throw ReportError("'' cannot be written: a file has a name") }
    }

    /// Throws when `write` could not succeed: said before a long measurement rather than after it. nil and `-` are
    /// well.
    package static func expectWritable(_ path: String?) throws(ReportError) {
        guard let path, path != "-" else { return }
        try expectNamed(path)
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
            throw ReportError("\(path) cannot be written: it is a folder")
        }
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        guard access(isSpecial(path) ? path : folder, W_OK) == 0 else {
            throw ReportError("\(path) cannot be written: \(String(cString: strerror(errno)))")
        }
    }

    /// A pipe, a device or the like.
    private static func isSpecial(_ path: String) -> Bool {
        var status = stat()
        guard stat(path, &status) == 0 else { return false }
        return status.st_mode & S_IFMT != S_IFREG
    }

    private struct Head: Codable {
        let schema: String
        let version: Int
    }

    private struct Content: Codable {
        let schema: String
        let version: Int
        let runs: [RunResult]
    }

    /// The system's own word for what is wrong with a file, where it has one.
    private static func reason(_ path: String, _ access: Int32, _ error: any Error) -> String {
        Glibc.access(path, access) == 0 ? error.localizedDescription : String(cString: strerror(errno))
    }

    /// Where in the file the decoder stumbled, and over what.
    private static func sentence(_ error: any Error) -> String {
        guard let error = error as? DecodingError else { return "\(error)" }
        func place(_ context: DecodingError.Context) -> String {
            let path = context.codingPath.map(\.stringValue).joined(separator: ".")
            return path.isEmpty ? "" : " in \(path)"
        }
        switch error {
        case .keyNotFound(let key, let context): return "'\(key.stringValue)' is missing\(place(context))"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            return "not what was expected\(place(context))"
        case .dataCorrupted(let context):
            return context.codingPath.isEmpty ? "it is not JSON" : "not what was expected\(place(context))"
        @unknown default: return "\(error)"
        }
    }
}
