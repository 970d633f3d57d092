import Glibc

/// Values that tell who stored them and whether all of their bytes are one storer's, and what of them a history keeps.
///
///     [-<delta>...]<client>.<number>:<letter>:<count>:<letter, count times>[+<delta>...]
///
/// A history keeps the text without the run of letters, so that long values cost the checker nothing. A run that is not
/// whole, because the value was torn, is kept: it fits no history.
package enum HotValue {
    package static func make(client: Int, number: Int, letterCount: Int) -> [UInt8] {
        let letter = UInt8(ascii: "a") + UInt8((client &* 7 &+ number) % 26)
        let head = "\(client).\(number):\(Character(Unicode.Scalar(letter))):\(letterCount):"
        return Array(head.utf8) + [UInt8](repeating: letter, count: letterCount)
    }

    /// What a history keeps of a value. Any other bytes, such as a counter's, are kept as they are.
    package static func summary(_ bytes: [UInt8]) -> String {
        let all = String(decoding: bytes, as: UTF8.self)
        let colon = UInt8(ascii: ":")
        // Its head is short, whatever was put before it and follows.
        let words = bytes.prefix(1024).split(separator: colon, maxSplits: 3, omittingEmptySubsequences: false)
        guard words.count == 4, words[1].count == 1, let letter = words[1].first,
            let count = Int(String(decoding: words[2], as: UTF8.self))
        else { return all }
        let start = words[3].startIndex
        guard count >= 0, start + count <= bytes.count, isRun(bytes[start..<start + count], of: letter) else {
            return all
        }
        return String(decoding: bytes[..<start], as: UTF8.self)
            + String(decoding: bytes[(start + count)...], as: UTF8.self)
    }

    /// Whether every byte is `letter`. Compares the bytes with themselves moved by one: quick in debug builds, too.
    private static func isRun(_ bytes: ArraySlice<UInt8>, of letter: UInt8) -> Bool {
        guard let first = bytes.first else { return true }
        return first == letter
            && bytes.withUnsafeBytes {
                let base = $0.baseAddress.unsafelyUnwrapped
                return memcmp(base, base + 1, $0.count - 1) == 0
            }
    }
}
