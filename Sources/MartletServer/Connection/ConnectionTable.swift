import Glibc

/// The connections of one worker, in no order.
///
/// 1. Only the worker inserts and removes, holding the lock.
/// 2. The worker reads without the lock: nobody else writes.
/// 3. Others (`stats conns`) read holding the lock, and only the fields that `Connection` names for them; a connection
///    is removed before its memory is freed.
struct ConnectionTable: ~Copyable {
    private struct Slots {
        var start: UnsafeMutablePointer<UnsafeMutablePointer<Connection>>
        var capacity = 16
        var count = 0
    }

    // Both behind pointers: a change of theirs is none of the worker's other fields, which others read.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let slots: UnsafeMutablePointer<Slots>

    private static var slotBytes: Int { MemoryLayout<UnsafeMutablePointer<Connection>>.stride }

    init() {
        slots = .allocate(capacity: 1)
        guard let start = Syscalls.systemMemory(16 * Self.slotBytes) else {
            preconditionFailure("There is no memory for a worker's connections.")
        }
        slots.initialize(to: Slots(start: start.bindMemory(to: UnsafeMutablePointer<Connection>.self, capacity: 16)))
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
    }

    deinit {
        precondition(count == 0, "A worker ended before its connections.")
        Syscalls.free(slots.pointee.start)
        slots.deallocate()
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    // MARK: For the worker

    var count: Int { slots.pointee.count }

    subscript(index: Int) -> UnsafeMutablePointer<Connection> {
        precondition(index >= 0 && index < count, "There is no such connection.")
        return slots.pointee.start[index]
    }

    /// Makes sure that one more can be inserted; returns false without memory for it.
    func makeRoom(_ syscalls: Syscalls) -> Bool {
        if count < slots.pointee.capacity { return true }
        let capacity = slots.pointee.capacity * 2
        guard let memory = syscalls.allocate(capacity * Self.slotBytes) else { return false }
        let larger = memory.bindMemory(to: UnsafeMutablePointer<Connection>.self, capacity: capacity)
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        larger.moveInitialize(from: slots.pointee.start, count: count)
        Syscalls.free(slots.pointee.start)
        slots.pointee.start = larger
        slots.pointee.capacity = capacity
        return true
    }

    /// After `makeRoom`.
    func insert(_ connection: UnsafeMutablePointer<Connection>) {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        precondition(count < slots.pointee.capacity, "Nobody has made room for the connection.")
        (slots.pointee.start + count).initialize(to: connection)
        connection.pointee.tableIndex = count
        slots.pointee.count = count + 1
    }

    /// Moves the last connection to the removed one's place.
    func remove(_ connection: UnsafeMutablePointer<Connection>) {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        let last = slots.pointee.start[count - 1]
        slots.pointee.start[connection.pointee.tableIndex] = last
        last.pointee.tableIndex = connection.pointee.tableIndex
        slots.pointee.count = count - 1
    }

    // MARK: For others

    /// Calls `body` for each connection, holding the lock: any thread, briefly.
    func forEachLocked(_ body: (UnsafeMutablePointer<Connection>) -> Void) {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        for index in 0..<count { body(slots.pointee.start[index]) }
    }
}
