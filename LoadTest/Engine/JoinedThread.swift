import Glibc

/// A thread of the system for work that waits or must not share a core's time with tasks. It is joined exactly once.
package struct JoinedThread: @unchecked Sendable {
    private let thread: pthread_t

    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// nil when the system gives no thread.
    package static func start(_ run: @escaping @Sendable () -> Void) -> JoinedThread? {
        let body = Unmanaged.passRetained(Body(run))
        var thread = pthread_t()
        let status = pthread_create(
            &thread, nil,
            { context in
                // Safe: the reference that was retained for this thread.
                Unmanaged<Body>.fromOpaque(context.unsafelyUnwrapped).takeRetainedValue().run()
                return nil
            }, body.toOpaque())
        if status == 0 { return JoinedThread(thread: thread) }
        body.release()
        return nil
    }

    /// Waits until the thread's work has ended.
    package func join() { pthread_join(thread, nil) }

    /// Runs `body` in `count` threads and returns when all have ended.
    package static func run(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) throws(LoadError) {
        var threads: [JoinedThread] = []
        defer { for thread in threads { thread.join() } }
        for index in 0..<count {
            guard let thread = start({ body(index) }) else {
                throw .circumstances("The system gives no thread for client \(index + 1) of \(count).")
            }
            threads.append(thread)
        }
    }
}
