import CShims
import Glibc

/// A thread of the server: started with a C function and a context, ended by returning, joined exactly once.
struct ServerThread: BitwiseCopyable {
    typealias Body = @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer?

    private let thread: pthread_t

    /// nil when the system gives no thread. Signals stay with the main thread: they are blocked in the new one.
    static func start(context: UnsafeMutableRawPointer, _ body: Body) -> ServerThread? {
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        var thread = pthread_t()
        return pthread_create(&thread, nil, body, context) == 0 ? ServerThread(thread: thread) : nil
    }

    /// Waits until the thread's function has returned.
    func join() { pthread_join(thread, nil) }

    /// Runs `body` with 0..<count, each on a thread of its own, the last on the calling one; returns when all have
    /// ended. Where the system gives no thread the caller does its work as well.
    static func inParallel(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
        let threads = (0..<max(0, count - 1)).map { index in
            let work = Unmanaged.passRetained(Work { body(index) })
            let thread = start(context: work.toOpaque()) { context in
                Unmanaged<Work>.fromOpaque(context.unsafelyUnwrapped).takeRetainedValue().run()
                return nil
            }
            if thread == nil { work.takeRetainedValue().run() }
            return thread
        }
        if count > 0 { body(count - 1) }
        for thread in threads { thread?.join() }
    }

    private final class Work: Sendable {
        let run: @Sendable () -> Void

        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Lets the process's other threads go before the calling one wherever they share a core. It still has about a
    /// tenth of the core beside one that never rests.
    static func giveWay() {
        // On Linux that is the thread's own, whatever the library says of processes.
        _ = nice(10)
    }

    /// Names the calling thread for ps and debuggers; at most 15 bytes.
    static func nameCurrent(_ name: String) { name.withCString { cshims_name_thread($0) } }
}
