/// Input that a connection keeps between two turns: the beginning of a command, or commands of a long pipeline that
/// wait for their turn. Empty, and without memory, for an idle connection.
///
///     memory  |consumed ...|start  kept bytes  end|room ... capacity|
///
/// 1. A few bytes are put in front of the worker's read buffer before the next read (`moveOut`), so that ordinary
///    connections own memory only while half a command has arrived.
/// 2. Many bytes stay where they are; the next read appends to them here (`room`), so that a command arriving in a
///    million pieces is not copied a million times.
struct UnfinishedInput: ~Copyable {
    private var memory: UnsafeMutableRawPointer?
    private var start: UInt32 = 0
    private var end: UInt32 = 0
    private(set) var capacity: UInt32 = 0
    /// The worker's; outlives its connections.
    private let pool: UnsafeMutablePointer<InputMemory>

    init(pool: UnsafeMutablePointer<InputMemory>) {
        self.pool = pool
    }

    deinit {
        if let memory { pool.giveBack(memory, Int(capacity)) }
    }

    var count: Int { Int(end - start) }
    var isEmpty: Bool { end == start }

    /// The kept bytes, in place.
    var bytes: UnsafeMutableRawBufferPointer {
        guard let memory else { return UnsafeMutableRawBufferPointer(start: nil, count: 0) }
        return UnsafeMutableRawBufferPointer(start: memory + Int(start), count: count)
    }

    /// Keeps a copy of `rest`. Nothing may be kept yet. Returns false, keeping nothing, without memory for it.
    mutating func keep(_ rest: UnsafeMutableRawBufferPointer) -> Bool {
        precondition(memory == nil, "A connection keeps one piece of input.")
        guard let source = rest.baseAddress, rest.count > 0 else { return true }
        guard reserve(rest.count) else { return false }
        memory.unsafelyUnwrapped.copyMemory(from: source, byteCount: rest.count)
        end = UInt32(rest.count)
        return true
    }

    /// Copies everything to `destination` and gives the memory back. Returns the bytes copied.
    mutating func moveOut(to destination: UnsafeMutableRawPointer) -> Int {
        let count = count
        if let source = bytes.baseAddress { destination.copyMemory(from: source, byteCount: count) }
        removeAll()
        return count
    }

    /// Room for at least `count` more bytes behind those kept; may move them. nil, with all as it was, without memory.
    mutating func room(_ count: Int) -> UnsafeMutableRawBufferPointer? {
        if Int(capacity - end) < count, !makeRoom(count) { return nil }
        return UnsafeMutableRawBufferPointer(start: memory.unsafelyUnwrapped + Int(end), count: Int(capacity - end))
    }

    /// `count` bytes of the room were filled.
    mutating func append(_ count: Int) {
        precondition(count <= Int(capacity - end), "More input was read than there was room.")
        end += UInt32(count)
    }

    /// The first `count` bytes are needed no more.
    mutating func consume(_ count: Int) {
        precondition(count <= self.count, "More input was consumed than there was.")
        start += UInt32(count)
        if isEmpty { removeAll() }
    }

    /// Gives back the memory that a few remaining bytes do not need; before the connection waits for more.
    @inline(never)
    mutating func fit() {
        guard count <= Limits.movedOutBytesMax, capacity > max(2 * count, InputMemory.bytesMin) else { return }
        let (old, oldCapacity, oldStart, oldEnd) = (memory, capacity, start, end)
        let kept = bytes
        memory = nil
        start = 0
        end = 0
        guard keep(kept) else {
            (memory, capacity, start, end) = (old, oldCapacity, oldStart, oldEnd)
            return
        }
        if let old { pool.giveBack(old, Int(oldCapacity)) }
    }

    @inline(never)
    mutating func removeAll() {
        if let memory { pool.giveBack(memory, Int(capacity)) }
        memory = nil
        start = 0
        end = 0
        capacity = 0
    }

    @inline(never)
    private mutating func reserve(_ bytes: Int) -> Bool {
        guard let piece = pool.take(bytes) else { return false }
        memory = piece.baseAddress
        capacity = UInt32(piece.count)
        return true
    }

    @inline(never)
    private mutating func makeRoom(_ wanted: Int) -> Bool {
        let old = memory
        let oldCapacity = capacity
        let kept = bytes
        guard reserve(max(kept.count + wanted, 2 * kept.count)) else { return false }
        if let source = kept.baseAddress { memory.unsafelyUnwrapped.copyMemory(from: source, byteCount: kept.count) }
        start = 0
        end = UInt32(kept.count)
        if let old { pool.giveBack(old, Int(oldCapacity)) }
        return true
    }
}
