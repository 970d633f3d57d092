import CShims
import Glibc
import MartletStore

/// A cache that outlives its server (`-e FILE`): from the file at the start, into the file at a planned stop.
///
/// 1. The clock goes on where that of the last server would be by now, so every item has as much of its life left as it
///    would have had. A wall clock that has gone back tells nothing of how long that was: then the cache is empty.
/// 2. Whatever is wrong with the file means an empty cache and a sentence on stderr; only a file that cannot be had,
///    and FILE.meta without FILE, end the start.
/// 3. A server that has taken the cache up and then cannot listen hands it on as if it had been stopped in order.
///
/// docs/restart.md is for operators.
enum WarmRestart {
    /// The store, with what the memory file has for it. Moves the clock.
    static func makeStore(_ settings: ServerSettings, _ clock: inout ServerClock) throws(StartError) -> CacheStore {
        var secret: (UInt64, UInt64) = (0, 0)
        guard withUnsafeMutableBytes(of: &secret, { cshims_random_bytes($0.baseAddress, $0.count) }) else {
            throw StartError("the system gives no random bytes", status: ExitStatus.system)
        }
        do {
            guard let path = settings.memoryFilePath else {
                return try CacheStore(settings: settings.storeSettings, secret: secret, now: clock.second)
            }
            let file = try MemoryFile(path: path, settings: settings.storeSettings)
            if let saved = file.saved {
                if clock.goOn(from: saved.zeroMilliseconds, at: saved.second) {
                    secret = saved.secret
                } else {
                    file.forget(because: "the clock has gone back since \(path) was written")
                }
            }
            let store = try open(file, settings, secret, now: clock.second)
            clock.tick()
            store.openFile(now: clock.second, zeroMilliseconds: clock.wallMillisecondsAtZero)
            return store
        } catch {
            switch error {
            case .file(let sentence): throw StartError("restart: \(sentence)", status: ExitStatus.failure)
            default: throw StartError("cannot create the cache: \(error)", status: ExitStatus.failure)
            }
        }
    }

    private static func open(
        _ file: MemoryFile, _ settings: ServerSettings, _ secret: (UInt64, UInt64), now: UInt32
    ) throws(StoreCreationError) -> CacheStore {
        let begun = milliseconds
        var store = try CacheStore(settings: settings.storeSettings, secret: secret, now: now, file: file)
        var count = 0
        if store.canTakeUp {
            if let found = store.takeUp(now: now, threadCount: threadCount, ServerThread.inParallel) {
                count = found
                ServerLog.write("restart: \(count) items taken up in \(milliseconds - begun) ms")
            } else {
                store.destroy()
                store = try CacheStore(settings: settings.storeSettings, secret: secret, now: now, file: file)
            }
        }
        if let remark = file.remark { ServerLog.write("restart: \(remark)") }
        return store
    }

    /// Leaves the cache to the next server. Nobody uses the store any more.
    static func handOn(_ server: borrowing ServerContext) {
        guard let path = server.settings.memoryFilePath else { return }
        server.clock.tick()
        let begun = milliseconds
        let failure = server.store.handOn(
            now: server.clock.second, zeroMilliseconds: server.clock.wallMillisecondsAtZero,
            threadCount: threadCount, ServerThread.inParallel)
        if let failure {
            ServerLog.write("restart: \(failure); the next server will start with an empty cache")
        } else {
            ServerLog.write("restart: the cache is in \(path), summed in \(milliseconds - begun) ms")
        }
    }

    /// Summing and looking through memory is bound by the memory; more threads than these gain nothing.
    private static let threadCountMax = 8

    private static var threadCount: Int { min(threadCountMax, max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

    private static var milliseconds: Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }
}
