import Synchronization

/// How many lines a second what clients do may bring into the log: who sends a million bad commands, or connects a
/// million times, must not fill a disk with it.
///
/// 1. A second has room for so many lines; those beyond are counted and not written.
/// 2. The count is written when the second is over: with the server's tick, or in front of the next line, whichever is
///    first.
///
///     word   |second, 32 bits|lines that were to be written in it, 32 bits|
///
/// Any thread. Seconds are the server's.
package struct LogRate: ~Copyable {
    private let word = Atomic<UInt64>(0)
    private let linesMax: UInt32

    package init(linesMax: Int) { self.linesMax = UInt32(clamping: linesMax) }

    /// Whether a line may be written now, and how many were left out in the seconds before and have not been told.
    package borrowing func admit(at second: UInt32) -> (isAdmitted: Bool, leftOut: Int) {
        let (count, leftOut) = add(1, at: second)
        return (count <= linesMax, leftOut)
    }

    /// Lines that were to be written in the latest second.
    package var lineCount: Int { Int(UInt32(truncatingIfNeeded: word.load(ordering: .relaxed))) }

    /// How many lines were left out in the seconds before and have not been told.
    package borrowing func takeLeftOut(at second: UInt32) -> Int { add(0, at: second).leftOut }

    private borrowing func add(_ lines: UInt32, at second: UInt32) -> (count: UInt32, leftOut: Int) {
        var found = word.load(ordering: .relaxed)
        while true {
            let (then, before) = (UInt32(truncatingIfNeeded: found >> 32), UInt32(truncatingIfNeeded: found))
            // Forward only: workers learn of a new second one after the other.
            let isOver = Int32(bitPattern: second &- then) > 0
            let count = isOver ? lines : before == .max ? before : before + lines
            let next = UInt64(isOver ? second : then) << 32 | UInt64(count)
            let (isDone, original) = word.compareExchange(expected: found, desired: next, ordering: .relaxed)
            if isDone { return (count, isOver && before > linesMax ? Int(before - linesMax) : 0) }
            found = original
        }
    }
}
