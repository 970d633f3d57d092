/// A queue of places: the HOT ring of one class. `deallocate` ends it.
///
/// A server keeps it in blocks of 255 handles; `blockCount` says how many that would be.
struct PlaceRing: BitwiseCopyable {
    static let handlesPerBlock = 255
    static let blockBytes = 1024

    private var places: UnsafeMutablePointer<Chunk.Place>
    private var capacity = 64
    private var first = 0
    private(set) var count = 0
    /// Of the oldest, in its block.
    private var indexInBlock = 0
    /// Of the block that is being emptied, and of the one being filled, modulo 4.
    private(set) var firstStamp: UInt8 = 0
    private(set) var lastStamp: UInt8 = 0

    init() {
        places = .allocate(capacity: 64)
    }

    func deallocate() { places.deallocate() }

    var blockCount: Int { count == 0 ? 0 : (indexInBlock &+ count &- 1) / Self.handlesPerBlock &+ 1 }

    mutating func push(_ place: Chunk.Place) {
        if count == capacity { grow() }
        if (indexInBlock &+ count) % Self.handlesPerBlock == 0 {
            lastStamp = (lastStamp &+ 1) & 3
            if count == 0 { firstStamp = lastStamp }
        }
        places[(first &+ count) & (capacity &- 1)] = place
        count &+= 1
    }

    mutating func pop() -> Chunk.Place? {
        if count == 0 { return nil }
        let place = places[first]
        first = (first &+ 1) & (capacity &- 1)
        count &-= 1
        let endsBlock = indexInBlock &+ 1 == Self.handlesPerBlock
        if endsBlock, count > 0 { firstStamp = (firstStamp &+ 1) & 3 }
        indexInBlock = count == 0 || endsBlock ? 0 : indexInBlock &+ 1
        return place
    }

    private mutating func grow() {
        let grown = UnsafeMutablePointer<Chunk.Place>.allocate(capacity: capacity * 2)
        for index in 0..<count { (grown + index).initialize(to: places[(first + index) & (capacity - 1)]) }
        places.deallocate()
        places = grown
        capacity *= 2
        first = 0
    }
}
