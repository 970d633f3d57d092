import CShims
import Glibc
import MartletStore
import Synchronization

/// The threads of the store's background work.
///
/// The maintainer itself works five times a second, more often while there is more to do, and at once where a class
/// lacks a page. Beside it the memory maker has the system fill huge pages with zeroes, before they are needed. That may
/// take milliseconds, for which a worker on the same core would wait; so it lets all others go first, which page moves
/// must not.
///
/// In raw memory, because the threads point to it. Nobody ever waits for the work itself, except `stop` for the pass
/// under way.
struct Maintainer: ~Copyable {
    fileprivate let server: UnsafeMutablePointer<ServerContext>
    fileprivate let isStopping = Atomic<Bool>(false)
    fileprivate var thread: ServerThread?
    fileprivate var memoryMaker: ServerThread?
    let observer: UnsafeMutablePointer<Observer>

    init(server: UnsafeMutablePointer<ServerContext>) {
        self.server = server
        observer = .make(server)
        server.pointee.store.setMaintainerListener(observer.listener)
    }

    deinit {
        server.pointee.store.setMaintainerListener(nil)
        observer.destroy()
    }
}

extension UnsafeMutablePointer where Pointee == Maintainer {
    static func make(server: UnsafeMutablePointer<ServerContext>) -> Self {
        let maintainer = Self.allocate(capacity: 1)
        maintainer.initialize(to: Maintainer(server: server))
        return maintainer
    }

    /// Returns false when the system gives no thread.
    func start() -> Bool {
        pointee.thread = ServerThread.start(context: self) { context in
            context.unsafelyUnwrapped.assumingMemoryBound(to: Maintainer.self).run()
            return nil
        }
        pointee.memoryMaker = ServerThread.start(context: self) { context in
            context.unsafelyUnwrapped.assumingMemoryBound(to: Maintainer.self).makeMemory()
            return nil
        }
        return pointee.thread != nil && pointee.memoryMaker != nil
    }

    /// Ends the threads after what is under way.
    func stop() {
        pointee.isStopping.store(true, ordering: .releasing)
        pointee.server.pointee.store.wake()
        pointee.thread?.join()
        pointee.thread = nil
        pointee.memoryMaker?.join()
        pointee.memoryMaker = nil
    }

    /// Frees a stopped maintainer.
    func destroy() {
        deinitialize(count: 1)
        deallocate()
    }

    private func run() {
        ServerThread.nameCurrent("maintainer")
        let server = pointee.server
        let store = server.pointee.store
        var nextPass = Self.milliseconds + Limits.maintenancePauseMilliseconds
        while true {
            store.awaitWork(milliseconds: max(0, nextPass - Self.milliseconds))
            if pointee.isStopping.load(ordering: .acquiring) { return }
            // Woken early for a page that a class lacks.
            if Self.milliseconds < nextPass {
                _ = store.movePages()
                if store.hasWaitingMove { nextPass = min(nextPass, Self.milliseconds + Limits.movePauseMilliseconds) }
                continue
            }
            let isBusy = store.maintain(now: server.pointee.clock.second)
            store.noteTime(
                now: server.pointee.clock.second, zeroMilliseconds: server.pointee.clock.wallMillisecondsAtZero)
            releaseRareText()
            // A page that memcached's mover cannot empty yet is looked at again at its pace.
            let rest =
                store.hasWaitingMove
                ? Limits.movePauseMilliseconds
                : isBusy ? Limits.maintenanceBusyPauseMilliseconds : Limits.maintenancePauseMilliseconds
            nextPass = Self.milliseconds + rest
        }
    }

    private func makeMemory() {
        ServerThread.nameCurrent("memory-maker")
        ServerThread.giveWay()
        let store = pointee.server.pointee.store
        while !pointee.isStopping.load(ordering: .acquiring) {
            store.makeMemory()
            store.awaitMemoryWish()
        }
    }

    /// After the start, and after each statistics command. What comes back at once is what serving needs: some tens of
    /// page faults without reading. Not in debug builds, where a debugger's breakpoints stand in the text.
    private func releaseRareText() {
        guard pointee.server.pointee.administration.usedRareText.exchange(false, ordering: .relaxed) else { return }
        #if !DEBUG
        cshims_release_program_text()
        #endif
    }

    /// Milliseconds of the monotonic clock.
    private static var milliseconds: Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }
}
