import Glibc
import Synchronization

/// Asks for `/metrics` again and again, each time over a new connection as Prometheus may.
final class Scraper: Sendable {
    private let count = Atomic<Int>(0)
    private let isStopping = Atomic<Bool>(false)
    private let thread = Mutex<pthread_t?>(nil)
    private let port: UInt16
    private let pauseMicroseconds: Int
    private let processors: Processors

    /// Between looks at whether to stop.
    private static let napMicroseconds = 2000

    init(port: UInt16, pauseMicroseconds: Int, _ processors: Processors) {
        self.port = port
        self.pauseMicroseconds = pauseMicroseconds
        self.processors = processors
        var made = pthread_t()
        let result = pthread_create(
            &made, nil,
            { context in
                Unmanaged<Scraper>.fromOpaque(context!).takeRetainedValue().run()
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
        precondition(result == 0, "a thread can be started")
        thread.withLock { $0 = made }
    }

    private func run() {
        processors.takeOther()
        while !isStopping.load(ordering: .relaxed) {
            let due = Clock.microseconds + pauseMicroseconds
            let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            if let stream = try? Stream(port: port), (try? stream.send(Array(request.utf8))) != nil,
                stream.skipAll() > request.utf8.count
            {
                count.add(1, ordering: .relaxed)
            }
            while !isStopping.load(ordering: .relaxed), due > Clock.microseconds {
                usleep(UInt32(clamping: min(Self.napMicroseconds, max(1, due - Clock.microseconds))))
            }
        }
    }

    var scrapes: Int { count.load(ordering: .relaxed) }

    func stop() {
        isStopping.store(true, ordering: .relaxed)
        if let thread = thread.withLock({ $0.take() }) { pthread_join(thread, nil) }
    }
}
