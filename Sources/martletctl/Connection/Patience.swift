#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// For how long a server is waited for: so many seconds for an answer, and as many again whenever `stepBytes` have come
/// or gone. So a long answer over a slow line is heard to its end, and one that comes a byte at a time is not.
struct Patience {
    private static let stepBytes = 1 << 14

    private let seconds: Double
    private var bytes = 0
    /// When it is over, by the clock that only goes on; nil for never.
    private(set) var endSeconds: Double?

    /// Begins at once.
    init(seconds: Double) {
        self.seconds = seconds
        begin()
    }

    /// Another answer is awaited from now on.
    mutating func begin() {
        guard seconds < .infinity else { return }
        bytes = 0
        endSeconds = Self.now + seconds
    }

    mutating func note(_ count: Int) {
        bytes += count
        if bytes >= Self.stepBytes { begin() }
    }

    /// Whether there is something to receive, or room for something to send, before it is over. What is there when it
    /// is over counts.
    func waits(for descriptor: Int32, toSend: Bool) -> Bool {
        guard let endSeconds else { return true }
        var place = pollfd(fd: descriptor, events: Int16(toSend ? POLLOUT : POLLIN), revents: 0)
        while true {
            let left = max(endSeconds - Self.now, 0)
            let result = poll(&place, 1, Int32((left * 1000).rounded(.up)))
            if result >= 0 || errno != EINTR { return result != 0 }
        }
    }

    private static var now: Double {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
    }
}
