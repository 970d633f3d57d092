/// A key number's hash: drawn by a seed, or looked up among hashes that were given, so that keys stand together and are
/// taken for each other by their ghosts as in a server.
struct KeyHasher: BitwiseCopyable {
    private let secret: UInt64
    private let given: UnsafePointer<UInt64>?

    /// - Parameter given: the hashes by key number, which outlive the hasher; nil for drawn ones.
    init(seed: UInt64, given: UnsafePointer<UInt64>?) {
        secret = Self.mix(seed)
        self.given = given
    }

    @inline(__always)
    func hash(_ key: UInt32) -> UInt64 {
        if let given { return given[Int(key)] }
        return Self.mix(UInt64(key) ^ secret)
    }

    @inline(__always)
    private static func mix(_ number: UInt64) -> UInt64 {
        var word = number &+ 0x9e37_79b9_7f4a_7c15
        word = (word ^ word &>> 30) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ word &>> 27) &* 0x94d0_49bb_1331_11eb
        return word ^ word &>> 31
    }
}
