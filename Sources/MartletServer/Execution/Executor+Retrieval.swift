import MartletProtocol
import MartletStore

/// get, gets, gat and gats.
///
/// A value up to the store's copy bound is copied into the reply while its item is held; a longer one is leased and
/// sent from where it lies. A list of keys is worked through in slices: the keys of a slice are hashed and their
/// buckets prefetched, then their items, then each is answered.
extension UnsafeMutablePointer where Pointee == Executor {
    /// What a retrieval does besides telling values.
    struct Retrieval: BitwiseCopyable {
        let tellsToken: Bool
        /// gat and gats: the items' new expiry.
        let newExpiry: UInt32?
    }

    /// How far a key list was answered.
    enum ListProgress: BitwiseCopyable {
        case finished
        /// The output is full; go on behind the key that ended at `end`.
        case outputFull(end: Int)
        /// Others should have their turn; go on behind the key that ended at `end`.
        case turnOver(end: Int)
    }

    @inline(__always)
    func retrieval(_ request: Request) -> Retrieval {
        switch request.command {
        case .get: Retrieval(tellsToken: false, newExpiry: nil)
        case .gets: Retrieval(tellsToken: true, newExpiry: nil)
        case .gat: Retrieval(tellsToken: false, newExpiry: second(request.exptime))
        default: Retrieval(tellsToken: true, newExpiry: second(request.exptime))
        }
    }

    /// Answers `get` of one key.
    @inline(__always)
    func getOne(_ request: Request, _ line: UnsafeRawPointer, hash: UInt64, _ output: OutputPointer) {
        let key = ItemKey(bytes: line + Int(request.key.offset), count: Int(request.key.count), hash: hash)
        let start = output.pointee.reserve(Self.copiedReplyBytesMax)
        if let end = writeValue(key, at: start) {
            output.pointee.advance(to: ReplyWriter.end(at: end))
        } else {
            getLong(key, output)
            output.append(.end)
        }
    }

    /// Writes `VALUE ...` at `start` if there is an item under the key; gives the cursor behind it, or nil if the value
    /// is sent from where it lies. At most `copiedReplyBytesMax` bytes, the reply's end included.
    @inline(__always)
    private func writeValue(_ key: ItemKey, at start: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
        guard let hold = session.holdValue(key) else {
            if _slowPath(pointee.tellsTopology), Self.isTopologyKey(key) { return nil }
            counters.pointee.commands.getMisses.increment()
            return start
        }
        if hold.isSpecial { return nil }
        let slabClass = hold.slabClass
        let value = ReplyWriter.valueHeader(
            key: key.bytes, keyBytes: key.count, clientFlags: hold.clientFlags, valueLength: hold.length, at: start)
        value.copyMemory(from: hold.start, byteCount: hold.length)
        let end = WireWriter.lineEnd(at: value + hold.length)
        _ = consume hold
        counters.pointee.commands.slabClass(slabClass).pointee.getHits.increment()
        return end
    }

    /// Appends `VALUE ...` for `get` if there is an item under the key.
    @inline(__always)
    private func appendPlainValue(_ key: ItemKey, _ output: OutputPointer) {
        let start = output.pointee.reserve(Self.copiedReplyBytesMax)
        if let end = writeValue(key, at: start) {
            output.pointee.advance(to: end)
        } else {
            getLong(key, output)
        }
    }

    @inline(never)
    private func getLong(_ key: ItemKey, _ output: OutputPointer) {
        appendValue(key, Retrieval(tellsToken: false, newExpiry: nil), output)
    }

    /// Room for a value that is copied, with its header and the end of the reply.
    private static var copiedReplyBytesMax: Int { ReplyWriter.lineBytesMax + StoreSession.copiedValueBytesMax + 8 }

    /// Answers a retrieval of one key.
    @inline(__always)
    func retrieveOne(_ request: Request, _ line: UnsafeRawPointer, hash: UInt64, _ output: OutputPointer) {
        let key = ItemKey(bytes: line + Int(request.key.offset), count: Int(request.key.count), hash: hash)
        appendValue(key, retrieval(request), output)
        let start = output.pointee.reserve(FixedReply.bytesMax)
        output.pointee.advance(to: ReplyWriter.end(at: start))
    }

