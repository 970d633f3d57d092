import Glibc

/// One event as an observer keeps it, besides the bytes of its key: numbers only, so that whoever sees it happen does
/// not write texts.
struct WatchedEvent: BitwiseCopyable {
    enum Kind: UInt8, BitwiseCopyable {
        case lookUp, store, eviction, deletion, connectionOpened, connectionClosed, tlsError, pageMoved,
            crawled
        // For the admin endpoint only.
        case slowTurn, sampledKey
    }

    /// Position among all events of the server; from 1.
    var number: UInt64 = 0
    /// Wall time.
    var seconds: Int64 = 0
    var microseconds: Int32 = 0
    let kind: Kind
    /// `Glimpse.Finding`, `StoreOutcome` as a number, or a connection's `CloseReason`, by kind.
    var status: UInt8 = 0
    /// Index of the command's name, for stores and deletions.
    var command: UInt8 = 0
    var wasFetched = false
    var keyBytes: UInt16 = 0
    var slabClass: Int32 = 0
    /// Of a connection; for a page that has moved, the class that gave it.
    var descriptor: Int32 = 0
    var valueBytes: Int64 = 0
    /// Seconds left to live; for an eviction -1 is for ever. Of a crawl, items reclaimed; `valueBytes` tells those
    /// examined.
    var ttlSeconds: Int64 = 0
    var ageSeconds: Int64 = 0
    var peer = PeerAddress()

    init(_ kind: Kind) { self.kind = kind }

    /// Whom it is told.
    var stream: WatchStreams {
        switch kind {
        case .lookUp: .fetchers
        case .store: .mutations
        case .eviction: .evictions
        case .deletion: .deletions
        case .connectionOpened, .connectionClosed, .tlsError: .connectionEvents
        case .pageMoved, .crawled: .systemEvents
        case .slowTurn, .sampledKey: []
        }
    }

    /// Notes the present moment.
    mutating func stamp() {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        seconds = Int64(time.tv_sec)
        microseconds = Int32(truncatingIfNeeded: time.tv_nsec / 1000)
    }
}

/// What became of a store, as `watch mutations` says it. The raw values are those of `WatchedEvent.status`.
enum WatchedStatus: UInt8, BitwiseCopyable {
    case stored, notStored, exists, notFound, tooLarge, noMemory
}

/// Names of commands, as `watch` says them. The raw values are those of `WatchedEvent.command`.
enum WatchedCommand: UInt8, BitwiseCopyable {
    case set, add, replace, append, prepend, cas, delete, metaDelete
}

/// Why a connection ended. The raw values are those of `WatchedEvent.status`.
@frozen
package enum CloseReason: UInt8, BitwiseCopyable {
    case normal, error, idleTimeout, shutdown
}
