import Glibc
import LoadWorkload

/// One connection to a server: what is under way on it, and the bytes of a reply or of requests that are cut off.
///
/// Lives in raw memory of its driver thread. Complete replies are read from, and requests written to, memory of the
/// thread: an undisturbed connection owns its rings and no buffer.
///
///     ring       [....|head ... oldest first ... |....]     requests sent and not answered
///     followUps  [....|head ...|....]                      requests that replies have led to
///     keys       [....|keysHead ...|....]                  the keys of multigets under way, in their order
struct Connection: ~Copyable {
    enum State: UInt8, BitwiseCopyable {
        case closed
        /// Waits for the kernel's word.
        case connecting
        case open
    }

    var descriptor: Int32 = -1
    let server: Int32
    var state = State.closed
    /// The kernel has taken no more: waits for room before anything new is sent.
    var awaitsRoom = false
    /// In the thread's list of connections that could take an operation.
    var isListed = false

    /// Capacity a power of two; positions only grow and are masked.
    let ring: UnsafeMutablePointer<Outstanding>
    let ringMask: UInt32
    var head: UInt32 = 0
    var tail: UInt32 = 0

    let followUps: UnsafeMutablePointer<FollowUp>
    let followUpMask: UInt32
    var followUpHead: UInt32 = 0
    var followUpTail: UInt32 = 0

    /// A key of a multiget and what was known about it when it was sent.
    struct AskedKey: BitwiseCopyable {
        var key: UInt64
        /// As `Outstanding.keyDigits`.
        var digits: UInt64
        var known: VersionWord
    }
    let keys: UnsafeMutablePointer<AskedKey>
    let keysMask: UInt32
    var keysHead: UInt32 = 0
    var keysTail: UInt32 = 0
    /// Keys of the oldest multiget that were answered or passed over.
    var keysPassed: UInt32 = 0
    /// Values that the oldest request has brought so far.
    var valuesSeen: UInt32 = 0

    /// The start of a reply that has not arrived whole.
    var partial = GrowingBytes()
    /// Requests that the kernel has not taken yet.
    var unsent = GrowingBytes()
    var unsentStart = 0

    /// When it broke, when it may be tried again, and how long the wait was.
    var brokeAt: UInt64 = 0
    var retryAt: UInt64 = 0
    var retryNanoseconds: UInt64 = 0

    init(server: Int32, depth: Int, keysMax: Int) {
        self.server = server
        let capacity = Self.powerOfTwo(depth)
        ring = .allocate(capacity: capacity)
        ringMask = UInt32(capacity - 1)
        // Each key under way leads to one request at most.
        let keyCapacity = Self.powerOfTwo(depth * keysMax)
        followUps = .allocate(capacity: keyCapacity)
        followUpMask = UInt32(keyCapacity - 1)
        keys = .allocate(capacity: keysMax > 1 ? keyCapacity : 1)
        keysMask = keysMax > 1 ? UInt32(keyCapacity - 1) : 0
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
        ring.deallocate()
        followUps.deallocate()
        keys.deallocate()
    }

    static func powerOfTwo(_ count: Int) -> Int {
        var power = 1
        while power < count { power <<= 1 }
        return power
    }

    /// Whether another request may be sent now.
    func hasRoom(depth: Int) -> Bool { state == .open && !awaitsRoom && outstandingCount < depth }

    var outstandingCount: Int { Int(tail &- head) }
    var followUpCount: Int { Int(followUpTail &- followUpHead) }
}

/// Memory that grows to what was needed once and is used again.
struct GrowingBytes: ~Copyable {
    private(set) var start: UnsafeMutableRawPointer?
    private(set) var capacity = 0
    var count = 0

    deinit { free(start) }

    /// Makes room for `wanted` bytes in all; what is there stays.
    @inline(__always)
    mutating func reserve(_ wanted: Int) -> UnsafeMutableRawPointer {
        if let start, wanted <= capacity { return start }
        return grow(wanted)
    }

    @inline(never)
    private mutating func grow(_ wanted: Int) -> UnsafeMutableRawPointer {
        var size = max(capacity, 4096)
        while size < wanted { size *= 2 }
        guard let grown = realloc(start, size) else { fatalError("The load driver got no memory for \(size) bytes.") }
        start = grown
        capacity = size
        return grown
    }

    mutating func append(_ bytes: UnsafeRawPointer, _ more: Int) {
        (reserve(count + more) + count).copyMemory(from: bytes, byteCount: more)
        count += more
    }

    /// Takes the first `taken` bytes away.
    mutating func drop(_ taken: Int) {
        if let start, taken < count { memmove(start, start + taken, count - taken) }
        count -= taken
    }
}
