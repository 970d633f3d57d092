import Glibc
import Synchronization

/// Events on their way from the thread that sees them to the announcer: bytes, one writer, one reader, no lock.
///
///     bytes  | free ... |event|key..|event|key..| free ... |       positions count up for ever, modulo capacity
///                       ^ read                  ^ written
///
/// 1. `written` is only moved by the observing thread, after the bytes are there (releasing).
/// 2. `read` is only moved by the announcer, after it has copied them (releasing).
/// 3. An event that does not fit is dropped: nobody waits.
struct EventRing: ~Copyable {
    /// nil where there is no capacity.
    private let bytes: UnsafeMutableRawPointer?
    private let capacity: Int
    /// Whether the system has given all of it; if not there is none, and no event fits.
    let isWhole: Bool
    private let written = Atomic<Int>(0)
    private let read = Atomic<Int>(0)

    private static var headerBytes: Int { MemoryLayout<WatchedEvent>.stride }

    init(capacity: Int) {
        let memory = capacity > 0 ? Self.memory(capacity) : nil
        bytes = memory
        self.capacity = memory == nil ? 0 : capacity
        isWhole = self.capacity == max(capacity, 0)
    }

    /// From the system itself: it may be gigabytes, and what the options ask for in vain must not end the process.
    private static func memory(_ bytes: Int) -> UnsafeMutableRawPointer? {
        let mapped = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        return mapped == MAP_FAILED ? nil : mapped
    }

    deinit { if let bytes { munmap(bytes, capacity) } }

    /// Returns false if there is no room. The observing thread only.
    borrowing func append(_ event: WatchedEvent, key: UnsafeRawBufferPointer) -> Bool {
        let position = written.load(ordering: .relaxed)
        let count = Self.headerBytes + key.count
        guard count <= capacity - (position - read.load(ordering: .acquiring)) else { return false }
        withUnsafeBytes(of: event) { copyIn($0, at: position) }
        copyIn(key, at: position + Self.headerBytes)
        written.store(position + count, ordering: .releasing)
        return true
    }

    /// Whether it should be emptied soon. The observing thread only.
    var isHalfFull: Bool {
        2 * (written.load(ordering: .relaxed) - read.load(ordering: .relaxed)) >= capacity
    }

    /// Takes the oldest event, its key copied to `key`, which has room for 256 bytes. The announcer only.
    borrowing func next(key: UnsafeMutableRawBufferPointer) -> WatchedEvent? {
        let position = read.load(ordering: .relaxed)
        guard position != written.load(ordering: .acquiring) else { return nil }
        var event = WatchedEvent(.lookUp)
        withUnsafeMutableBytes(of: &event) { copyOut($0, at: position) }
        let keyBytes = Int(event.keyBytes)
        copyOut(UnsafeMutableRawBufferPointer(rebasing: key[..<keyBytes]), at: position + Self.headerBytes)
        read.store(position + Self.headerBytes + keyBytes, ordering: .releasing)
        return event
    }

    private borrowing func copyIn(_ source: UnsafeRawBufferPointer, at position: Int) {
        guard let start = source.baseAddress, source.count > 0 else { return }
        // Safe: what is copied has found room, so that there is some.
        let bytes = bytes.unsafelyUnwrapped
        let offset = position % capacity
        let first = min(source.count, capacity - offset)
        (bytes + offset).copyMemory(from: start, byteCount: first)
        bytes.copyMemory(from: start + first, byteCount: source.count - first)
    }

    private borrowing func copyOut(_ destination: UnsafeMutableRawBufferPointer, at position: Int) {
        guard let start = destination.baseAddress, destination.count > 0 else { return }
        // Safe: what is copied was put there.
        let bytes = bytes.unsafelyUnwrapped
        let offset = position % capacity
        let first = min(destination.count, capacity - offset)
        start.copyMemory(from: bytes + offset, byteCount: first)
        (start + first).copyMemory(from: bytes, byteCount: destination.count - first)
    }
}
