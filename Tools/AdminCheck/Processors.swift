import CShims
import Glibc

/// Which processors there are for whom: one for what is measured, another one, if there is any, for who scrapes.
struct Processors {
    private let usable: [Int32]

    init() {
        usable = withUnsafeTemporaryAllocation(of: Int32.self, capacity: Self.countMax) { room in
            let count = min(cshims_allowed_cores(room.baseAddress, room.count), room.count)
            return Array(room[..<count])
        }
    }

    private static let countMax = 1024

    /// The calling thread, and what it starts, run on the last one, and wait for it when they wake up.
    func takeOne() {
        Self.stay(on: usable.last)
        var parameters = sched_param()
        sched_setscheduler(0, Self.batch, &parameters)
    }

    /// The calling thread runs on the first one.
    func takeOther() { Self.stay(on: usable.first) }

    private static let batch: Int32 = 3

    private static func stay(on processor: Int32?) {
        guard var processor else { return }
        _ = cshims_keep_to_cores(&processor, 1)
    }
}

enum Clock {
    /// Of a clock that only goes forward.
    static var microseconds: Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1_000_000 + time.tv_nsec / 1000
    }
}