    /// Answers a retrieval of many keys, from the one behind `end` on (0: from the first).
    func retrieveList(
        _ request: Request, _ line: UnsafeRawPointer, behind end: Int, _ output: OutputPointer
    ) -> ListProgress {
        let retrieval = retrieval(request)
        let isPlain = request.command == .get
        let keys = pointee.keys
        var end = end
        var answered = 0
        while true {
            let count = gatherKeys(request, line, behind: end)
            if count == 0 { break }
            if _slowPath(pointee.isWatched) { observeKeys(count) }
            for index in 0..<count {
                if output.pointee.isFull { return .outputFull(end: end) }
                if isPlain {
                    appendPlainValue(keys[index], output)
                } else {
                    appendValue(keys[index], retrieval, output)
                }
                end = keys[index].bytes - line + keys[index].count
            }
            answered &+= count
            if answered >= Limits.keysPerTurnMax { return .turnOver(end: end) }
        }
        output.append(.end)
        return .finished
    }

    /// Hashes and prefetches the next slice of keys; returns how many there are.
    private func gatherKeys(_ request: Request, _ line: UnsafeRawPointer, behind end: Int) -> Int {
        let keys = pointee.keys
        var count = 0
        var slice = end == 0 ? request.key : request.key(after: LineSlice(offset: end, count: 0), in: line)
        while !slice.isEmpty {
            let bytes = line + Int(slice.offset)
            let hash = session.hashAndPrefetch(bytes, Int(slice.count))
            keys[count] = ItemKey(bytes: bytes, count: Int(slice.count), hash: hash)
            count &+= 1
            if count == Limits.batchCountMax { break }
            slice = request.key(after: slice, in: line)
        }
        prefetchItems(count)
        return count
    }

    /// Brings the items of the first `count` keys of a slice, whose stripes are on their way.
    @inline(__always)
    func prefetchItems(_ count: Int) {
        if count < 2 { return }
        let hashes = UnsafeRawPointer(pointee.keys) + MemoryLayout<ItemKey>.offset(of: \.hash).unsafelyUnwrapped
        session.prefetchItems(hashes: hashes, stride: MemoryLayout<ItemKey>.stride, count: count)
    }

    /// Appends `VALUE ...` if there is an item under the key.
    @inline(__always)
    func appendValue(_ key: ItemKey, _ retrieval: Retrieval, _ output: OutputPointer) {
        guard let hold = session.hold(key, bump: true, newExpiry: retrieval.newExpiry) else {
            if _slowPath(pointee.tellsTopology), Self.isTopologyKey(key) {
                return Administration.appendTopology(pointee.server, output)
            }
            return countMiss(isTouch: retrieval.newExpiry != nil)
        }
        let length = hold.valueLength
        let slabClass = hold.slabClass
        let token = retrieval.tellsToken ? shown(hold.token) : nil
        let keyBytes = UnsafeRawBufferPointer(start: key.bytes, count: key.count)
        if hold.isLeasable {
            let start = output.pointee.reserve(ReplyWriter.lineBytesMax)
            output.pointee.advance(
                to: ReplyWriter.valueHeader(
                    key: keyBytes, clientFlags: hold.clientFlags, valueLength: length, token: token, at: start))
            output.pointee.append(lease: hold.lease())
            _ = consume hold
            output.appendLineEnd()
        } else {
            let start = output.pointee.reserve(ReplyWriter.lineBytesMax &+ length)
            let value = ReplyWriter.valueHeader(
                key: keyBytes, clientFlags: hold.clientFlags, valueLength: length, token: token, at: start)
            hold.copyValue(to: value)
            _ = consume hold
            output.pointee.advance(to: WireWriter.lineEnd(at: value + length))
        }
        countHit(slabClass, isTouch: retrieval.newExpiry != nil)
    }

    /// The key under which older clients get the topology. An item of that name goes first.
    @inline(never)
    private static func isTopologyKey(_ key: ItemKey) -> Bool {
        key.count == Topology.key.utf8CodeUnitCount
            && UnsafeRawBufferPointer(start: key.bytes, count: key.count).elementsEqual(
                UnsafeRawBufferPointer(start: Topology.key.utf8Start, count: key.count))
    }

    // MARK: Counting

    /// A fetch that found its item. One that gave it a new expiry counts as a touch, not as a get.
    @inline(__always)
    func countHit(_ slabClass: Int, isTouch: Bool) {
        if isTouch {
            counters.pointee.commands.touches.increment()
            counters.pointee.commands.slabClass(slabClass).pointee.touchHits.increment()
        } else {
            counters.pointee.commands.slabClass(slabClass).pointee.getHits.increment()
        }
    }

    func countMiss(isTouch: Bool) {
        if isTouch {
            counters.pointee.commands.touches.increment()
            counters.pointee.commands.touchMisses.increment()
        } else {
            counters.pointee.commands.getMisses.increment()
        }
    }
}

extension UnsafeMutablePointer where Pointee == OutputBuffer {
    /// Appends CR LF, behind a value sent from where it lies.
    func appendLineEnd() {
        let start = pointee.reserve(2)
        pointee.advance(to: WireWriter.lineEnd(at: start))
    }
}
