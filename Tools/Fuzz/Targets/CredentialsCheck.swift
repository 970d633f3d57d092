import MartletServer

/// A file of users is a good one or names a line. In a good one, whoever stands there with a plain password is known.
enum CredentialsCheck {
    static func check(_ input: [UInt8]) throws(FuzzFinding) {
        let secret: [UInt8] = Array(0..<32)
        do throws(Credentials.BadLine) {
            _ = try Credentials(parsing: input, secret: secret)
        } catch {
            try FuzzFinding.expect((1...Credentials.lineCountMax + 1).contains(error.number), "line \(error.number)")
            return
        }
        for line in input.split(separator: 10) {
            try FuzzFinding.expect(line.contains(0x3a), "a line without a colon was taken")
            try FuzzFinding.expect(line.count <= Credentials.lineBytesMax, "a long line was taken")
        }
        if let hash = PasswordHash(parsing: String(decoding: input.split(separator: 0x3a).last ?? [], as: UTF8.self)) {
            let again = PasswordHash(parsing: hash.text)?.text
            try FuzzFinding.expect(again == hash.text, "a hash does not survive being written")
        }
    }
}
