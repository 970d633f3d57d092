import Glibc
import LoadEngine
import Synchronization

/// Judges the histories of several keys at the same time.
final class HistoryJudges: Sendable {
    typealias Histories = [Int: [Call<ItemModel.Operation>]]

    private let names: [Int]
    private let histories: Histories
    private let mayEvict: Bool
    private let tokens: TokenRule
    /// The next one that nobody judges yet.
    private let place = Atomic<Int>(0)
    /// One for each name, written by whoever took its place, and read when all have ended.
    // Reason: `place` gives each slot to one thread, and joining them orders their writes before the reading.
    private nonisolated(unsafe) let slots: UnsafeMutablePointer<HistoryVerdict?>

    private init(_ histories: Histories, mayEvict: Bool, tokens: TokenRule) {
        names = histories.keys.sorted()
        self.histories = histories
        self.mayEvict = mayEvict
        self.tokens = tokens
        slots = .allocate(capacity: names.count)
        slots.initialize(repeating: nil, count: names.count)
    }

    deinit {
        slots.deinitialize(count: names.count)
        slots.deallocate()
    }

    static func verdicts(
        _ histories: Histories, mayEvict: Bool, tokens: TokenRule
    ) throws(LoadError) -> [Int: HistoryVerdict] {
        let judges = HistoryJudges(histories, mayEvict: mayEvict, tokens: tokens)
        let cores = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        try JoinedThread.run(min(cores, histories.count)) { _ in judges.work() }
        var verdicts: [Int: HistoryVerdict] = [:]
        for (index, name) in judges.names.enumerated() { verdicts[name] = judges.slots[index] }
        return verdicts
    }

    private func work() {
        while true {
            let index = place.wrappingAdd(1, ordering: .relaxed).oldValue
            guard index < names.count else { return }
            slots[index] = HistoryVerdict.of(histories[names[index]] ?? [], mayEvict: mayEvict, tokens: tokens)
        }
    }
}
