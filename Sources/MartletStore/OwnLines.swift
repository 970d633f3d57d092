/// Memory that one thread writes all the time, on cache lines of its own.
///
/// Small allocations made one after the other lie side by side; where they belong to different threads, each write of
/// one takes the line from the other (false sharing).
package enum OwnLines {
    /// Two lines: processors fetch them in pairs.
    private static let bytes = 128

    /// Uninitialized memory for `count` values that shares no line with anything else. `deallocate()` ends it.
    package static func allocate<Value: ~Copyable>(
        _: Value.Type, count: Int = 1
    ) -> UnsafeMutablePointer<Value> {
        let needed = MemoryLayout<Value>.stride * count
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: (needed + bytes - 1) / bytes * bytes, alignment: bytes)
        // Safe: freshly allocated, aligned for any value.
        return memory.bindMemory(to: Value.self, capacity: count)
    }
}
