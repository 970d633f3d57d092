/// Where each key's item is: an index by key number, in place of a hash table's search.
struct KeyPlaces: ~Copyable {
    private var places = Cells<Chunk.Place>(count: 1 << 16, wantsHugePages: true)

    @inline(__always)
    subscript(key: UInt32) -> Chunk.Place {
        get { places[Int(key)] }
        nonmutating set { places[Int(key)] = newValue }
    }

    var count: Int { places.count }

    /// Makes room for all keys below `keysEnd`.
    mutating func grow(to keysEnd: UInt32) { places.grow(to: Int(keysEnd)) }

    @inline(__always)
    func address(_ key: UInt32) -> UnsafeRawPointer { UnsafeRawPointer(places.place(Int(key))) }
}
