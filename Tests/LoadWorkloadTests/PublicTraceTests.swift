import Foundation
import LoadWorkload
import Testing

/// The example traces that may lie beside the repository: skipped where they do not.
@Suite("Public traces")
struct PublicTraceTests {
    struct Trace: Sendable, CustomTestStringConvertible {
        var name: String
        var requests: UInt64
        var keys: UInt64
        var last: String

        var testDescription: String { name }
    }

    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("shared/traces").path

    static let isThere = FileManager.default.fileExists(atPath: folder)

    static let traces = [
        Trace(name: "scarab-recs", requests: 1_245_184, keys: 258_368, last: "get 143104 0 0"),
        Trace(name: "orm-busy", requests: 5_000_000, keys: 76_349, last: "get 4148 0 0"),
        Trace(name: "web12", requests: 95_607, keys: 13_756, last: "get 78 0 0"),
        Trace(name: "oltp", requests: 914_145, keys: 186_880, last: "get 186879 0 0"),
        Trace(name: "p3", requests: 3_912_296, keys: 762_543, last: "get 382071 0 0"),
        Trace(name: "mooncake-conv", requests: 288_500, keys: 182_790, last: "get 182789 0 0"),
        Trace(name: "cpio", requests: 113_872, keys: 48_974, last: "get 48973 512 0"),
    ]

    @Test(
        "Have the requests, the keys and the last line that they should have", .enabled(if: isThere), arguments: traces)
    func totals(trace: Trace) throws {
        let path = "\(Self.folder)/\(trace.name).txt.zst"
        var reader = try TraceReader(path: path)
        var keys = DenseKeys()
        var request = TraceRequest()
        var first: String?
        var count: UInt64 = 0
        var keysEnd: UInt64 = 0
        var jumps = 0

        while try reader.next(&request, numbering: &keys) {
            if first == nil { first = short(request) }
            // Keys are numbered in the order of their first appearance.
            if request.key > keysEnd { jumps += 1 }
            keysEnd = max(keysEnd, request.key + 1)
            count += 1
        }

        #expect(jumps == 0)
        #expect((count, keysEnd) == (trace.requests, trace.keys))
        #expect(first == (trace.name == "cpio" ? "get 0 512 0" : "get 0 0 0"))
        #expect(short(request) == trace.last)
    }

    @Test("Real sizes are within what is written about them", .enabled(if: isThere))
    func sizes() throws {
        let summary = try TraceSummary(path: "\(Self.folder)/cpio.txt.zst")

        #expect(summary.unsized == 0)
        #expect(summary.valueBytesMax > 64_000 && summary.valueBytesMax < 70_000)
    }

    @Test("Size files have the means that are written about them", .enabled(if: isThere))
    func sizeFiles() throws {
        for (form, bytes) in [("dist:meta-kvcache.sizes,8192", 172.0), ("dist:meta-fbobj.sizes,8000", 327.0)] {
            let sizes = try Sizes(parsing: form, folder: Self.folder)

            let mean = (0..<UInt64(1_000_000)).reduce(0.0) { $0 + Double(sizes.bytes(of: $1)) } / 1_000_000
            #expect(abs(mean / bytes - 1) < 0.06, "\(form) has the mean \(mean)")
        }
    }

    @Test("Eight copies have eight times the requests and keys", .enabled(if: isThere))
    func copies() throws {
        let operations = try replayed("\(Self.folder)/web12.txt.zst", copies: 8)[0]

        #expect(operations.count == 8 * 95_607)
        #expect(Set(operations.map(\.key)).count == 8 * 13_756)
    }
}
