import MartletProtocol
import MartletStore

/// What those who watch are told of requests, and counts by prefix. Nothing here runs while nobody wants either.
///
/// A look-up is told just before the command is carried out, by a look of its own that changes nothing; what came of a
/// store or a deletion is told afterwards.
extension UnsafeMutablePointer where Pointee == Executor {
    private var observer: UnsafeMutablePointer<Observer> { pointee.observer }

    /// After `stats`, which may have begun or ended the counts by prefix: it holds for what follows in the same turn,
    /// too. For whom else events are was settled when the turn began.
    func noticePrefixes() {
        var wanted = pointee.isWatched ? observer.pointee.wanted : []
        wanted.remove(.prefixes)
        wanted.formUnion(pointee.server.pointee.observation.pointee.wanted.intersection(.prefixes))
        observer.pointee.wanted = wanted
        pointee.isWatched = !wanted.isEmpty || pointee.isSampled
    }

    // MARK: Before

    /// Before a request is carried out, or refused.
    @inline(never)
    func observe(_ place: UnsafeMutablePointer<BatchedRequest>) {
        if pointee.isSampled {
            noteSampled(place.pointee.request.command)
            if observer.pointee.wanted.isEmpty, pointee.meter?.pointee.keepsKeys != true { return }
        }
        let line = place.pointee.line
        if observer.pointee.wanted.contains(.log) { noteLine(line, bytes: Int(place.pointee.request.lineBytes)) }
        if place.pointee.outcome == .refused { return }
        observe(place.pointee.request, line, place.pointee.hash)
    }

    /// Writes `<<connection> <command line>` to stderr.
    private func noteLine(_ line: UnsafeRawPointer, bytes: Int) {
        let bytes = UnsafeRawBufferPointer(start: line, count: bytes)
        pointee.server.pointee.log.writeBounded(
            2, at: session.now, "<\(observer.pointee.descriptor) \(LoggedLine.command(bytes))")
    }

    /// Before a request with one key; those with many are observed slice by slice.
    private func observe(_ request: Request, _ line: UnsafeRawPointer, _ hash: UInt64) {
        if request.key.isEmpty { return }
        guard request.command.isMultiget else { return observeKey(key(request, line, hash: hash), request) }
        // Of a get nothing but the key is sure to be set; that of one with many keys is observed with the others.
        guard request.arguments.count == request.key.count else { return }
        observeKey(ItemKey(bytes: line + Int(request.key.offset), count: Int(request.key.count), hash: hash), request)
    }

    /// Before each of the first `count` keys of a slice is answered.
    @inline(never)
    func observeKeys(_ count: Int) {
        for index in 0..<count { observeKey(pointee.keys[index], nil) }
    }

    /// `request` is nil for a key of a list.
    @inline(never)
    func observeKey(_ key: ItemKey, _ request: Request?) {
        if pointee.isSampled { noteSampled(key) }
        if observer.pointee.wanted.isEmpty { return }
        let glimpse = session.glimpse(key)
        observer.pointee.glimpse = glimpse
        if observer.pointee.wanted.contains(.fetchers) {
            var event = WatchedEvent(.lookUp)
            event.status = glimpse.finding.rawValue
            event.slabClass = Int32(truncatingIfNeeded: glimpse.slabClass)
            event.valueBytes = Int64(glimpse.valueLength)
            tell(event, key)
        }
        guard observer.pointee.wanted.contains(.prefixes) else { return }
        let isFound = glimpse.finding == .found
        switch request?.command {
        case nil, .get, .gets, .gat, .gats, .metaGet:
            count(key) {
                $0.gets += 1
                if isFound { $0.hits += 1 }
            }
        case .delete, .metaDelete: count(key) { $0.deletes += 1 }
        case .set, .add, .replace, .append, .prepend, .cas, .metaSet: count(key) { $0.sets += 1 }
        default: break
        }
    }

