import CShims
import MartletProtocol

/// A password that does not stand in the file: the salted slow hash of one, in the form that passlib and others write.
///
///     $pbkdf2-sha256$<rounds>$<salt>$<hash>       salt and hash in base64 with `.` for `+` and without padding
package struct PasswordHash: Sendable {
    package let rounds: Int
    package let salt: [UInt8]
    package let hash: SHA256.Words

    package static let prefix = "$pbkdf2-sha256$"
    /// What new ones are made with: about 100 ms of one processor.
    package static let usualRounds = 100_000
    package static let roundsRange = 1...10_000_000
    private static let saltBytesMax = 64
    private static let newSaltBytes = 16

    /// nil for whatever is not such a text.
    package init?(parsing text: some StringProtocol) {
        guard text.hasPrefix(Self.prefix) else { return nil }
        let parts = text.dropFirst(Self.prefix.count).split(separator: "$", omittingEmptySubsequences: false)
        guard parts.count == 3, let rounds = Int(parts[0]), Self.roundsRange.contains(rounds),
            let salt = Self.decoded(parts[1].utf8), salt.count <= Self.saltBytesMax,
            let hash = Self.decoded(parts[2].utf8).flatMap(SHA256.words)
        else { return nil }
        self.rounds = rounds
        self.salt = salt
        self.hash = hash
    }

    /// Of `password`, with a new salt unless one is given. Takes its time.
    package init?(of password: some Collection<UInt8>, rounds: Int = usualRounds, salt: [UInt8]? = nil) {
        guard let salt = salt ?? Self.randomBytes(Self.newSaltBytes) else { return nil }
        var slow = SlowHash(password: password, salt: salt, rounds: rounds)
        slow.advance(rounds)
        guard let result = slow.result else { return nil }
        self.rounds = rounds
        self.salt = salt
        hash = result
    }

    package var text: String { "\(Self.prefix)\(rounds)$\(Self.encoded(salt))$\(Self.encoded(SHA256.bytes(hash)))" }

    static func randomBytes(_ count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        return bytes.withUnsafeMutableBytes({ cshims_random_bytes($0.baseAddress, $0.count) }) ? bytes : nil
    }

    // MARK: base64 as passlib adapts it

    private static let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789./".utf8)

    private static func encoded(_ bytes: [UInt8]) -> String {
        var text = ""
        var bits = 0
        var bitCount = 0
        for byte in bytes {
            bits = (bits << 8 | Int(byte)) & 0xFFFF
            bitCount += 8
            while bitCount >= 6 {
                bitCount -= 6
                text.unicodeScalars.append(UnicodeScalar(letters[bits >> bitCount & 63]))
            }
        }
        if bitCount > 0 { text.unicodeScalars.append(UnicodeScalar(letters[bits << (6 - bitCount) & 63])) }
        return text
    }

    private static func decoded(_ text: some Collection<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        var bits = 0
        var bitCount = 0
        for letter in text {
            guard let value = letters.firstIndex(of: letter) else { return nil }
            bits = (bits << 6 | value) & 0xFFFF
            bitCount += 6
            if bitCount >= 8 {
                bitCount -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> bitCount))
            }
        }
        return bytes
    }
}
