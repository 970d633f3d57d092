import Synchronization

/// Which versions of a row's value may be read.
///
///     1 ... acknowledged ... issued
///
/// 1. Whoever changes the row raises `issued` before the database is told, and `acknowledged` after database and cache
///    have answered.
/// 2. A read that began when `acknowledged` was n must not bring a version below n: that would be stale.
/// 3. No read can bring a version above `issued`.
package final class RowVersions: Sendable {
    private let issuedVersion: Atomic<UInt32>
    private let acknowledgedVersion: Atomic<UInt32>
    /// Which change it is, counted from 0.
    private let changeIndex = Atomic<Int>(0)

    package init() {
        issuedVersion = Atomic(RowTable.firstVersion)
        acknowledgedVersion = Atomic(RowTable.firstVersion)
    }

    var issued: UInt32 { issuedVersion.load(ordering: .sequentiallyConsistent) }
    var acknowledged: UInt32 { acknowledgedVersion.load(ordering: .sequentiallyConsistent) }
    var change: Int { changeIndex.load(ordering: .relaxed) }

    /// The next version.
    package func issue() -> UInt32 { issuedVersion.add(1, ordering: .sequentiallyConsistent).newValue }

    /// The database has it and the cache no longer shows the one before.
    package func acknowledge(_ version: UInt32) {
        acknowledgedVersion.store(version, ordering: .sequentiallyConsistent)
    }

    /// Queries from now on are counted for the next change.
    func countChange() { changeIndex.add(1, ordering: .relaxed) }
}
