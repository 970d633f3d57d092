import Synchronization

/// How much a second what clients do may bring into the log: who sends a million bad commands, or connects a million
/// times, must not fill a disk with it.
///
/// 1. A second has room for so many lines, and for so many bytes; lines beyond are counted and not written. What a line
///    takes is known when it has been composed, so the last one may go beyond the bytes.
/// 2. The count is told when the second is over: with the server's tick, or in front of the next line, whichever is
///    first.
///
///     word   |second, 32 bits|of lines or bytes in it, 32 bits|
///
/// Any thread. Seconds are the server's.
package struct LogRate: ~Copyable {
    /// Lines that were to be written, and bytes that were.
    private let lines = Atomic<UInt64>(0)
    private let bytes = Atomic<UInt64>(0)
    /// Lines left out that have not been told.
    private let leftOut = Atomic<Int>(0)
    private let linesMax: UInt32
    private let bytesMax: UInt32

    package init(linesMax: Int, bytesMax: Int = .max) {
        self.linesMax = UInt32(clamping: linesMax)
        self.bytesMax = UInt32(clamping: bytesMax)
    }

    /// Whether a line may be written now, and how many were left out in the seconds before and have not been told.
    package borrowing func admit(at second: UInt32) -> (isAdmitted: Bool, leftOut: Int) {
        let (lineCount, isOver) = Self.add(1, to: lines, at: second)
        let told = isOver ? leftOut.exchange(0, ordering: .relaxed) : 0
        let isAdmitted = lineCount <= linesMax && Self.add(0, to: bytes, at: second).count < bytesMax
        if !isAdmitted { leftOut.add(1, ordering: .relaxed) }
        return (isAdmitted, told)
    }

    /// After an admitted line: how long it is.
    package borrowing func spend(bytes count: Int, at second: UInt32) {
        _ = Self.add(UInt32(clamping: count), to: bytes, at: second)
    }

    /// Lines that were to be written in the latest second.
    package var lineCount: Int { Int(UInt32(truncatingIfNeeded: lines.load(ordering: .relaxed))) }

    /// How many lines were left out in the seconds before and have not been told.
    package borrowing func takeLeftOut(at second: UInt32) -> Int {
        Self.add(0, to: lines, at: second).isOver ? leftOut.exchange(0, ordering: .relaxed) : 0
    }

    /// Returns what the second has come to, and whether it is another than before.
    private static func add(
        _ amount: UInt32, to word: borrowing Atomic<UInt64>, at second: UInt32
    ) -> (count: UInt32, isOver: Bool) {
        var found = word.load(ordering: .relaxed)
        while true {
            let (then, before) = (UInt32(truncatingIfNeeded: found >> 32), UInt32(truncatingIfNeeded: found))
            // Forward only: workers learn of a new second one after the other.
            let isOver = Int32(bitPattern: second &- then) > 0
            let (sum, isOverflown) = before.addingReportingOverflow(amount)
            let count = isOver ? amount : isOverflown ? .max : sum
            let next = UInt64(isOver ? second : then) << 32 | UInt64(count)
            let (isDone, original) = word.compareExchange(expected: found, desired: next, ordering: .relaxed)
            if isDone { return (count, isOver) }
            found = original
        }
    }
}
