import Glibc
import Synchronization

/// Small requests, one after the other on several connections, while something else goes on.
final class Probe: Sendable {
    struct Result {
        var count = 0
        var failures = 0
        var reason = ""
        var longestMicroseconds = 0
        var seconds = 0.0
    }

    /// What is asked of them. The machine may be shared: this is what a client may be kept waiting by others, not how
    /// fast it is served.
    enum Bound {
        /// For one store, one look-up and one `mn`, together.
        static let longestMilliseconds = 1000
        /// A second, as long as the check lasts.
        static let perSecondMin = 20
    }

    private let peers: [Peer]
    private let isStopping = Atomic<Bool>(false)
    private let result = Mutex(Result())
    private let thread = Mutex<BackgroundThread?>(nil)
    private let start = Peer.now

    private static let peerCount = 6
    private static let pauseMicroseconds: UInt32 = 2000

    init(_ endpoint: Endpoint) throws {
        peers = try (0..<Self.peerCount).map { _ in try Peer(endpoint) }
        thread.withLock { $0 = BackgroundThread { self.run() } }
    }

    private func run() {
        var number = 0
        while !isStopping.load(ordering: .relaxed) {
            let peer = peers[number % peers.count]
            let start = Peer.now
            do {
                try peer.expect("set probe 0 0 2\r\nhi\r\n", "STORED\r\n")
                try peer.expect("mg probe v\r\n", "VA 2\r\n")
                try peer.expect("mn\r\n", "hi\r\n")
                try peer.expect("", "MN\r\n")
            } catch {
                result.withLock {
                    $0.failures += 1
                    $0.reason = "\(error)"
                }
            }
            result.withLock {
                $0.count += 1
                $0.longestMicroseconds = max($0.longestMicroseconds, Peer.now - start)
            }
            number += 1
            usleep(Self.pauseMicroseconds)
        }
    }

    func stop() -> Result {
        isStopping.store(true, ordering: .relaxed)
        thread.withLock { $0.take() }?.join()
        let seconds = Double(Peer.now - start) / 1e6
        return result.withLock {
            $0.seconds = seconds
            return $0
        }
    }
}

/// A client that asks for the same again and again and reads all of it.
final class BusyReader: Sendable {
    private let count = Mutex(0)
    private let thread = Mutex<BackgroundThread?>(nil)

    init(_ peer: Peer, _ line: String, while goesOn: @escaping @Sendable () -> Bool) {
        thread.withLock {
            $0 = BackgroundThread {
                while goesOn() {
                    peer.send(line)
                    guard peer.skip(to: "END\r\n") else { return }
                    self.count.withLock { $0 += 1 }
                }
            }
        }
    }

    func finish() -> Int {
        thread.withLock { $0.take() }?.join()
        return count.withLock(\.self)
    }
}

/// A thread that is waited for.
struct BackgroundThread: Sendable {
    private let thread: pthread_t

    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    init(_ body: @escaping @Sendable () -> Void) {
        var made = pthread_t()
        let result = pthread_create(
            &made, nil,
            { context in
                Unmanaged<Body>.fromOpaque(context!).takeRetainedValue().run()
                return nil
            }, Unmanaged.passRetained(Body(body)).toOpaque())
        precondition(result == 0, "a thread can be started")
        thread = made
    }

    func join() { pthread_join(thread, nil) }
}
