import CLibevent
import Glibc

/// Lets another thread make a waiting loop call back. Any number of wakes before the loop looks become one callback.
package struct LoopWakeup: ~Copyable {
    private let storage: UnsafeMutableRawPointer
    private let watcher: SocketWatcher
    private let descriptor: Int32

    /// A started wakeup; nil when the kernel gives no descriptor. The callback must call `acknowledge`.
    package init?(loop: borrowing EventLoop, callback: WatcherCallback, context: UnsafeMutableRawPointer?) {
        let descriptor = clibevent_wakeup_new()
        guard descriptor >= 0 else { return nil }
        let storage = UnsafeMutableRawPointer.allocate(
            byteCount: SocketWatcher.storageBytes, alignment: SocketWatcher.storageAlignment)
        let watcher = SocketWatcher(
            storage: storage, loop: loop, descriptor: descriptor, interest: .readable, callback: callback,
            context: context)
        guard watcher.start() else {
            storage.deallocate()
            _ = close(descriptor)
            return nil
        }
        self.descriptor = descriptor
        self.storage = storage
        self.watcher = watcher
    }

    deinit {
        watcher.stop()
        storage.deallocate()
        _ = close(descriptor)
    }

    /// Any thread, as long as the wakeup exists. Also safe in a signal's action.
    package func wake() { Self.wake(descriptor) }

    /// Wakes through a copy of `wakeDescriptor`, for threads that cannot reach the wakeup itself.
    package static func wake(_ descriptor: Int32) {
        var count: UInt64 = 1
        // Linux fails only when the count is at its maximum, and then the loop is about to be woken anyway. Whatever
        // stands between (a sandbox, a fault injector) may fail now and then, and a lost wake is never made up for.
        var tries = 0
        while write(descriptor, &count, MemoryLayout<UInt64>.size) < 0 && tries < retriesMax { tries += 1 }
    }

    private static let retriesMax = 16

    package var wakeDescriptor: Int32 { descriptor }

    /// Takes the wakes received so far. The loop's thread, before looking at what they announce.
    package func acknowledge() {
        var count: UInt64 = 0
        _ = read(descriptor, &count, MemoryLayout<UInt64>.size)
    }
}
