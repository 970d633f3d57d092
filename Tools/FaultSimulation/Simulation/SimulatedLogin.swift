import Glibc
import MartletServer

/// Who may use a server that asks for a login, and what its clients say before.
enum SimulatedLogin {
    /// Few rounds, but more than are computed in one turn.
    private static let lines: String = {
        let hash = PasswordHash(
            of: "hashed word".utf8, rounds: Limits.hashRoundsPerTurn + 100, salt: Array("salt".utf8))
        return "plain:a pass word\n" + (hash.map { "slow:\($0.text)\n" } ?? "")
    }()

    static let right = ["plain a pass word", "slow hashed word"]
    static let wrong = ["plain a pass", "plain hashed word", "slow hashed wordy", "nobody a pass word", "slow "]
    /// Of one connection: a few more would end it.
    static let wrongMax = 5

    /// The path of a file with the lines, for whoever reads it and removes it; nil if there can be none.
    static func makeFile() -> String? {
        var name = Array("/tmp/martlet-simulation-XXXXXX".utf8)
        name.append(0)
        let descriptor = name.withUnsafeMutableBytes { bytes in
            bytes.withMemoryRebound(to: CChar.self) { $0.baseAddress.map { mkstemp($0) } ?? -1 }
        }
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        let text = Array(lines.utf8)
        let path = String(decoding: name.dropLast(), as: UTF8.self)
        if write(descriptor, text, text.count) == text.count { return path }
        unlink(path)
        return nil
    }
}

extension SimulatedCommand {
    /// Makes it one that is asked before the login: a line without more, or a `set` whose value is no token.
    mutating func becomeLocked() {
        isLocked = true
        isQuiet = false
        switch kind {
        case .set, .metaSet, .add, .replace, .append, .prepend, .compareAndSet, .tooLarge:
            kind = .set
            if content.length > Self.tokenBytesMax { content = .pattern(content.first.start, Self.tokenBytesMax) }
        // A line of four bytes would end the connection.
        case .noop: kind = .unknown
        default: break
        }
    }

    private static let tokenBytesMax = 16_384

    /// Appends the token of a try, right or wrong, as a `set`.
    func writeLogin(into out: inout [UInt8]) {
        let token = kind == .login ? SimulatedLogin.right[form] : SimulatedLogin.wrong[form]
        out += "set \(form) 0 0 \(token.utf8.count)\r\n\(token)".utf8
    }
}

extension ReplyJudge {
    /// Before the login nothing is answered but that it is wanted.
    func judgeLocked(_ command: SimulatedCommand) -> Verdict {
        guard let line = text.line(at: text.place) else { return .incomplete }
        return switch command.kind {
        case .login: expect("STORED", line)
        case .wrongLogin: expect("CLIENT_ERROR authentication failure", line)
        case .set: expect("CLIENT_ERROR bad authentication token format", line)
        default: expect("CLIENT_ERROR unauthenticated", line)
        }
    }
}
