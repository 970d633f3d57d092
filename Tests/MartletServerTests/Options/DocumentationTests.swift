import Glibc
import MartletServer
import Testing

/// Pages that are written from tables must be what the tables say. `./martlet docs` writes them anew.
struct DocumentationTests {
    @Test(.enabled(if: TLSLibrary.isThere, "the page is that of a server with TLS"))
    func `docs/options.md is what the table says`() throws {
        try expect("docs/options.md", toBe: OptionDocumentation.page)
    }

    @Test func `docs/statistics.md says where every field of stats comes from`() throws {
        let page = try read("\(root)/docs/statistics.md")

        for name in RecordedNames.general + ["idle_kicks"] { #expect(page.contains("`\(name)`"), "\(name)") }
    }

    private func expect(_ path: String, toBe text: String) throws {
        let path = "\(root)/\(path)"
        if getenv("MARTLET_WRITE_DOCS") != nil { try write(text, to: path) }
        #expect(try read(path) == text, "\(path) is out of date: ./martlet docs writes it anew")
    }

    private let root = #filePath.components(upTo: "/Tests/")

    private struct Failure: Error { let path: String }

    private func read(_ path: String) throws -> String {
        guard let file = fopen(path, "r") else { throw Failure(path: path) }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65536)
        while case let count = fread(&piece, 1, piece.count, file), count > 0 { bytes += piece[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func write(_ text: String, to path: String) throws {
        guard let file = fopen(path, "w") else { throw Failure(path: path) }
        defer { fclose(file) }
        let bytes = Array(text.utf8)
        guard fwrite(bytes, 1, bytes.count, file) == bytes.count else { throw Failure(path: path) }
    }
}

extension String {
    /// The part in front of `separator`; all of it when that does not occur.
    fileprivate func components(upTo separator: String) -> Substring {
        guard let range = firstRange(of: separator) else { return self[...] }
        return self[..<range.lowerBound]
    }
}