    /// Counts for the key's prefix: what stands before the first delimiter, be it nothing. A key without one is not
    /// counted.
    private func count(_ key: ItemKey, _ change: (inout PrefixCounts) -> Void) {
        let bytes = UnsafeRawBufferPointer(start: key.bytes, count: key.count)
        guard let end = bytes.firstIndex(of: pointee.server.pointee.settings.prefixDelimiter) else { return }
        observer.pointee.prefixes.count(
            UnsafeRawBufferPointer(rebasing: bytes[..<end]), hash: session.hash(key.bytes, end), change)
    }

    // MARK: Afterwards

    /// After a store was decided.
    @inline(never)
    func tellStore(_ request: Request, _ key: ItemKey, _ outcome: StoreOutcome) {
        let status: WatchedStatus =
            switch outcome.result {
            case .stored: .stored
            case .notStored: .notStored
            case .exists: .exists
            case .notFound: .notFound
            case .tooLarge: .tooLarge
            case .noMemory: .noMemory
            }
        tellStore(request, key, status, slabClass: outcome.slabClass)
    }

    /// After a value was refused for its size or for want of memory.
    @inline(never)
    func tellRefusedStore(_ request: Request, _ key: ItemKey, isTooLarge: Bool) {
        tellStore(request, key, isTooLarge ? .tooLarge : .noMemory, slabClass: 0)
    }

    private func tellStore(_ request: Request, _ key: ItemKey, _ status: WatchedStatus, slabClass: Int) {
        guard observer.pointee.wanted.contains(.mutations) else { return }
        var event = WatchedEvent(.store)
        event.status = status.rawValue
        event.command = Self.watched(request).rawValue
        // What is appended to has a life of its own.
        let makes = request.flags.contains(.vivify) && observer.pointee.glimpse.finding != .found
        let expiry = request.joins ? makes ? second(request.vivifyExptime) : 0 : second(request.exptime)
        event.ttlSeconds = max(0, Int64(expiry) - Int64(session.now))
        event.slabClass = Int32(truncatingIfNeeded: slabClass)
        event.valueBytes = Int64(request.valueLength)
        tell(event, key)
    }

    private static func watched(_ request: Request) -> WatchedCommand {
        switch request.command {
        case .add: return .add
        case .replace: return .replace
        case .append: return .append
        case .prepend: return .prepend
        case .cas: return .cas
        case .metaSet: break
        default: return .set
        }
        switch request.mode {
        case .add: return .add
        case .append: return .append
        case .prepend: return .prepend
        default: break
        }
        if request.flags.contains(.compareToken) { return .cas }
        return request.mode == .replace ? .replace : .set
    }

    /// After an item was deleted.
    @inline(never)
    func tellDeletion(_ key: ItemKey, _ command: WatchedCommand) {
        let glimpse = observer.pointee.glimpse
        tellDeletion(key, command, slabClass: glimpse.slabClass, valueBytes: glimpse.valueLength)
    }

    /// After an item was emptied: what is left of it, which is of that class.
    @inline(never)
    func tellEmptied(_ key: ItemKey, slabClass: Int) {
        tellDeletion(key, .metaDelete, slabClass: slabClass, valueBytes: 0)
    }

    private func tellDeletion(_ key: ItemKey, _ command: WatchedCommand, slabClass: Int, valueBytes: Int) {
        guard observer.pointee.wanted.contains(.deletions) else { return }
        var event = WatchedEvent(.deletion)
        event.command = command.rawValue
        event.slabClass = Int32(truncatingIfNeeded: slabClass)
        event.valueBytes = Int64(valueBytes)
        tell(event, key)
    }

    private func tell(_ event: WatchedEvent, _ key: ItemKey) {
        var event = event
        event.descriptor = observer.pointee.descriptor
        observer.pointee.tell(event, key: UnsafeRawBufferPointer(start: key.bytes, count: key.count))
    }
}
