import MartletServer
import MartletStore
import Testing

/// Goal: whatever is appended in whatever order is described to the kernel in that order, from wherever sending
/// stopped.
/// Method: replies of bytes and leased values of a real store are read back through the pieces that would be sent.
@Suite("The reply buffer")
struct OutputBufferTests {
    /// A store with values long enough to be leased, one of them longer than a chunk can be.
    private final class Values {
        static let lengths = [5_000, 9_000, 300_000]
        let store: CacheStore
        let session: StoreSession

        init() throws {
            store = try CacheStore(settings: StoreSettings(), secret: (1, 2), now: 2)
            session = store.makeSession()
            session.setNow(2)
            for index in Self.lengths.indices {
                withKey(index) { key in
                    let outcome = Self.bytes(index).withUnsafeBytes {
                        session.store(key, $0, StoreRequest(mode: .set))
                    }
                    #expect(outcome.result == .stored)
                }
            }
        }

        deinit { store.destroy() }

        static func bytes(_ index: Int) -> [UInt8] {
            (0..<lengths[index]).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ index) }
        }

        func lease(_ index: Int) -> ItemLease? {
            withKey(index) { key in
                guard let hold = session.hold(key) else { return nil }
                return hold.lease()
            }
        }

        private func withKey<Result: ~Copyable>(_ index: Int, _ body: (ItemKey) -> Result) -> Result {
            withUnsafeTemporaryAllocation(byteCount: 1, alignment: 1) { bytes in
                bytes[0] = UInt8(65 + index)
                let start = UnsafeRawPointer(bytes.baseAddress!)
                return body(ItemKey(bytes: start, count: 1, hash: session.hash(start, 1)))
            }
        }
    }

    /// What lies in the buffer, read in pieces of at most `most` bytes.
    private static func content(of output: borrowing OutputBuffer, most: Int = .max) -> [UInt8] {
        var bytes: [UInt8] = []
        output.forEachPiece(mostBytes: most) { bytes += $0 }
        return bytes
    }

    @Test("keeps bytes and leased values in the order of appending")
    func keepsOrder() throws {
        let values = try Values()
        var output = OutputBuffer()
        var expected: [UInt8] = []

        for index in [0, 2, 1] {
            output.append("VALUE ")
            output.append(lease: values.lease(index)!)
            output.append("\r\n")
            expected += Array("VALUE ".utf8) + Values.bytes(index) + Array("\r\n".utf8)
        }
        // Two values without anything between them, and one at the very end.
        output.append(lease: values.lease(1)!)
        output.append(lease: values.lease(0)!)
        expected += Values.bytes(1) + Values.bytes(0)

        #expect(Self.content(of: output) == expected)
        let (leasedBytes, isFull) = (output.leasedBytes, output.isFull)
        #expect(leasedBytes == 328_000)
        #expect(isFull)
    }

    @Test("can be sent in pieces that stop anywhere", arguments: [1, 4095, 4999, 5000, 5001, 65536])
    func stopsAnywhere(most: Int) throws {
        let values = try Values()
        var output = OutputBuffer()
        output.append("a")
        output.append(lease: values.lease(0)!)
        output.append("bc")
        output.append(lease: values.lease(1)!)

        let expected = Array("a".utf8) + Values.bytes(0) + Array("bc".utf8) + Values.bytes(1)
        #expect(Self.content(of: output, most: most) == expected)
    }

    @Test("falls back to an earlier position, leases included")
    func rewinds() throws {
        let values = try Values()
        var output = OutputBuffer()
        output.append("kept")
        output.append(lease: values.lease(0)!)
        let position = output.position

        output.append("dropped")
        output.append(lease: values.lease(1)!)
        output.append("dropped")
        output.rewind(to: position)
        output.append("!")

        #expect(Self.content(of: output) == Array("kept".utf8) + Values.bytes(0) + [33])
        let leasedBytes = output.leasedBytes
        #expect(leasedBytes == 5_000)
    }

    @Test("is full from its bound on")
    func fills() {
        var output = OutputBuffer()
        let some = [UInt8](repeating: 1, count: Limits.outputBytesFull - 1)

        some.withUnsafeBytes { output.append($0) }
        let isFullBefore = output.isFull
        output.append("x")
        let isFull = output.isFull

        #expect(!isFullBefore)
        #expect(isFull)
    }

    @Test("grows for a long reply and falls back afterwards")
    func grows() {
        var output = OutputBuffer()
        let long = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0) }

        long.withUnsafeBytes { output.append($0) }
        #expect(Self.content(of: output) == long)
        output.removeAll()

        let isEmpty = output.isEmpty
        #expect(isEmpty)
        output.append("short")
        #expect(Self.content(of: output) == Array("short".utf8))
    }

    @Test("holds as much as its bound says")
    func growsToItsBound() {
        var output = OutputBuffer()
        let some = [UInt8](repeating: 1, count: 1 << 20)

        for _ in 0..<(Limits.outputBytesMax >> 20) { some.withUnsafeBytes { output.append($0) } }

        let (isBroken, byteCount) = (output.isBroken, output.byteCount)
        #expect(!isBroken)
        #expect(byteCount == Limits.outputBytesMax)
    }

    @Test("breaks, holding nothing, rather than grow without bound")
    func breaks() throws {
        let values = try Values()
        var output = OutputBuffer()
        output.append(lease: values.lease(0)!)
        let some = [UInt8](repeating: 1, count: 1 << 20)

        for _ in 0...(Limits.outputBytesMax >> 20) { some.withUnsafeBytes { output.append($0) } }

        let (isBroken, leasedBytes) = (output.isBroken, output.leasedBytes)
        output.removeAll()
        let isBrokenAfterwards = output.isBroken
        #expect(isBroken)
        #expect(leasedBytes == 0)
        #expect(!isBrokenAfterwards)
        output.append("again")
        #expect(Self.content(of: output) == Array("again".utf8))
    }

    @Test("keeps replies that were set aside where they are, also when it grows", arguments: [1, 2, 5])
    func setsAside(growths: Int) throws {
        let values = try Values()
        var output = OutputBuffer()
        let replies = (0..<3).map { number in [UInt8](repeating: UInt8(65 + number), count: 100 + number) }
        var aside: [UnsafeRawBufferPointer] = []
        for reply in replies {
            reply.withUnsafeBytes { output.append($0) }
            #expect((output.maySetAside as Bool))
            aside.append(output.setAside())
            #expect((output.isEmpty as Bool))
        }

        let long = [UInt8](repeating: 90, count: Limits.outputBytesInitial)
        for _ in 0..<growths { long.withUnsafeBytes { output.append($0) } }
        #expect(!(output.maySetAside as Bool))
        #expect(Self.content(of: output) == (0..<growths).flatMap { _ in long })
        for (reply, place) in zip(replies, aside) { #expect(reply.elementsEqual(place)) }
        output.removeAll()
        output.append("short")
        // There is something aside in the memory of before.
        #expect(!(output.maySetAside as Bool))
        for (reply, place) in zip(replies, aside) { #expect(reply.elementsEqual(place)) }
        output.removeAll()
        output.takeBack()

        output.append("again")
        #expect((output.maySetAside as Bool))
        #expect(String(decoding: output.setAside(), as: UTF8.self) == "again")
        if let lease = values.lease(0) { output.append(lease: lease) }
        #expect(!(output.maySetAside as Bool))
        output.removeAll()
        output.takeBack()
    }
}
