import Glibc
import MartletStore

/// A worker's reply buffer: the replies of one connection's turn, in order, until one `sendmsg` takes them, and in
/// front of them those of turns before it that are to be sent together (`TurnGroup`).
///
///     bytes    |VALUE a 0 20\r\n....\r\nVALUE b 0 9000\r\n|\r\nEND\r\n|
///     marks                                       ^ position of the mark, which holds the lease of b's value
///
/// Small values are copied between the reply's other bytes; large ones are leased and sent from where they live. A mark
/// says in front of which byte a lease's value goes, so bytes and leases keep the order in which they were appended.
///
/// The writer's contract:
/// 1. `reserve(n)` gives room for `n` bytes; nothing is appended until `advance(to:)`. Reservations do not nest, and
///    any other call ends one.
/// 2. A machine asks `isFull` between two replies (also between two values of one reply) and pauses when it is. Nothing
///    breaks when a reply that started before runs past it: the buffer grows, up to `Limits.outputBytesMax`.
/// 3. When it cannot grow, for its bound or for want of memory, the buffer drops what it holds, `isBroken` stays true,
///    and the connection is closed without a further byte. Writers need not look.
///
/// One thread only: the worker's.
package struct OutputBuffer: ~Copyable {
    /// A leased value and the position among `bytes` in front of which it is sent.
    struct LeaseMark: ~Copyable {
        let lease: ItemLease
        let position: Int

        consuming func moved(by distance: Int) -> LeaseMark {
            LeaseMark(lease: lease, position: position + distance)
        }
    }

    /// A place to fall back to with `rewind(to:)`.
    package struct Position: BitwiseCopyable {
        fileprivate let byteCount: Int
        fileprivate let leaseCount: Int
    }

    private(set) var bytes: UnsafeMutableRawPointer
    package private(set) var byteCount = 0
    private var byteCapacity: Int
    /// Replies of other turns that were set aside lie in front of `bytes`:
    ///
    ///     memory   |reply A|reply B|VALUE a 0 20\r\n....          |
    ///              '- asideBytes --'- bytes
    ///
    /// If the buffer gets other memory meanwhile, this is kept for them.
    private var asideBytes = 0
    private var keptMemory: UnsafeMutableRawPointer?
    private(set) var marks: UnsafeMutablePointer<LeaseMark>
    private(set) var leaseCount = 0
    private var leaseCapacity: Int
    /// Value bytes of all leases held.
    package private(set) var leasedBytes = 0
    /// The buffer could not grow; the connection must be closed.
    package private(set) var isBroken = false

    private let syscalls: Syscalls

    package init(_ syscalls: Syscalls = .system) {
        self.syscalls = syscalls
        byteCapacity = Limits.outputBytesInitial
        leaseCapacity = Limits.leaseCountInitial
        // Part of the worker: without it there is none.
        guard let bytes = Syscalls.systemMemory(byteCapacity), let marks = Self.marks(leaseCapacity, .system) else {
            preconditionFailure("There is no memory for a worker's reply buffer.")
        }
        self.bytes = bytes
        self.marks = marks
    }

    deinit {
        marks.deinitialize(count: leaseCount)
        Syscalls.free(marks)
        Syscalls.free(bytes - asideBytes)
        if let keptMemory { Syscalls.free(keptMemory) }
    }

    private static func marks(_ count: Int, _ syscalls: Syscalls) -> UnsafeMutablePointer<LeaseMark>? {
        syscalls.allocate(count * MemoryLayout<LeaseMark>.stride)?.bindMemory(to: LeaseMark.self, capacity: count)
    }

    package var isEmpty: Bool { byteCount == 0 && leaseCount == 0 }

    /// Enough is waiting: the machine should return `.outputFull` before it begins another reply or value.
    package var isFull: Bool { byteCount &+ leasedBytes >= bytesFull }
    /// From where on it is full; what the budget allows for this turn.
    var bytesFull = Limits.outputBytesFull

    // MARK: Appending

    /// Room for `count` bytes, at most `Limits.reserveBytesMax`, behind everything appended so far.
    package mutating func reserve(_ count: Int) -> UnsafeMutableRawPointer {
        if _fastPath(count <= byteCapacity &- byteCount) { return bytes + byteCount }
        return grow(toFit: count)
    }

    /// Appends what was written since the last `reserve`: `end` is where the writer stopped.
    package mutating func advance(to end: UnsafeMutableRawPointer) {
        assert(end >= bytes + byteCount && end <= bytes + byteCapacity)
        byteCount = end - bytes
    }

    /// Appends a copy of `source`, of any length.
    package mutating func append(_ source: UnsafeRawBufferPointer) {
        var rest = source
        while let start = rest.baseAddress, rest.count > 0 {
            let count = min(rest.count, Limits.reserveBytesMax)
            let destination = reserve(count)
            destination.copyMemory(from: start, byteCount: count)
            advance(to: destination + count)
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }

    /// Appends a text of the protocol, such as a status line.
    package mutating func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends a value that stays where it is. The lease ends when the value is sent or the connection closed.
    package mutating func append(lease: consuming ItemLease) {
        if leaseCount == leaseCapacity, !growMarks() { return breakOff() }
        leasedBytes += lease.valueLength
        (marks + leaseCount).initialize(to: LeaseMark(lease: lease, position: byteCount))
        leaseCount += 1
    }

    // MARK: Taking back

    package var position: Position { Position(byteCount: byteCount, leaseCount: leaseCount) }

    /// Drops what was appended since `position` was taken (in the same turn), leases included.
    package mutating func rewind(to position: Position) {
        guard !isBroken, position.byteCount <= byteCount, position.leaseCount <= leaseCount else { return }
        byteCount = position.byteCount
        while leaseCount > position.leaseCount {
            leaseCount -= 1
            leasedBytes -= marks[leaseCount].lease.valueLength
            (marks + leaseCount).deinitialize(count: 1)
        }
    }

    /// Forgets everything, releases the leases and gives back memory beyond the initial size.
    package mutating func removeAll() {
        marks.deinitialize(count: leaseCount)
        forget()
    }

    /// Forgets everything after the leases from `first` on were moved out of `marks`.
    mutating func forgetMovedMarks(from first: Int) {
        marks.deinitialize(count: first)
        forget()
    }

    private mutating func forget() {
        byteCount = 0
        leaseCount = 0
        leasedBytes = 0
        isBroken = false
        if _slowPath(byteCapacity > Limits.outputBytesInitial) { shrink() }
    }

    // MARK: Setting aside

    /// Whether it is only bytes, and not many.
    var isSmall: Bool { leaseCount == 0 && byteCount <= Limits.asideReplyBytesMax }

    /// Whether what is there may be set aside.
    package var maySetAside: Bool {
        isSmall && !isBroken
            && asideBytes &+ Self.wholeLines(byteCount) <= Limits.asideBytesMax && keptMemory == nil
    }

    /// What is read of one reply by the system does not lie on lines of the next, which is written.
    @inline(__always)
    private static func wholeLines(_ count: Int) -> Int { (count &+ 63) & ~63 }

    /// Gives what is there, which stays where it is until `takeBack`, and goes on empty behind it. Only if
    /// `maySetAside`.
    package mutating func setAside() -> UnsafeRawBufferPointer {
        let reply = UnsafeRawBufferPointer(start: bytes, count: byteCount)
        let taken = Self.wholeLines(byteCount)
        bytes += taken
        byteCapacity &-= taken
        asideBytes &+= taken
        byteCount = 0
        return reply
    }

    /// Nothing that was set aside is needed any more. Only while empty.
    package mutating func takeBack() {
        assert(isEmpty, "Replies would be lost.")
        bytes -= asideBytes
        byteCapacity &+= asideBytes
        asideBytes = 0
        if _slowPath(keptMemory != nil) { freeKept() }
    }

    @inline(never)
    private mutating func freeKept() {
        if let keptMemory { Syscalls.free(keptMemory) }
        keptMemory = nil
    }

    /// Gives other memory the place of the present one, which is kept if something lies aside in it.
    private mutating func replaceMemory(_ memory: UnsafeMutableRawPointer, _ capacity: Int) {
        if asideBytes > 0 {
            precondition(keptMemory == nil, "Replies were set aside in memory that is not the first.")
            keptMemory = bytes - asideBytes
        } else {
            Syscalls.free(bytes)
        }
        asideBytes = 0
        bytes = memory
        byteCapacity = capacity
    }

    /// What is to be sent, in order.
    var view: ReplyView { ReplyView(bytes: bytes, byteCount: byteCount, marks: marks, markCount: leaseCount) }

    /// Calls `body` with all of it, in order, in pieces of at most `mostBytes`: what sending would send.
    package borrowing func forEachPiece(mostBytes: Int = .max, _ body: (UnsafeRawBufferPointer) -> Void) {
        var cursor = ReplyCursor()
        withUnsafeTemporaryAllocation(of: iovec.self, capacity: 2) { pieces in
            let start = pieces.baseAddress.unsafelyUnwrapped
            while cursor.fill(start, countMax: pieces.count, from: view).count > 0 {
                let count = min(pieces[0].iov_len, mostBytes)
                body(UnsafeRawBufferPointer(start: pieces[0].iov_base, count: count))
                cursor.advance(by: count, in: view)
            }
        }
    }

    // MARK: Growing

    @inline(never)
    private mutating func grow(toFit count: Int) -> UnsafeMutableRawPointer {
        precondition(count <= Limits.reserveBytesMax, "A reservation is larger than Limits.reserveBytesMax.")
        let capacity = max(min(byteCapacity * 2, Limits.outputBytesMax), byteCount + count)
        guard !isBroken, capacity <= Limits.outputBytesMax, let larger = syscalls.allocate(capacity) else {
            breakOff()
            return bytes
        }
        larger.copyMemory(from: bytes, byteCount: byteCount)
        replaceMemory(larger, capacity)
        return bytes + byteCount
    }

    @inline(never)
    private mutating func growMarks() -> Bool {
        guard let larger = Self.marks(leaseCapacity * 2, syscalls) else { return false }
        larger.moveInitialize(from: marks, count: leaseCount)
        Syscalls.free(marks)
        marks = larger
        leaseCapacity *= 2
        return true
    }

    /// Rule 3.
    @inline(never)
    private mutating func breakOff() {
        removeAll()
        isBroken = true
    }

    @inline(never)
    private mutating func shrink() {
        // Without memory for the smaller one the larger one stays.
        guard let smaller = syscalls.allocate(Limits.outputBytesInitial) else { return }
        replaceMemory(smaller, Limits.outputBytesInitial)
    }
}
