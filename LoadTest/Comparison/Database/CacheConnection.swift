import Glibc
import LoadEngine
import LoadWorkload
import MartletProtocol

/// One connection to the cache that waits for each answer, as most programs' clients do. Belongs to one thread.
///
/// A key is the number of a row. Bytes of an answer stay where they are until the next request.
package final class CacheConnection {
    /// What a read brought.
    package struct Answer {
        package var isHit = false
        /// The server's answer was for another key.
        package var isForeign = false
        /// Meta `W`: this client is to fetch the value anew.
        package var isWinner = false
        /// Meta `X`: it is known to be out of date.
        package var isStale = false
        /// Meta `Z`: somebody else fetches it already.
        package var isAwaited = false
        package var token: UInt64 = 0
        /// Of a hit, the value.
        package var value = UnsafeRawBufferPointer(start: nil, count: 0)
    }

    package enum StoreOutcome: Equatable {
        case stored
        /// Another store or a deletion came in between.
        case overtaken
        /// The server has no room, or does not take a value of this size.
        case refused
    }

    private let address: ServerAddress
    private let keys: KeySpace
    private let descriptor: Int32
    private var output: UnsafeMutableRawBufferPointer
    private var input: UnsafeMutableRawBufferPointer
    private var inputCount = 0
    private var reply = Reply()

    /// Connects; answers must come within `seconds`.
    package init(_ connector: SocketConnector, keys: KeySpace, seconds: Int) throws(LoadError) {
        address = connector.address
        self.keys = keys
        descriptor = try connector.connect(seconds: Double(seconds))
        // Only now: an initialiser that throws calls no deinit.
        output = .allocate(byteCount: 4096, alignment: 16)
        input = .allocate(byteCount: 16384, alignment: 16)
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~O_NONBLOCK)
        var limit = timeval(tv_sec: seconds, tv_usec: 0)
        let bytes = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, bytes)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, bytes)
    }

    deinit {
        close(descriptor)
        output.deallocate()
        input.deallocate()
    }

    // MARK: Requests

    package func version() throws(LoadError) -> String {
        try send(RequestWriter.lineEnd(at: RequestWriter.word(.version, at: outputStart)))
        try receive()
        guard reply.kind == .version else { throw unexpected("version") }
        return text(reply.text)
    }

    package func get(_ key: UInt64) throws(LoadError) -> Answer {
        let asked = write(key)
        try send(RequestWriter.line(.get, key: asked, at: outputStart))
        try receive()
        var answer = Answer()
        if reply.kind == .end { return answer }
        guard reply.kind == .value else { throw unexpected("get") }
        answer.isHit = true
        answer.isForeign = !isSame(asked, reply.key.bytes(in: inputStart))
        let (line, count) = (Int(reply.lineBytes), Int(reply.valueLength))
        let whole = reply.totalBytes
        try receive(at: whole)
        guard reply.kind == .end, whole + reply.totalBytes == inputCount else { throw unexpected("get") }
        answer.value = UnsafeRawBufferPointer(start: inputStart + line, count: count)
        return answer
    }

    package func set(_ key: UInt64, _ value: [UInt8], secondsToLive: Int32) throws(LoadError) -> StoreOutcome {
        reserve(valueBytes: value.count)
        let cursor = RequestWriter.storage(
            .set, key: write(key), exptime: secondsToLive, valueLength: value.count, at: outputStart)
        try send(append(value, at: cursor))
        return try storeOutcome("set")
    }

    package func delete(_ key: UInt64) throws(LoadError) {
        try send(RequestWriter.line(.delete, key: write(key), at: outputStart))
        try receive()
        guard reply.kind == .deleted || reply.kind == .notFound else { throw unexpected("delete") }
    }

    /// `mg key v c N<seconds>`: on a miss makes an empty item that lives for so long, and lets this client win.
    package func lease(_ key: UInt64, seconds: UInt64) throws(LoadError) -> Answer {
        var cursor = RequestWriter.meta(.metaGet, key: write(key), at: outputStart)
        cursor = RequestWriter.flag("c", at: RequestWriter.flag("v", at: cursor))
        try send(RequestWriter.lineEnd(at: RequestWriter.flag("N", seconds, at: cursor)))
        try receive()
        var answer = Answer()
        guard reply.kind == .meta, reply.status == .value || reply.status == .miss else { throw unexpected("mg") }
        guard reply.status == .value else { return answer }
        answer.isHit = true
        answer.isWinner = reply.flags.contains(.won)
        answer.isStale = reply.flags.contains(.stale)
        answer.isAwaited = reply.flags.contains(.winSent)
        answer.token = reply.token
        answer.value = UnsafeRawBufferPointer(start: inputStart + Int(reply.lineBytes), count: Int(reply.valueLength))
        return answer
    }

    /// `ms key length C<token> T<seconds>`: stores unless the item has changed since the lease.
    package func set(_ key: UInt64, _ value: [UInt8], secondsToLive: UInt64, token: UInt64) throws(LoadError)
        -> StoreOutcome
    {
        reserve(valueBytes: value.count)
        var cursor = RequestWriter.meta(
            .metaSet, key: write(key), valueLength: value.count, at: outputStart)
        cursor = RequestWriter.flag("T", secondsToLive, at: RequestWriter.flag("C", token, at: cursor))
        try send(append(value, at: RequestWriter.lineEnd(at: cursor)))
        return try storeOutcome("ms")
    }

    /// `md key I T<seconds>`: what is there stays for so long, marked as out of date.
    package func markStale(_ key: UInt64, seconds: UInt64) throws(LoadError) {
        let cursor = RequestWriter.flag("I", at: RequestWriter.meta(.metaDelete, key: write(key), at: outputStart))
        try send(RequestWriter.lineEnd(at: RequestWriter.flag("T", seconds, at: cursor)))
        try receive()
        guard reply.kind == .meta, reply.status == .done || reply.status == .notFound else { throw unexpected("md") }
    }

    private func storeOutcome(_ request: String) throws(LoadError) -> StoreOutcome {
        try receive()
        switch (reply.kind, reply.status) {
        case (.stored, _), (.meta, .done): return .stored
        case (.notStored, _), (.meta, .notStored), (.meta, .exists), (.meta, .notFound): return .overtaken
        case (.serverError, _): return .refused
        default: throw unexpected(request)
        }
    }

    // MARK: Bytes

    private var inputStart: UnsafeRawPointer {
        // Safe: allocated with bytes, here and below.
        UnsafeRawPointer(input.baseAddress.unsafelyUnwrapped)
    }

    /// The key's bytes, at the end of the room for output: no line is written there.
    private func write(_ key: UInt64) -> UnsafeRawBufferPointer {
        let place = output.baseAddress.unsafelyUnwrapped + (output.count - KeySpace.roomBytes)
        return UnsafeRawBufferPointer(start: place, count: keys.write(key, at: place))
    }

    /// Where a request begins.
    private var outputStart: UnsafeMutableRawPointer { output.baseAddress.unsafelyUnwrapped }

    /// Makes room for a line, a value and, behind them, the key. To be called before the key is written.
    private func reserve(valueBytes: Int) {
        let wanted = RequestWriter.lineBytesMax + valueBytes + 2 + KeySpace.roomBytes
        guard wanted > output.count else { return }
        output.deallocate()
        output = .allocate(byteCount: wanted, alignment: 16)
    }

    private func append(_ value: [UInt8], at cursor: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        WireWriter.lineEnd(at: value.withUnsafeBytes { WireWriter.bytes($0, at: cursor) })
    }

    private func isSame(_ one: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer) -> Bool {
        one.elementsEqual(other)
    }

    private func text(_ slice: LineSlice) -> String {
        String(decoding: slice.bytes(in: inputStart), as: UTF8.self)
    }

    private func send(_ end: UnsafeMutableRawPointer) throws(LoadError) {
        inputCount = 0
        let count = end - outputStart
        var sent = 0
        while sent < count {
            let step = Glibc.send(descriptor, outputStart + sent, count - sent, SocketConnector.noSignal)
            if step < 0, errno == EINTR { continue }
            guard step > 0 else { throw broken("takes no request") }
            sent += step
        }
    }

    /// Waits until the reply at `offset` is there, with its value, and leaves it in `reply`.
    private func receive(at offset: Int = 0) throws(LoadError) {
        while true {
            if offset < inputCount {
                switch ReplyParser.parse(inputStart + offset, count: inputCount - offset, into: &reply) {
                case .reply where inputCount - offset >= reply.totalBytes:
                    guard !reply.carriesValue || ReplyParser.isValueClosed(inputStart + offset, reply) else {
                        throw .circumstances("The cache \(address) sent a value that CR LF does not close.")
                    }
                    return
                case .reply: makeRoom(offset + reply.totalBytes)
                case .incomplete: break
                case .invalid:
                    throw .circumstances("What listens on \(address) does not speak memcached's protocol.")
                }
            }
            makeRoom(inputCount + 1)
            let got = recv(descriptor, input.baseAddress.unsafelyUnwrapped + inputCount, input.count - inputCount, 0)
            if got < 0, errno == EINTR { continue }
            guard got > 0 else { throw broken("answers nothing", isEnd: got == 0) }
            inputCount += got
        }
    }

    private func makeRoom(_ wanted: Int) {
        guard wanted > input.count else { return }
        let grown = UnsafeMutableRawBufferPointer.allocate(byteCount: max(wanted, 2 * input.count), alignment: 16)
        grown.copyMemory(from: UnsafeRawBufferPointer(rebasing: input[..<inputCount]))
        input.deallocate()
        input = grown
    }

    private func broken(_ what: String, isEnd: Bool = false) -> LoadError {
        let reason = errno == EAGAIN ? "not within the time limit" : String(cString: strerror(errno))
        return .circumstances("The cache \(address) \(what): \(isEnd ? "it closed the connection" : reason).")
    }

    private func unexpected(_ request: String) -> LoadError {
        let line = String(
            decoding: UnsafeRawBufferPointer(start: inputStart, count: min(inputCount, 80)).prefix { $0 >= 0x20 },
            as: UTF8.self)
        return .circumstances("The cache \(address) answered '\(line)' to \(request).")
    }
}
