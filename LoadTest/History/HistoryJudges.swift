import Glibc
import LoadEngine
import Synchronization

/// Judges the histories of several keys at the same time.
final class HistoryJudges: Sendable {
    typealias Histories = [Int: [Call<ItemModel.Operation>]]

    private let names: [Int]
    private let histories: Histories
    private let mayEvict: Bool
    /// The next one that nobody judges yet.
    private let place = Atomic<Int>(0)
    private let verdicts = Mutex<[Int: HistoryVerdict]>([:])

    private init(_ histories: Histories, mayEvict: Bool) {
        names = histories.keys.sorted()
        self.histories = histories
        self.mayEvict = mayEvict
    }

    static func verdicts(_ histories: Histories, mayEvict: Bool) throws(LoadError) -> [Int: HistoryVerdict] {
        let judges = HistoryJudges(histories, mayEvict: mayEvict)
        let cores = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        try JoinedThread.run(min(cores, histories.count)) { _ in judges.work() }
        return judges.verdicts.withLock(\.self)
    }

    private func work() {
        while true {
            let index = place.wrappingAdd(1, ordering: .relaxed).oldValue
            guard index < names.count else { return }
            let verdict = HistoryVerdict.of(histories[names[index]] ?? [], mayEvict: mayEvict)
            verdicts.withLock { $0[names[index]] = verdict }
        }
    }
}
