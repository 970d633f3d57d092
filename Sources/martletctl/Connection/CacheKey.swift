import MartletProtocol

/// A key as commands spell it.
struct CacheKey {
    static let bytesMax = WireLimits.keyBytesMax

    let bytes: [UInt8]
    /// For the meta commands: as it is, or in base64 where it has bytes that a line cannot have.
    let word: String
    /// ` b` behind a word in base64.
    let mark: String

    /// nil if no server would take it: the bound is that of the word.
    init?(_ bytes: some Collection<UInt8>) {
        guard (1...Self.bytesMax).contains(bytes.count) else { return nil }
        self.bytes = Array(bytes)
        if bytes.allSatisfy({ $0 > 0x20 && $0 != 0x7F }), let text = String(validating: bytes, as: UTF8.self) {
            word = text
            mark = ""
        } else {
            word = Base64.text(of: self.bytes)
            mark = " b"
            if word.utf8.count > Self.bytesMax { return nil }
        }
    }

    /// The bytes that a dump's `%XX` stand for; nil if it is not well formed.
    static func decodedPercent(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        guard text.contains(UInt8(ascii: "%")) else { return Array(text) }
        var bytes: [UInt8] = []
        var index = text.startIndex
        while index < text.endIndex {
            guard text[index] == UInt8(ascii: "%") else {
                bytes.append(text[index])
                index += 1
                continue
            }
            guard index + 2 < text.endIndex, let high = hexDigit(text[index + 1]), let low = hexDigit(text[index + 2])
            else { return nil }
            bytes.append(high << 4 | low)
            index += 3
        }
        return bytes
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x37
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }
}
