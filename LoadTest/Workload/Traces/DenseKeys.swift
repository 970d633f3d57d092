/// Numbers keys in the order of their first appearance. A key is known by a 64-bit hash: of the most keys there may be,
/// two are taken for one with a chance of 1 in 2000.
///
/// Open addressing, linear steps, at most three quarters full; 12 bytes a slot.
package struct DenseKeys: ~Copyable {
    package static let countMax = 1 << 27

    private var hashes: UnsafeMutablePointer<UInt64>
    private var numbers: UnsafeMutablePointer<UInt32>
    private var capacity: Int
    package private(set) var count = 0

    package init(capacity: Int = 1 << 12) {
        self.capacity = capacity
        (hashes, numbers) = Self.empty(capacity)
    }

    deinit {
        hashes.deallocate()
        numbers.deallocate()
    }

    /// The number of the key; nil: there are too many.
    mutating func number(of key: UnsafeRawBufferPointer) -> UInt64? {
        let hash = Self.hash(key)
        var slot = slot(of: hash)
        if hashes[slot] == hash { return UInt64(numbers[slot]) }
        guard count < Self.countMax else { return nil }
        if count >= capacity / 4 * 3 {
            grow()
            slot = self.slot(of: hash)
        }
        hashes[slot] = hash
        numbers[slot] = UInt32(count)
        count += 1
        return UInt64(count - 1)
    }

    /// Where `hash` is or would be.
    @inline(__always)
    private func slot(of hash: UInt64) -> Int {
        var slot = Int(truncatingIfNeeded: hash) & (capacity &- 1)
        while hashes[slot] != 0, hashes[slot] != hash { slot = (slot &+ 1) & (capacity &- 1) }
        return slot
    }

    private mutating func grow() {
        let before = (hashes: hashes, numbers: numbers, capacity: capacity)
        capacity *= 2
        (hashes, numbers) = Self.empty(capacity)
        for index in 0..<before.capacity where before.hashes[index] != 0 {
            let slot = slot(of: before.hashes[index])
            hashes[slot] = before.hashes[index]
            numbers[slot] = before.numbers[index]
        }
        before.hashes.deallocate()
        before.numbers.deallocate()
    }

    private static func empty(_ capacity: Int) -> (UnsafeMutablePointer<UInt64>, UnsafeMutablePointer<UInt32>) {
        let hashes = UnsafeMutablePointer<UInt64>.allocate(capacity: capacity)
        hashes.initialize(repeating: 0, count: capacity)
        let numbers = UnsafeMutablePointer<UInt32>.allocate(capacity: capacity)
        numbers.initialize(repeating: 0, count: capacity)
        return (hashes, numbers)
    }

    /// Never 0, which marks a free slot.
    private static func hash(_ key: UnsafeRawBufferPointer) -> UInt64 {
        var hash = UInt64(key.count) &* 0x9e37_79b9_7f4a_7c15
        var index = 0
        while index &+ 8 <= key.count {
            hash = KeyMix.mix(hash ^ key.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            index &+= 8
        }
        var last: UInt64 = 0
        while index < key.count {
            last = last &<< 8 | UInt64(key[index])
            index &+= 1
        }
        return max(1, KeyMix.mix(hash ^ last &+ 1))
    }
}
