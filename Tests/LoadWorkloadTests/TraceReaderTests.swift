import Foundation
import LoadWorkload
import Testing

@Suite("Traces are read")
struct TraceReaderTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private static let numbered = "g 0 0 0\ns 1 100 60\nd 0 0 0\ng 1 100 0\n"
    private static let numberedInShort = ["get 0 0 0", "set 1 100 60", "delete 0 0 0", "get 1 100 0"]

    @Test("A numbered trace: op, key, size, life")
    func numberedTrace() throws {
        #expect(try requests(folder.write(Self.numbered, to: "a")).map(short) == Self.numberedInShort)
    }

    @Test("The last line needs no end, and ends may have a carriage return")
    func lineEnds() throws {
        let open = try folder.write(String(Self.numbered.dropLast()), to: "a")
        let windows = try folder.write(Self.numbered.replacingOccurrences(of: "\n", with: "\r\n"), to: "b")

        #expect(try requests(open).map(short) == Self.numberedInShort)
        #expect(try requests(windows).map(short) == Self.numberedInShort)
    }

    /// `zstd -19` of the numbered trace.
    private static let zstd: [UInt8] = [
        0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x68, 0xdd, 0x00, 0x00, 0x52, 0xc2, 0x05, 0x0a, 0xe0, 0xe9, 0x2e,
        0x0e, 0x70, 0x34, 0x3a, 0xa1, 0xf1, 0x09, 0xda, 0x9f, 0x53, 0xb4, 0xbb, 0xa1, 0xc1, 0x9f, 0x73,
        0xb4, 0xbb, 0x12, 0x00, 0x58, 0x2c, 0xfe, 0x58,
    ]
    /// `gzip -9n` of it.
    private static let gzip: [UInt8] = [
        0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x4b, 0x57, 0x30, 0x00, 0x41, 0xae,
        0x62, 0x05, 0x43, 0x05, 0x43, 0x03, 0x03, 0x05, 0x33, 0x03, 0xae, 0x14, 0xa8, 0x50, 0x3a, 0x54,
        0xc8, 0x80, 0x0b, 0x00, 0xca, 0x3e, 0x53, 0x80, 0x25, 0x00, 0x00, 0x00,
    ]

    @Test("Compressed traces are known by their first bytes, whatever their names", arguments: ["x", "x.txt", "x.csv"])
    func compressed(name: String) throws {
        #expect(try requests(folder.write(Self.zstd, to: name)).map(short) == Self.numberedInShort)
        #expect(try requests(folder.write(Self.gzip, to: name)).map(short) == Self.numberedInShort)
    }

    @Test("Frames and members one after the other are one trace")
    func frames() throws {
        let twice = Self.numberedInShort + Self.numberedInShort

        #expect(try requests(folder.write(Self.zstd + Self.zstd, to: "a")).map(short) == twice)
        #expect(try requests(folder.write(Self.gzip + Self.gzip, to: "b")).map(short) == twice)
    }

    @Test("A compressed trace that was cut off, or damaged, is an error and not an end")
    func damaged() throws {
        for (bytes, name) in [(Self.zstd, "zst"), (Self.gzip, "gz")] {
            let cut = try folder.write(Array(bytes.dropLast(6)), to: "cut.\(name)")
            let error = #expect(throws: WorkloadError.self) { _ = try requests(cut) }
            #expect(error?.message == "trace \(cut) ends in the middle of a compressed frame: it was cut off")
            var broken = bytes
            for index in 10..<24 { broken[index] ^= 0x5a }
            let path = try folder.write(broken, to: "broken.\(name)")
            #expect(throws: WorkloadError.self) { _ = try requests(path) }
        }
    }

    @Test("Lines that lie across the buffer's end are whole")
    func manyLines() throws {
        let count = 200_000
        let path = try folder.write((0..<count).map { "g \($0) \($0 % 1000) 0\n" }.joined(), to: "a")

        let all = try requests(path)

        #expect(all.count == count)
        #expect(all.enumerated().allSatisfy { $1.key == UInt64($0) && $1.valueBytes == UInt32($0 % 1000) })
    }

    private static let twitter = """
        0,q:q:1:8WTfjZU14ee,17,213,4,get,0
        0,yDqF:3q:1AJrrJ1,15,27,10,gets,0
        0,a,b,3,5,10,set,3600
        1,q:q:1:8WTfjZU14ee,17,213,4,delete,0
        1,n,1,2,4,incr,0
        3,yDqF:3q:1AJrrJ1,15,27,10,cas,60
        3,z,1,9,10,append,0
        3,q:q:1:8WTfjZU14ee,17,213,4,add,7

        """

    @Test("Twitter's csv: keys are numbered as they come, and may have commas")
    func twitterTrace() throws {
        let all = try requests(folder.write(Self.twitter, to: "cluster.sort"))

        #expect(
            all.map(short) == [
                "get 0 213 0", "get 1 27 0", "set 2 5 3600", "delete 0 213 0", "incr 3 2 0", "cas 1 27 60", "set 4 9 0",
                "add 0 213 7",
            ])
        #expect(all.map(\.keyBytes) == [17, 15, 3, 17, 1, 15, 1, 17])
    }

    @Test("Requests of one second are spread as the second before suggests")
    func twitterTimes() throws {
        let times = try requests(folder.write(Self.twitter, to: "a")).map(\.dueNanoseconds)

        // Nothing is known before the first second, three came in it; nothing in second 2.
        #expect(times == [0, 0, 0, 1_000_000_000, 1_333_333_333, 3_000_000_000, 3_000_000_000, 3_000_000_000])
    }

    @Test("A csv may have a heading")
    func heading() throws {
        let path = try folder.write("timestamp,key,key_size,value_size,client,op,ttl\n" + Self.twitter, to: "a")

        #expect(try requests(path).count == 8)
    }

    /// As a memcached 1.6.45 wrote it, but for the last three lines.
    private static let watch = """
        OK
        ts=1795246400.337978 gid=2 type=item_get key=a status=not_found clsid=0 cfd=29 size=0
        ts=1795246400.338507 gid=3 type=item_get key=a status=not_found clsid=0 cfd=29 size=0
        ts=1795246400.338526 gid=4 type=item_store key=a status=stored cmd=set ttl=100 clsid=1 cfd=29 size=5
        ts=1795246400.338529 gid=5 type=item_get key=a status=found clsid=1 cfd=29 size=5
        ts=1795246400.338536 gid=9 type=item_get key=m%251 status=not_found clsid=0 cfd=29 size=0
        ts=1795246400.338540 gid=10 type=item_get key=b status=not_found clsid=0 cfd=30 size=0
        ts=1795246400.338550 gid=11 type=item_store key=m%251 status=stored cmd=add ttl=90 clsid=1 cfd=29 size=3
        ts=1795246400.338551 gid=12 type=item_get key=a status=found clsid=1 cfd=29 size=5
        ts=1795246400.338552 gid=13 type=item_get key=a status=found clsid=1 cfd=29 size=5
        ts=1795246400.338552 gid=14 type=deleted key=a cmd=delete clsid=1 size=5
        ts=1795246401.7 gid=15 type=item_get key=n status=found clsid=1 cfd=29 size=1
        ts=1795246401.6 gid=16 type=item_get key=n status=found clsid=1 cfd=31 size=1
        skipped=10
        ts=1795246402.0 gid=17 type=eviction key=n fetch=yes ttl=-1 la=9 clsid=1 size=1

        """

    @Test("A watch log: the server's own lookups before stores and deletes are not the clients'")
    func watchLog() throws {
        let all = try requests(folder.write(Self.watch, to: "a"))

        #expect(
            all.map(short) == [
                "get 0 0 0", "set 0 5 100", "get 0 5 0", "get 2 0 0", "add 1 3 90", "get 0 5 0", "delete 0 5 0",
                "get 3 1 0", "get 3 1 0",
            ])
        #expect(all.map(\.keyBytes) == [1, 1, 1, 1, 3, 1, 1, 1, 1])
    }

    @Test("A watch log's times are microseconds without zeros in front, and never go back")
    func watchTimes() throws {
        let times = try requests(folder.write(Self.watch, to: "a")).map(\.dueNanoseconds)

        #expect(times[1] == 548_000)
        #expect(times[7] == 662_029_000)
        #expect(times[8] == times[7])
        #expect(times == times.sorted())
    }

    @Test("A long watch log comes out in order, none of it missing")
    func longWatchLog() throws {
        let lines = (0..<1000).map {
            "ts=5.\($0) gid=\($0) type=item_get key=k\($0) status=found clsid=1 cfd=\($0 % 7) size=\($0)\n"
        }

        let all = try requests(folder.write(lines.joined(), to: "a"))

        #expect(all.map(\.key) == Array(0..<1000))
        #expect(all.map(\.valueBytes) == Array(0..<1000))
    }

    @Test("Very many different keys keep their numbers")
    func manyKeys() throws {
        let order = (0..<60_000).map { $0 * 7919 % 50_000 }
        let path = try folder.write(order.map { "1,key:\($0),9,1,1,get,0\n" }.joined(), to: "a")

        let all = try requests(path)

        var numbers: [Int: UInt64] = [:]
        for key in order where numbers[key] == nil { numbers[key] = UInt64(numbers.count) }
        #expect(zip(all, order).allSatisfy { $0.key == numbers[$1] })
    }

    @Test("A summary counts what is in a trace")
    func summary() throws {
        let numbered = try TraceSummary(path: folder.write(Self.numbered, to: "a"))
        let twitter = try TraceSummary(path: folder.write(Self.twitter, to: "b"))

        #expect(numbered.format == .numbered)
        #expect((numbered.requests, numbered.keys) == (4, 2))
        #expect((numbered.reads, numbered.stores, numbered.deletes) == (2, 1, 1))
        #expect((numbered.unsized, numbered.withLife, numbered.valueBytes) == (2, 1, 200))
        #expect(twitter.format == .twitter)
        #expect((twitter.requests, twitter.keys, twitter.spanNanoseconds) == (8, 5, 3_000_000_000))
        #expect((twitter.reads, twitter.stores, twitter.deletes, twitter.valueBytesMax) == (2, 5, 1, 213))
    }
}
