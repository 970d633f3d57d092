import Glibc
import LoadEngine
import LoadWorkload

/// One client: a thread's cache connection and database session, and what it saw. Each read is judged at once.
package final class DatabaseClient {
    private let cache: CacheConnection?
    private let session: any RowSession
    private let table: RowTable
    private let versions: RowVersions
    private let delayMicroseconds: UInt32
    private let secondsToLive: UInt32
    /// The last value from the database.
    private var value: [UInt8] = []
    /// What is counted while `counts`.
    package private(set) var reads = ReadResult()
    package private(set) var verified = 0
    package private(set) var wrong = 0
    package private(set) var violations: [Violation] = []
    /// Queries by the change of the row after which they were made.
    private(set) var queriesByChange: [UInt32] = []
    /// Whether requests belong to the measured time.
    package var counts = false
    private let control: ClientControl

    package init(
        cache: CacheConnection?, session: any RowSession, table: RowTable, versions: RowVersions,
        settings: DatabaseSettings, control: ClientControl
    ) {
        self.cache = cache
        self.session = session
        self.table = table
        self.versions = versions
        self.control = control
        delayMicroseconds = UInt32(settings.delayMilliseconds * 1000)
        secondsToLive = settings.secondsToLive
    }

    /// One request.
    package func read(_ key: UInt64, _ way: ReadWay) throws(LoadError) {
        let start = MonotonicTime.now()
        let floor = versions.acknowledged
        switch way {
        case .direct: try query(key, floor: floor)
        case .cacheAside: try readAside(key, floor: floor)
        case .leaseWaiting, .leaseStale: try readLeased(key, floor: floor)
        }
        guard counts else { return }
        reads.requests += 1
        reads.response.record(MonotonicTime.now() - start)
    }

    private func query(_ key: UInt64, floor: UInt32) throws(LoadError) {
        let start = MonotonicTime.now()
        countQuery()
        try session.read(key, into: &value)
        if delayMicroseconds > 0 { usleep(delayMicroseconds) }
        if counts {
            reads.queries += 1
            reads.query.record(MonotonicTime.now() - start)
        }
        let version = value.withUnsafeBytes { judge($0, key, source: "the database") }
        if let version, version < floor {
            note("stale", key, "the database", "version \(version) was read after version \(floor) was acknowledged")
        }
    }

    private func countQuery() {
        let change = versions.change
        while queriesByChange.count <= change { queriesByChange.append(0) }
        queriesByChange[change] += 1
    }

    // MARK: Cache-aside

    private func readAside(_ key: UInt64, floor: UInt32) throws(LoadError) {
        guard let cache else { return try query(key, floor: floor) }
        let answer = try cache.get(key)
        if answer.isHit {
            if counts { reads.hits += 1 }
            judge(answer, key, floor: floor, isStaleAllowed: true)
            return
        }
        if counts { reads.misses += 1 }
        try query(key, floor: floor)
        count(try cache.set(key, value, secondsToLive: Int32(secondsToLive)))
    }

    // MARK: Leases

    /// 1. A hit with a value, stale or not, is the answer, unless this client has won.
    /// 2. Who has won queries and stores by the token of the lease, so that an older value never replaces a newer one.
    /// 3. An empty item means that somebody else fetches the value: wait and ask again.
    /// 4. Whoever has waited for too long queries, and stores nothing.
    private func readLeased(_ key: UInt64, floor: UInt32) throws(LoadError) {
        guard let cache else { return try query(key, floor: floor) }
        var waitMicroseconds = Self.waitMicrosecondsMin
        let patienceEnd = MonotonicTime.now() + Self.patienceNanoseconds
        var isFirst = true
        while true {
            let answer = try cache.lease(key, seconds: Self.leaseSeconds)
            if counts, isFirst {
                // The server's own word for it, as in its statistics: an empty item is no value.
                if answer.value.count > 0, !answer.isWinner { reads.hits += 1 } else { reads.misses += 1 }
            }
            if answer.isWinner {
                let token = answer.token
                try query(key, floor: floor)
                count(try cache.set(key, value, secondsToLive: UInt64(secondsToLive), token: token))
                return
            }
            if answer.isHit, answer.value.count > 0 {
                if counts, answer.isStale { reads.staleMarked += 1 }
                judge(answer, key, floor: floor, isStaleAllowed: answer.isStale)
                return
            }
            // Not the client's request any more, but the end of the phase.
            if control.isStopping { return counts = false }
            guard answer.isHit, MonotonicTime.now() < patienceEnd else {
                if counts { reads.impatient += 1 }
                return try query(key, floor: floor)
            }
            if counts, isFirst { reads.waited += 1 }
            isFirst = false
            usleep(waitMicroseconds)
            waitMicroseconds = min(2 * waitMicroseconds, Self.waitMicrosecondsMax)
        }
    }

    /// An item that nobody fills is gone after so long.
    static let leaseSeconds: UInt64 = 30
    private static let waitMicrosecondsMin: UInt32 = 200
    private static let waitMicrosecondsMax: UInt32 = 5000
    private static let patienceNanoseconds: UInt64 = 2_000_000_000

    // MARK: Judging

    private func count(_ outcome: CacheConnection.StoreOutcome) {
        guard counts else { return }
        switch outcome {
        case .stored: break
        case .overtaken: reads.overtaken += 1
        case .refused: reads.refused += 1
        }
    }

    private func judge(_ answer: CacheConnection.Answer, _ key: UInt64, floor: UInt32, isStaleAllowed: Bool) {
        guard !answer.isForeign else {
            return note("foreign", key, "the cache", "the answer was for another key")
        }
        guard let version = judge(answer.value, key, source: "the cache"), version < floor else { return }
        if !isStaleAllowed {
            note("stale", key, "the cache", "version \(version) came unmarked after \(floor) was acknowledged")
        } else if counts, !answer.isStale {
            reads.staleUnmarked += 1
        }
    }

    /// The version, if the value is byte for byte what the row has or had.
    private func judge(_ bytes: UnsafeRawBufferPointer, _ key: UInt64, source: String) -> UInt32? {
        verified += 1
        let wanted = table.valueBytes(of: key)
        guard let start = bytes.baseAddress, bytes.count == wanted else {
            note("length", key, source, "\(bytes.count) bytes came, the row has \(wanted)")
            return nil
        }
        switch ValueStamp.verify(start, count: bytes.count, key: key) {
        case .good(let version, _):
            let issued = versions.issued
            guard version >= RowTable.firstVersion, version <= issued else {
                note("invented", key, source, "version \(version) came, the row has had no more than \(issued)")
                return nil
            }
            return version
        case .foreign(let other): note("foreign", key, source, "the value of key \(other) came")
        case .torn(let offset): note("torn", key, source, "byte \(offset) is not as it was written")
        case .length(let written): note("length", key, source, "\(written) bytes were written")
        }
        return nil
    }

    private func note(_ kind: String, _ key: UInt64, _ source: String, _ explanation: String) {
        wrong += 1
        guard violations.count < DatabaseResult.violationsMax else { return }
        violations.append(Violation(kind: kind, key: "\(key)", server: source, explanation: explanation))
    }
}
