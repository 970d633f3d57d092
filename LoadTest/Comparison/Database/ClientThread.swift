import LoadEngine
import Synchronization

/// Threads of the scenario's clients: each one waits for its server, as most programs do.
enum ClientThread {
    /// Runs `body` in `count` threads while `meanwhile` runs in this one; `control` is told to stop when that returns
    /// or anything fails. Gives what the bodies returned, in order, when all have ended; throws the first failure.
    static func run<Result: Sendable>(
        count: Int, control: ClientControl, body: @escaping @Sendable (Int) throws(LoadError) -> Result,
        meanwhile: () throws(LoadError) -> Void
    ) throws(LoadError) -> [Result] {
        let results = Results<Result>(count: count)
        var threads: [JoinedThread] = []
        for index in 0..<count {
            let thread = JoinedThread.start {
                do throws(LoadError) {
                    results.set(index, try body(index))
                } catch {
                    control.fail(error)
                }
            }
            guard let thread else {
                control.fail(.circumstances("The system gives no thread for client \(index + 1) of \(count)."))
                break
            }
            threads.append(thread)
        }
        do throws(LoadError) {
            if control.failure == nil { try meanwhile() }
        } catch {
            control.fail(error)
        }
        control.stop()
        for thread in threads { thread.join() }
        if let failure = control.failure { throw failure }
        return results.all
    }

    private final class Results<Result: Sendable>: Sendable {
        private let slots: Mutex<[Result?]>
        init(count: Int) { slots = Mutex(Array(repeating: nil, count: count)) }
        func set(_ index: Int, _ result: Result) { slots.withLock { $0[index] = result } }
        var all: [Result] { slots.withLock { $0.compactMap(\.self) } }
    }
}

/// What the threads of a phase share: whether to measure, whether to stop, and why.
package final class ClientControl: Sendable {
    private let measures = Atomic<Bool>(false)
    private let stops = Atomic<Bool>(false)
    private let firstFailure = Mutex<LoadError?>(nil)

    package init() {}

    var isMeasuring: Bool { measures.load(ordering: .relaxed) }
    var isStopping: Bool { stops.load(ordering: .relaxed) }
    var failure: LoadError? { firstFailure.withLock(\.self) }

    func measure(_ on: Bool) { measures.store(on, ordering: .relaxed) }
    func stop() { stops.store(true, ordering: .relaxed) }

    func fail(_ error: LoadError) {
        firstFailure.withLock { if $0 == nil { $0 = error } }
        stop()
    }

    /// Waits for the phase to last until `deadline`; throws when the end is asked for, returns early when a thread
    /// failed.
    func wait(until deadline: UInt64, _ endRequest: EndRequest) throws(LoadError) {
        while !isStopping {
            let now = MonotonicTime.now()
            guard now < deadline else { return }
            try endRequest.sleep(nanoseconds: min(deadline - now, Self.sliceNanoseconds))
        }
    }

    /// How late a thread's failure may be noticed.
    private static let sliceNanoseconds: UInt64 = 20_000_000
}
