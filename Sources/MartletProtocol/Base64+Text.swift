/// Base64 of whole texts, where nothing is in a hurry.
extension Base64 {
    package static func text(of bytes: [UInt8]) -> String {
        let count = encodedCount(bytes.count)
        return String(unsafeUninitializedCapacity: count) { room in
            guard let start = room.baseAddress else { return 0 }
            bytes.withUnsafeBytes { _ = encode($0, at: UnsafeMutableRawPointer(start)) }
            return count
        }
    }

    /// What `text` stands for; nil if it is empty or not base64.
    package static func bytes(of text: some StringProtocol) -> [UInt8]? {
        let letters = Array(text.utf8)
        return letters.withUnsafeBytes { letters in
            let count = decodedCount(letters)
            guard count > 0 else { return nil }
            return [UInt8](unsafeUninitializedCapacity: count) { room, initialized in
                guard let start = room.baseAddress else { return }
                initialized = decode(letters, into: UnsafeMutableRawPointer(start))
            }
        }
    }
}
