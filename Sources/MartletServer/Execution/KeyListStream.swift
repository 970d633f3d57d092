import MartletProtocol
import MartletStore

/// A key list too long to wait for: its keys are answered as they arrive, so no client needs more memory here than for
/// a few thousand of them, however many it asks for.
///
/// 1. A line of get, gets, gat or gats is such a list if it is longer than `Limits.listWindowBytes`; how it was cut
///    into packets does not matter.
/// 2. A key that is too long drops all values if it shows in the window, as in any shorter list. Behind it, values have
///    gone out already: the error then stands in the place of `END`.
/// 3. After an error the rest of the line is skipped.
struct KeyListStream: BitwiseCopyable {
    enum Phase: BitwiseCopyable {
        /// No list is being answered.
        case none
        case answering
        /// Rule 3.
        case skipping
    }

    var phase = Phase.none
    var tellsToken = false
    var touches = false
    var hasKeys = false
    var exptime: Int32 = 0
}

/// The keys of one slice, and what stands behind them.
struct KeySlice: BitwiseCopyable {
    enum End: BitwiseCopyable {
        /// More keys may follow.
        case open
        /// The input ends here, perhaps within a key.
        case exhausted
        /// The line ends here.
        case line
        case tooLongKey
    }

    var count = 0
    var end = End.open
    /// Where to go on once all keys are answered.
    var position: Int
}

extension ConnectionMachine {
    /// Starts answering the list at `position`, whose window is there.
    mutating func beginList(_ input: UnsafeRawBufferPointer, _ position: inout Int, _ output: OutputPointer) {
        guard let base = input.baseAddress else { return }
        let end = position &+ Limits.listWindowBytes
        list = KeyListStream(phase: .answering)
        // The parser has seen that the line starts with one of four words and a space: get gets gat gats.
        list.touches = base.load(fromByteOffset: position &+ 1, as: UInt8.self) == UInt8(ascii: "a")
        list.tellsToken = base.load(fromByteOffset: position &+ 3, as: UInt8.self) == UInt8(ascii: "s")
        position = ByteSearch.first(ByteSearch.space, in: base, from: position, limit: end)
        if list.touches {
            let start = ByteSearch.firstNonSpace(in: base, from: position, limit: end)
            position = ByteSearch.first(ByteSearch.space, in: base, from: start, limit: end)
            let word = UnsafeRawBufferPointer(start: base + start, count: position &- start)
            guard let exptime = DecimalNumber.signed32(word) else { return failList(.invalidExptime, output) }
            list.exptime = exptime
        }
        if Self.hasTooLongKey(base, from: position, end: end) { failList(.badFormat, output) }
    }

    /// Answers as many keys as there are and may be. Nil when the line has ended.
    @inline(never)
    mutating func continueList(
        _ input: UnsafeRawBufferPointer, _ position: inout Int, _ executor: ExecutorPointer, _ output: OutputPointer
    ) -> MachineStep.Disposition? {
        var answered = 0
        let retrieval = ExecutorPointer.Retrieval(
            tellsToken: list.tellsToken, newExpiry: list.touches ? executor.second(list.exptime) : nil)
        while list.phase == .answering {
            let slice = executor.gatherKeys(input, from: position)
            if _slowPath(executor.pointee.isWatched) { executor.observeKeys(slice.count) }
            for index in 0..<slice.count {
                let key = executor.pointee.keys[index]
                if output.pointee.isFull {
                    position = input.baseAddress.map { key.bytes - $0 } ?? position
                    return .outputFull
                }
                executor.appendValue(key, retrieval, output)
            }
            position = slice.position
            list.hasKeys = list.hasKeys || slice.count > 0
            answered &+= slice.count
            switch slice.end {
            case .open:
                if answered >= Limits.keysPerTurnMax { return .yield }
            case .exhausted:
                return .wantsInput
            case .line:
                output.append(list.hasKeys ? .end : .badFormat)
                list.phase = .none
            case .tooLongKey:
                failList(.badFormat, output)
            }
        }
        if list.phase == .skipping { return skipLine(input, &position) }
        return nil
    }

    private mutating func failList(_ reply: FixedReply, _ output: OutputPointer) {
        output.append(reply)
        list.phase = .skipping
    }

    private mutating func skipLine(_ input: UnsafeRawBufferPointer, _ position: inout Int) -> MachineStep.Disposition? {
        guard let base = input.baseAddress else { return .wantsInput }
        position = ByteSearch.first(ByteSearch.newline, in: base, from: position, limit: input.count)
        if position == input.count { return .wantsInput }
        position &+= 1
        list.phase = .none
        return nil
    }

    /// Whether a word in `line[from ..< end]` is longer than a key may be, as far as it shows there.
    private static func hasTooLongKey(_ line: UnsafeRawPointer, from: Int, end: Int) -> Bool {
        var position = from
        while position < end {
            let start = ByteSearch.firstNonSpace(in: line, from: position, limit: end)
            position = ByteSearch.firstSpaceOrNewline(in: line, from: start, limit: end)
            if position &- start > WireLimits.keyBytesMax { return true }
        }
        return false
    }
}

extension UnsafeMutablePointer where Pointee == Executor {
    /// Finds the next keys of a list in `input`, hashes them and brings their memory.
    fileprivate func gatherKeys(_ input: UnsafeRawBufferPointer, from: Int) -> KeySlice {
        var slice = KeySlice(position: from)
        guard let base = input.baseAddress else { return KeySlice(end: .exhausted, position: from) }
        while slice.count < Limits.batchCountMax {
            let start = ByteSearch.firstNonSpace(in: base, from: slice.position, limit: input.count)
            let stop = ByteSearch.firstSpaceOrNewline(in: base, from: start, limit: input.count)
            slice.position = start
            guard stop < input.count else {
                // The last byte could be the CR of the line's end.
                slice.end = stop &- start > WireLimits.keyBytesMax &+ 1 ? .tooLongKey : .exhausted
                break
            }
            let endsLine = base.load(fromByteOffset: stop, as: UInt8.self) == ByteSearch.newline
            var count = stop &- start
            if endsLine, count > 0,
                base.load(fromByteOffset: stop &- 1, as: UInt8.self) == ByteSearch.carriageReturn
            {
                count &-= 1
            }
            guard count <= WireLimits.keyBytesMax else {
                slice.end = .tooLongKey
                break
            }
            if count > 0 {
                let hash = session.hashAndPrefetch(base + start, count)
                pointee.keys[slice.count] = ItemKey(bytes: base + start, count: count, hash: hash)
                slice.count &+= 1
            }
            slice.position = stop
            if endsLine {
                slice.position = stop &+ 1
                slice.end = .line
                break
            }
        }
        prefetchItems(slice.count)
        return slice
    }
}
