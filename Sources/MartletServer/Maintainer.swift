import CShims
import Glibc
import MartletStore

/// The thread of the store's background work: five times a second, more often while there is more to do.
///
/// In raw memory, because the thread points to it. Nobody ever waits for the work itself, except `stop` for the pass
/// under way.
struct Maintainer: ~Copyable {
    fileprivate let server: UnsafeMutablePointer<ServerContext>
    fileprivate var mutex = pthread_mutex_t()
    fileprivate var condition = pthread_cond_t()
    fileprivate var isStopping = false
    fileprivate var thread: ServerThread?

    init(server: UnsafeMutablePointer<ServerContext>) { self.server = server }
}

extension UnsafeMutablePointer where Pointee == Maintainer {
    static func make(server: UnsafeMutablePointer<ServerContext>) -> Self {
        let maintainer = Self.allocate(capacity: 1)
        maintainer.initialize(to: Maintainer(server: server))
        pthread_mutex_init(&maintainer.pointee.mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(&maintainer.pointee.condition, &attributes)
        pthread_condattr_destroy(&attributes)
        return maintainer
    }

    /// Returns false when the system gives no thread.
    func start() -> Bool {
        pointee.thread = ServerThread.start(context: self) { context in
            context.unsafelyUnwrapped.assumingMemoryBound(to: Maintainer.self).run()
            return nil
        }
        return pointee.thread != nil
    }

    /// Ends the thread after the pass under way.
    func stop() {
        pthread_mutex_lock(&pointee.mutex)
        pointee.isStopping = true
        pthread_cond_signal(&pointee.condition)
        pthread_mutex_unlock(&pointee.mutex)
        pointee.thread?.join()
        pointee.thread = nil
    }

    /// Frees a stopped maintainer.
    func destroy() {
        pthread_cond_destroy(&pointee.condition)
        pthread_mutex_destroy(&pointee.mutex)
        deinitialize(count: 1)
        deallocate()
    }

    private func run() {
        ServerThread.nameCurrent("maintainer")
        let server = pointee.server
        var rest = Limits.maintenancePauseMilliseconds
        while !waitForStop(milliseconds: rest) {
            let isBusy = server.pointee.store.maintain(now: server.pointee.clock.second)
            releaseRareText()
            rest = isBusy ? Limits.maintenanceBusyPauseMilliseconds : Limits.maintenancePauseMilliseconds
        }
    }

    /// What comes back at once is what serving needs: some tens of page faults without reading. Not in debug builds, where a
    /// debugger's breakpoints stand in the text.
    private func releaseRareText() {
        #if !DEBUG
        if pointee.server.pointee.administration.usedRareText.exchange(false, ordering: .relaxed) {
            cshims_release_program_text()
        }
        #endif
    }

    /// Returns whether the thread is to end; false when the time is over.
    private func waitForStop(milliseconds: Int) -> Bool {
        var deadline = timespec()
        clock_gettime(CLOCK_MONOTONIC, &deadline)
        let nanoseconds = deadline.tv_nsec + milliseconds % 1000 * 1_000_000
        deadline.tv_sec += milliseconds / 1000 + nanoseconds / 1_000_000_000
        deadline.tv_nsec = nanoseconds % 1_000_000_000
        pthread_mutex_lock(&pointee.mutex)
        defer { pthread_mutex_unlock(&pointee.mutex) }
        while !pointee.isStopping {
            if pthread_cond_timedwait(&pointee.condition, &pointee.mutex, &deadline) == ETIMEDOUT { break }
        }
        return pointee.isStopping
    }
}
