import LoadHistory

/// The calls of all threads, each handed over once by its thread.
final class Histories: @unchecked Sendable {
    // Sendable: every thread has a place of its own, read when all have ended.
    private let places: UnsafeMutableBufferPointer<[KeyedCall]>

    init(_ count: Int) {
        places = .allocate(capacity: count)
        places.initialize(repeating: [])
    }

    deinit {
        places.deinitialize()
        places.deallocate()
    }

    func take(_ calls: [KeyedCall], from thread: Int) {
        places[thread] = calls
    }

    var all: [KeyedCall] { places.flatMap { $0 } }
}

extension [KeyedCall] {
    func calls(of key: Int) -> [Call<ItemModel.Operation>] { filter { $0.key == key }.map(\.call) }

    /// Calls during which another one began or ended.
    var overlappingCount: Int { count { $0.call.ended > $0.call.began + 1 } }
}
