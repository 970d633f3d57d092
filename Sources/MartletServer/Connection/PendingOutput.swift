/// Replies that a socket did not take: what is left of a turn's `OutputBuffer`, kept by the connection until it is
/// sent.
///
/// Nothing is ever appended: the connection is not read, so no further replies arise, until this is empty. Its size is
/// therefore bounded by one turn's output, and counted against the `BufferBudget` by the connection that owns it.
struct PendingOutput: ~Copyable {
    private let bytes: UnsafeMutableRawPointer
    private let byteCount: Int
    private let marks: UnsafeMutablePointer<OutputBuffer.LeaseMark>
    private let markCount: Int
    /// How far it has been sent.
    var cursor: ReplyCursor
    /// What the kernel held beside, unsent or unacknowledged, when the worker last looked; nil if that was before the
    /// last bytes were sent.
    var unsentBytes: Int?
    /// What the budget is charged.
    let charge: BufferBudget.Charge

    /// Takes over what lies behind `sent` in `output`, and empties it. nil, with `output` as it was, without memory.
    init?(
        movingFrom output: UnsafeMutablePointer<OutputBuffer>, sent: ReplyCursor, charge: BufferBudget.Charge,
        _ syscalls: Syscalls
    ) {
        let view = output.pointee.view
        let marksBytes = (view.markCount - sent.markIndex) * MemoryLayout<OutputBuffer.LeaseMark>.stride
        guard let bytes = syscalls.allocate(view.byteCount - sent.position) else { return nil }
        guard let marks = syscalls.allocate(marksBytes) else {
            Syscalls.free(bytes)
            return nil
        }
        self.bytes = bytes
        byteCount = view.byteCount - sent.position
        bytes.copyMemory(from: view.bytes + sent.position, byteCount: byteCount)
        markCount = view.markCount - sent.markIndex
        self.marks = marks.bindMemory(to: OutputBuffer.LeaseMark.self, capacity: markCount)
        cursor = sent.rebased
        for index in 0..<markCount {
            let mark = (view.marks + sent.markIndex + index).move()
            (self.marks + index).initialize(to: mark.moved(by: -sent.position))
        }
        self.charge = charge
        output.pointee.forgetMovedMarks(from: sent.markIndex)
    }

    /// Keeps a copy of `rest`; nil without memory.
    init?(copying rest: UnsafeRawBufferPointer, charge: BufferBudget.Charge, _ syscalls: Syscalls) {
        guard let start = rest.baseAddress, let bytes = syscalls.allocate(rest.count) else { return nil }
        guard let marks = syscalls.allocate(0) else {
            Syscalls.free(bytes)
            return nil
        }
        bytes.copyMemory(from: start, byteCount: rest.count)
        self.bytes = bytes
        byteCount = rest.count
        self.marks = marks.bindMemory(to: OutputBuffer.LeaseMark.self, capacity: 0)
        markCount = 0
        cursor = ReplyCursor()
        self.charge = charge
    }

    deinit {
        marks.deinitialize(count: markCount)
        Syscalls.free(marks)
        Syscalls.free(bytes)
    }

    var view: ReplyView { ReplyView(bytes: bytes, byteCount: byteCount, marks: marks, markCount: markCount) }
}
