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

    init() {
        slots = .allocate(capacity: 1)
        slots.initialize(to: Slots(start: .allocate(capacity: 16)))
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
    }

    deinit {
        precondition(count == 0, "A worker ended before its connections.")
        slots.pointee.start.deallocate()
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

    func insert(_ connection: UnsafeMutablePointer<Connection>) {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        if count == slots.pointee.capacity { growLocked() }
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

    private func growLocked() {
        let capacity = slots.pointee.capacity * 2
        let larger = UnsafeMutablePointer<UnsafeMutablePointer<Connection>>.allocate(capacity: capacity)
        larger.moveInitialize(from: slots.pointee.start, count: count)
        slots.pointee.start.deallocate()
        slots.pointee.start = larger
        slots.pointee.capacity = capacity
    }

    // MARK: For others

    /// Calls `body` for each connection, holding the lock: any thread, briefly.
    func forEachLocked(_ body: (UnsafeMutablePointer<Connection>) -> Void) {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        for index in 0..<count { body(slots.pointee.start[index]) }
    }
}
