import MartletProtocol

/// Events as lines for watchers, in memcached's words and order.
enum EventText {
    /// Room for any line: a key may take three times its length.
    static let lineBytesMax = 3 * WireLimits.keyBytesMax + 512

    /// Writes `ts=<unix>.<micros> gid=<n> type=...` and its line end; gives the cursor behind it.
    static func line(
        _ event: WatchedEvent, key: UnsafeRawBufferPointer, at start: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        var cursor = pair("ts=", event.seconds, at: start)
        cursor = pair(".", Int64(event.microseconds), at: cursor)
        cursor = pair(" gid=", Int64(truncatingIfNeeded: event.number), at: cursor)
        switch event.kind {
        case .lookUp: cursor = lookUp(event, key, at: cursor)
        case .store: cursor = store(event, key, at: cursor)
        case .eviction: cursor = eviction(event, key, at: cursor)
        case .deletion: cursor = deletion(event, key, at: cursor)
        case .connectionOpened, .connectionClosed: cursor = connection(event, at: cursor)
        case .tlsError: cursor = tlsError(event, key, at: cursor)
        case .pageMoved: cursor = pageMoved(event, at: cursor)
        case .crawled: cursor = crawled(event, at: cursor)
        case .slowTurn, .sampledKey: break
        }
        return WireWriter.text("\n", at: cursor)
    }

    /// Writes `skipped=<n>` and its line end: at most 32 bytes.
    static func skipped(_ count: Int, at start: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        WireWriter.text("\n", at: pair("skipped=", Int64(count), at: start))
    }

    // MARK: Items

    private static func lookUp(
        _ event: WatchedEvent, _ key: UnsafeRawBufferPointer, at start: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        let names: [StaticString] = ["not_found", "found", "flushed", "expired"]
        var cursor = DumpWriter.escaped(key, at: WireWriter.text(" type=item_get key=", at: start))
        cursor = pair(" status=", names[Int(event.status) % names.count], at: cursor)
        cursor = pair(" clsid=", Int64(event.slabClass), at: cursor)
        cursor = pair(" cfd=", Int64(event.descriptor), at: cursor)
        return pair(" size=", event.valueBytes, at: cursor)
    }

    private static func store(
        _ event: WatchedEvent, _ key: UnsafeRawBufferPointer, at start: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        let names: [StaticString] = ["stored", "not_stored", "exists", "not_found", "too_large", "no_memory"]
        var cursor = DumpWriter.escaped(key, at: WireWriter.text(" type=item_store key=", at: start))
        cursor = pair(" status=", names[Int(event.status) % names.count], at: cursor)
        cursor = pair(" cmd=", command(event), at: cursor)
        cursor = pair(" ttl=", event.ttlSeconds, at: cursor)
        cursor = pair(" clsid=", Int64(event.slabClass), at: cursor)
        cursor = pair(" cfd=", Int64(event.descriptor), at: cursor)
        return pair(" size=", event.valueBytes, at: cursor)
    }

    private static func eviction(
        _ event: WatchedEvent, _ key: UnsafeRawBufferPointer, at start: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        var cursor = DumpWriter.escaped(key, at: WireWriter.text(" type=eviction key=", at: start))
        cursor = pair(" fetch=", event.wasFetched ? "yes" : "no", at: cursor)
        cursor = pair(" ttl=", event.ttlSeconds, at: cursor)
        cursor = pair(" la=", event.ageSeconds, at: cursor)
        cursor = pair(" clsid=", Int64(event.slabClass), at: cursor)
        return pair(" size=", event.valueBytes, at: cursor)
    }

    private static func deletion(
        _ event: WatchedEvent, _ key: UnsafeRawBufferPointer, at start: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        var cursor = DumpWriter.escaped(key, at: WireWriter.text(" type=deleted key=", at: start))
        cursor = pair(" cmd=", command(event), at: cursor)
        cursor = pair(" clsid=", Int64(event.slabClass), at: cursor)
        return pair(" size=", event.valueBytes, at: cursor)
    }

    private static func command(_ event: WatchedEvent) -> StaticString {
        switch WatchedCommand(rawValue: event.command) {
        case .set: "set"
        case .add: "add"
        case .replace: "replace"
        case .append: "append"
        case .prepend: "prepend"
        case .cas: "cas"
        case .delete: "delete"
        case .metaDelete: "md"
        case nil: "na"
        }
    }

    // MARK: Connections and background

    private static func connection(
        _ event: WatchedEvent, at start: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        let isNew = event.kind == .connectionOpened
        var cursor = WireWriter.text(isNew ? " type=conn_new" : " type=conn_close", at: start)
        cursor = WireWriter.text(" rip=", at: cursor)
        var host = event.peer.hostName ?? "unix"
        cursor = host.withUTF8 { WireWriter.bytes(UnsafeRawBufferPointer($0), at: cursor) }
        cursor = pair(" rport=", Int64(event.peer.port), at: cursor)
        cursor = pair(" transport=", event.peer.family == .local ? "local" : "tcp", at: cursor)
        if !isNew {
            let reason: StaticString =
                switch CloseReason(rawValue: event.status) {
                case .error: "error"
                case .idleTimeout: "idle_timeout"
                case .shutdown: "shutdown"
                default: "normal"
                }
            cursor = pair(" reason=", reason, at: cursor)
        }
        return pair(" cfd=", Int64(event.descriptor), at: cursor)
    }

    /// The key of the event is the library's sentence.
    private static func tlsError(
        _ event: WatchedEvent, _ reason: UnsafeRawBufferPointer, at start: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        let cursor = pair(" type=conntlserr fd=", Int64(event.descriptor), at: start)
        return WireWriter.bytes(reason, at: WireWriter.text(" msg=", at: cursor))
    }

    private static func pageMoved(
        _ event: WatchedEvent, at start: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        var cursor = pair(" type=slab_move src=", Int64(event.descriptor), at: start)
        cursor = pair(" dst=", Int64(event.slabClass), at: cursor)
        return WireWriter.text(" state=done", at: cursor)
    }

    /// One pass through a class. What memcached tells of the times of its runs has no counterpart here, and is 0: pages
    /// say when something in them is due.
    private static func crawled(
        _ event: WatchedEvent, at start: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        var cursor = pair(" type=lru_crawler crawler=", Int64(event.slabClass), at: start)
        cursor = WireWriter.text(
            " lru=all low_mark=0 next_reclaims=0 since_run=0 next_run=0 elapsed=0", at: cursor)
        cursor = pair(" examined=", event.valueBytes, at: cursor)
        return pair(" reclaimed=", event.ttlSeconds, at: cursor)
    }

    // MARK: Pieces

    private static func pair(
        _ name: StaticString, _ value: Int64, at cursor: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        WireWriter.signed(value, at: WireWriter.text(name, at: cursor))
    }

    private static func pair(
        _ name: StaticString, _ value: StaticString, at cursor: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        WireWriter.text(value, at: WireWriter.text(name, at: cursor))
    }
}
