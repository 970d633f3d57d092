import MartletProtocol

/// HMAC-SHA256 (RFC 2104) under one key, with both ends of the key already hashed.
struct KeyedDigest {
    private let inner: SHA256.Words
    private let outer: SHA256.Words

    init(key: some Collection<UInt8>) {
        let bytes = key.count > SHA256.chunkBytes ? SHA256.bytes(SHA256.digest(key)) : Array(key)
        var state = SHA256.start
        SHA256.compress(Self.mixed(bytes, 0x36), into: &state)
        inner = state
        state = SHA256.start
        SHA256.compress(Self.mixed(bytes, 0x5C), into: &state)
        outer = state
    }

    private static func mixed(_ key: [UInt8], _ pad: UInt8) -> SHA256.Chunk {
        SHA256.chunk((key + [UInt8](repeating: 0, count: SHA256.chunkBytes - key.count)).map { $0 ^ pad })
    }

    func digest(_ message: some Collection<UInt8>) -> SHA256.Words {
        digest(ofInner: SHA256.digest(message, from: inner, bytesBefore: SHA256.chunkBytes))
    }

    /// The digest of a message that is a digest itself: two compressions, what slow hashes are made of.
    @inline(__always)
    func digest(of words: SHA256.Words) -> SHA256.Words {
        digest(ofInner: Self.finish(words, from: inner))
    }

    @inline(__always)
    private func digest(ofInner words: SHA256.Words) -> SHA256.Words { Self.finish(words, from: outer) }

    /// Takes eight words and the end of a message of one chunk before them.
    @inline(__always)
    private static func finish(_ words: SHA256.Words, from state: SHA256.Words) -> SHA256.Words {
        let bits = UInt32((SHA256.chunkBytes + SHA256.digestBytes) * 8)
        let chunk: SHA256.Chunk = [
            words[0], words[1], words[2], words[3], words[4], words[5], words[6], words[7],
            0x8000_0000, 0, 0, 0, 0, 0, 0, bits,
        ]
        var state = state
        SHA256.compress(chunk, into: &state)
        return state
    }
}
