import Glibc

/// The connections of one worker, in no order.
///
/// 1. Only the worker inserts and removes, holding the lock.
/// 2. The worker reads without the lock: nobody else writes.
/// 3. Others (`stats conns`) read holding the lock, and only the fields that `Connection` names for them; a connection
///    is removed before its memory is freed.
struct ConnectionTable: ~Copyable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private var slots: UnsafeMutablePointer<UnsafeMutablePointer<Connection>>
    private var capacity = 16
    private(set) var count = 0

    init() {
        slots = .allocate(capacity: capacity)
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
    }

    deinit {
        precondition(count == 0, "A worker ended before its connections.")
        slots.deallocate()
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    subscript(index: Int) -> UnsafeMutablePointer<Connection> {
        precondition(index >= 0 && index < count, "There is no such connection.")
        return slots[index]
    }

    mutating func insert(_ connection: UnsafeMutablePointer<Connection>) {
        pthread_mutex_lock(mutex)
        if count == capacity { grow() }
        (slots + count).initialize(to: connection)
        connection.pointee.tableIndex = count
        count = count + 1
        pthread_mutex_unlock(mutex)
    }

    mutating func remove(_ connection: UnsafeMutablePointer<Connection>) {
        pthread_mutex_lock(mutex)
        let last = slots[count - 1]
        slots[connection.pointee.tableIndex] = last
        last.pointee.tableIndex = connection.pointee.tableIndex
        count = count - 1
        pthread_mutex_unlock(mutex)
    }

    /// Calls `body` for each connection, holding the lock: any thread, briefly.
    borrowing func forEachLocked(_ body: (UnsafeMutablePointer<Connection>) -> Void) {
        pthread_mutex_lock(mutex)
        for index in 0..<count { body(slots[index]) }
        pthread_mutex_unlock(mutex)
    }

    private mutating func grow() {
        let larger = UnsafeMutablePointer<UnsafeMutablePointer<Connection>>.allocate(capacity: capacity * 2)
        larger.moveInitialize(from: slots, count: count)
        slots.deallocate()
        slots = larger
        capacity *= 2
    }
}
