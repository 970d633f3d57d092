/// From a key to 32 bits: the functions that clients of memcached agree on, or would like to.
///
/// Rules, each checked against libmemcached 1.1.4 and against the clients named:
/// 1. `md5` is the first word of the digest, little-endian.
/// 2. `crc` is bits 16 to 30 of the CRC-32; python-memcached's is the same but for the one key in 32,768 for which that
///    is 0: it takes 1 instead, and libmemcached does not. `crc32` is the whole of it (gomemcache).
/// 3. The FNV functions and `oneAtATime` widen each byte as the C type `char` of x86-64 does: from 0x80 on it is
///    negative. Clients on machines where `char` is unsigned disagree with them on keys that are not ASCII.
/// 4. `fnv1a_64` is worked out in 32 bits, with the low halves of FNV's 64-bit numbers; `fnv1_64` in 64, of which the
///    low half is taken.
/// 5. `murmur` and `murmur3` have 0xDEADBEEF times the key's length as seed, `jenkins` (lookup3) the seed 13.
/// 6. `xxh64` is the low half of XXH64 with seed 0; distributions that can use 64 bits get all of them.
///
/// `md5` sees each bit of a key and no sign: prefer it where others are to find the same server, `xxh64` elsewhere.
public enum KeyHash: String, CaseIterable, Sendable {
    /// The one that nearly all clients have; the usual one of `KeyDistribution.ketama`.
    case md5
    /// libmemcached's and, but for rule 2, python-memcached's: 15 bits.
    case crc
    /// gomemcache's: all 32 bits of it.
    case crc32
    /// libmemcached's FNV-1 of 64 bits: rule 4.
    case fnv1Wide = "fnv1_64"
    /// libmemcached's FNV-1a "of 64 bits", and twemproxy's usual one: rule 4.
    case fnv1aWide = "fnv1a_64"
    /// FNV-1 of 32 bits.
    case fnv1 = "fnv1_32"
    /// FNV-1a of 32 bits.
    case fnv1a = "fnv1a_32"
    /// libmemcached's default.
    case oneAtATime = "one_at_a_time"
    /// MurmurHash2, as libmemcached has it.
    case murmur
    /// MurmurHash3 of 32 bits, as libmemcached has it.
    case murmur3
    /// Jenkins's lookup3, as libmemcached has it.
    case jenkins
    /// XXH64: memcached's proxy's, Thanos's, and the best where no other client shares the pool.
    case xxh64

    /// Hashes `key` to 32 bits, without allocating.
    public func hash(_ key: Span<UInt8>) -> UInt32 {
        switch self {
        case .md5: MD5(key).words.0
        case .crc: CRC32.hash(key) >> 16 & 0x7FFF
        case .crc32: CRC32.hash(key)
        case .fnv1Wide: FNV.hash1Wide(key)
        case .fnv1aWide: FNV.hash1aWide(key)
        case .fnv1: FNV.hash1(key)
        case .fnv1a: FNV.hash1a(key)
        case .oneAtATime: OneAtATime.hash(key)
        case .murmur: Murmur.hash2(key)
        case .murmur3: Murmur.hash3(key, seed: 0xDEAD_BEEF &* UInt32(truncatingIfNeeded: key.count))
        case .jenkins: Jenkins.hash(key, seed: 13)
        case .xxh64: UInt32(truncatingIfNeeded: XXH64.hash(key))
        }
    }

    /// Hashes `key` to 64 bits where the function has as many; the 32 bits of `hash` otherwise.
    public func wideHash(_ key: Span<UInt8>) -> UInt64 {
        self == .xxh64 ? XXH64.hash(key) : UInt64(hash(key))
    }

    /// Hashes the UTF-8 bytes of `text`.
    public func hash(_ text: String) -> UInt32 { hash(text.utf8.span) }
}

extension UInt8 {
    /// The byte as a `char` of x86-64, widened to 32 bits.
    var signExtended: UInt32 { UInt32(bitPattern: Int32(Int8(bitPattern: self))) }
}
