import MartletProtocol

/// Who may use the server: what the lines of a credential file say. Does not change once made.
///
/// 1. A line is `user:password`; the user's name ends at the first colon. A password that begins as a `PasswordHash`
///    does is one.
/// 2. A line ends with `\n`, `\r\n` or the end of the file; a zero byte ends a password. It has at most `lineBytesMax`
///    bytes.
/// 3. An empty name, an empty line and a line without a colon make the file a bad one; so does a file without lines,
///    which is what a file looks like while somebody writes it.
/// 4. A user may have several lines; any of their passwords will do.
///
/// Names and plain passwords are kept as keyed digests only, under a key of the process: all have one length, and
/// comparing them tells nothing.
package struct Credentials: Sendable {
    struct Line: Sendable {
        let user: SHA256.Words
        /// A plain password's digest.
        let plain: SHA256.Words?
        let slow: PasswordHash?
    }

    package struct BadLine: Error, Equatable {
        package let number: Int
        package let reason: String
    }

    /// Of this reading of the file; never 0.
    let generation: Int
    let lines: [Line]
    let keyed: KeyedDigest
    /// The most hashed lines that one user has: how many a login checks, whoever it names.
    let slowLinesMax: Int
    /// Stands for a hashed line where there is none: as dear as the dearest.
    let decoy: PasswordHash?

    /// As memcached's: with its line end.
    package static let lineBytesMax = 255
    package static let lineCountMax = 64

    /// `secret`: random, of the process.
    package init(parsing text: [UInt8], secret: [UInt8], generation: Int = 1) throws(BadLine) {
        self.generation = generation
        keyed = KeyedDigest(key: secret)
        var lines: [Line] = []
        var slowLines: [(user: [UInt8], hash: PasswordHash)] = []
        var rest = text[...]
        while !rest.isEmpty {
            let end = rest.firstIndex(of: 0x0A) ?? rest.endIndex
            let number = lines.count + 1
            guard number <= Self.lineCountMax else {
                throw BadLine(number: number, reason: "more than \(Self.lineCountMax) lines")
            }
            guard end - rest.startIndex <= Self.lineBytesMax else {
                throw BadLine(number: number, reason: "longer than \(Self.lineBytesMax) bytes")
            }
            let (user, password) = try Self.parts(rest[..<end], number: number)
            let digest = keyed.digest(user)
            if let slow = try Self.hash(password, number: number) {
                slowLines.append((Array(user), slow))
                lines.append(Line(user: digest, plain: nil, slow: slow))
            } else {
                lines.append(Line(user: digest, plain: keyed.digest(password), slow: nil))
            }
            rest = end == rest.endIndex ? [] : rest[(end + 1)...]
        }
        guard !lines.isEmpty else { throw BadLine(number: 1, reason: "the file is empty") }
        self.lines = lines
        slowLinesMax = slowLines.map { line in slowLines.count { $0.user == line.user } }.max() ?? 0
        let rounds = slowLines.map(\.hash.rounds).max() ?? 0
        decoy = slowLines.map(\.hash).first { $0.rounds == rounds }
    }

    /// Rules 1 to 3 of a line without its `\n`.
    package static func parts(
        _ line: ArraySlice<UInt8>, number: Int
    ) throws(BadLine) -> (user: ArraySlice<UInt8>, password: ArraySlice<UInt8>) {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else {
            throw BadLine(number: number, reason: "not user:password")
        }
        let user = line[..<colon]
        guard !user.isEmpty, !user.contains(0) else {
            throw BadLine(number: number, reason: "no name before the colon")
        }
        return (user, line[(colon + 1)...].prefix { $0 != 0x0D && $0 != 0 })
    }

    /// The hash that a password is; nil if it is a plain one.
    package static func hash(_ password: ArraySlice<UInt8>, number: Int) throws(BadLine) -> PasswordHash? {
        guard password.starts(with: PasswordHash.prefix.utf8) else { return nil }
        guard let hash = PasswordHash(parsing: String(decoding: password, as: UTF8.self)) else {
            throw BadLine(number: number, reason: "not \(PasswordHash.prefix)<rounds>$<salt>$<hash>")
        }
        return hash
    }
}
