import Synchronization

/// Linearizability: whether what several clients saw of one thing can be put in a single order that respects real time.
///
/// Goals: exact verdicts on histories of some thousand operations with a handful of clients; usable on whatever can be
/// stamped, a store in this process or a server behind sockets.
/// Non-goals: histories with operations that never returned; things with more state than is worth hashing.
/// Threads: each client stamps on its own thread from one shared clock; the check is a pure function afterwards.
///
/// Reading order: History (stamps), Linearization (the search), ItemModel (one key of a memcached), TokenRule (what its
/// tokens do), HistoryVerdict (what people are told).

/// An operation that was carried out: what was asked and answered, and when it began and ended on the shared clock.
package struct Call<Operation: Sendable>: Sendable, CustomStringConvertible {
    package let client: Int
    package let operation: Operation
    package let began: Int
    package let ended: Int

    package init(client: Int, operation: Operation, began: Int, ended: Int) {
        self.client = client
        self.operation = operation
        self.began = began
        self.ended = ended
    }
}

extension Call {
    package var description: String { "\(began)...\(ended) client \(client): \(operation)" }
}

/// The clock that orders calls: every reading is different, and later for whoever reads later.
package final class HistoryClock: Sendable {
    private let reading = Atomic<Int>(0)

    package init() {}

    package func next() -> Int {
        reading.wrappingAdd(1, ordering: .sequentiallyConsistent).newValue
    }

    /// Carries out `body` and stamps it.
    package func stamp<Operation: Sendable>(client: Int, _ body: () -> Operation) -> Call<Operation> {
        let began = next()
        let operation = body()
        return Call(client: client, operation: operation, began: began, ended: next())
    }
}
