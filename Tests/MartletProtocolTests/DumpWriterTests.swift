import MartletProtocol
import Testing

@Suite("Lines of dumps")
struct DumpWriterTests {
    private func written(_ write: (UnsafeMutableRawPointer) -> UnsafeMutableRawPointer) -> String {
        withUnsafeTemporaryAllocation(byteCount: DumpWriter.lineBytesMax, alignment: 8) { room in
            let start = room.baseAddress.unsafelyUnwrapped
            let count = write(start) - start
            #expect(count <= DumpWriter.lineBytesMax)
            return String(decoding: UnsafeRawBufferPointer(start: start, count: count), as: UTF8.self)
        }
    }

    private func itemLine(_ key: [UInt8], _ change: (inout DumpWriter.Item) -> Void = { _ in }) -> String {
        key.withUnsafeBytes { key in
            var item = DumpWriter.Item(
                key: key, expiry: nil, lastAccess: 1_700_000_000, token: 9, wasFetched: false, slabClass: 3,
                itemBytes: 70, clientFlags: 5)
            change(&item)
            return written { DumpWriter.itemLine(item, at: $0) }
        }
    }

    @Test("tell all about an item, with its key as in a URI")
    func items() {
        #expect(
            itemLine(Array("a/b%~-._Z9".utf8))
                == "key=a%2Fb%25~-._Z9 exp=-1 la=1700000000 cas=9 fetch=no cls=3 size=70 flags=5 \n")
        #expect(
            itemLine([0, 0xFF, 0x20]) {
                $0.expiry = 1_700_000_100
                $0.wasFetched = true
            } == "key=%00%FF%20 exp=1700000100 la=1700000000 cas=9 fetch=yes cls=3 size=70 flags=5 \n")
    }

    @Test("fit their room at their longest")
    func longest() {
        let line = itemLine([UInt8](repeating: 0, count: 250)) {
            $0.expiry = .min
            $0.lastAccess = .min
            $0.token = .max
            $0.slabClass = .min
            $0.itemBytes = .min
            $0.clientFlags = .max
        }

        #expect(line.utf8.count > 850)
    }

    @Test("name a key as the command that gets it")
    func keys() {
        let line = { (key: [UInt8]) in key.withUnsafeBytes { key in written { DumpWriter.keyLine(key, at: $0) } } }

        #expect(line(Array("foo/%".utf8)) == "mg foo/%\r\n")
        #expect(line([0, 0xFF, 1]) == "mg AP8B b\r\n")
        #expect(line([UInt8](repeating: 0x20, count: 250)).utf8.count == 3 + 336 + 4)
        #expect(line([0xC3, 0xA4]) == "mg ä\r\n")
    }
}
