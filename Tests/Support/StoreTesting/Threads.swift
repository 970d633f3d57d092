import Glibc

/// Runs `body` on `count` threads of their own, which start together, and waits for all of them.
package func onThreads(_ count: Int, _ body: @escaping @Sendable (_ index: Int) -> Void) {
    let gate = StartingGate(count)
    let threads = (0..<count).map { index in
        startThread {
            gate.wait()
            body(index)
        }
    }
    for thread in threads { pthread_join(thread, nil) }
}

/// Runs `body` for each client on a thread of its own.
package func onThreads(
    _ clients: [StoreClient], _ body: @escaping @Sendable (_ client: StoreClient, _ index: Int) -> Void
) {
    onThreads(clients.count) { body(clients[$0], $0) }
}

private func startThread(_ body: @escaping @Sendable () -> Void) -> pthread_t {
    var thread = pthread_t()
    let result = pthread_create(
        &thread, nil,
        { context in
            let body = Unmanaged<ThreadBody>.fromOpaque(context!).takeRetainedValue()
            body.run()
            return nil
        }, Unmanaged.passRetained(ThreadBody(body)).toOpaque())
    precondition(result == 0, "a thread can be started")
    return thread
}

private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void

    init(_ run: @escaping @Sendable () -> Void) {
        self.run = run
    }
}

/// Holds threads back until all have come.
private final class StartingGate: @unchecked Sendable {
    // Sendable: the barrier is made for threads.
    private let barrier = UnsafeMutablePointer<pthread_barrier_t>.allocate(capacity: 1)

    init(_ count: Int) {
        pthread_barrier_init(barrier, nil, UInt32(count))
    }

    deinit {
        pthread_barrier_destroy(barrier)
        barrier.deallocate()
    }

    func wait() {
        pthread_barrier_wait(barrier)
    }
}
