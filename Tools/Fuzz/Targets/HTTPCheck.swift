import MartletProtocol
import MartletServer

/// What the admin endpoint itself reads of a request; lines and fields are libevent's to find. An input is three lines,
/// of which the last may be missing: what is asked for, `Authorization`, `Host`.
enum HTTPCheck {
    private static let token = "cafe0123-token"

    static func check(_ input: [UInt8]) throws(FuzzFinding) {
        let lines = input.split(separator: 10, maxSplits: 2, omittingEmptySubsequences: false).map {
            String(decoding: $0, as: UTF8.self)
        }
        try checkTarget(lines[0])
        let authorization = lines.count > 1 ? lines[1] : nil
        let host = lines.count > 2 ? lines[2] : nil
        try checkToken(authorization, host)
        try checkHost(authorization, host)
    }

    private static func checkTarget(_ text: String) throws(FuzzFinding) {
        let target = AdminTarget(text)
        let number = target.number("after")
        guard text.utf8.allSatisfy({ $0 < 0x80 }) else { return }
        let bytes = Array(text.utf8)
        let path = Array(bytes.prefix { $0 != 0x3f })
        try FuzzFinding.expect(Array(target.path.utf8) == path, "a path of \(text.debugDescription) is \(target.path)")
        let query = bytes.dropFirst(path.count + 1).split(separator: 0x26).first { $0.starts(with: "after=".utf8) }
        let wanted = query.flatMap { Int(String(decoding: $0.dropFirst(6), as: UTF8.self)) }
        try FuzzFinding.expect(number == wanted, "a number of \(text.debugDescription) is \(number as Any)")
    }

    /// With a token: whoever is let in has it, and whoever has it is let in, whatever name goes before it.
    private static func checkToken(_ authorization: String?, _ host: String?) throws(FuzzFinding) {
        let access = AdminAccess(token: Array(token.utf8), isLoopback: true)
        let given = authorization ?? ""
        if access.verdict(authorization: authorization, host: host) == .allowed {
            let words = given.split(separator: " ")
            let pair = words.last.flatMap { Base64.bytes(of: $0) } ?? []
            try FuzzFinding.expect(
                words.count == 2 && (words[1] == token || pair.reversed().starts(with: ":\(token)".utf8.reversed())),
                "\(given.debugDescription) was let in")
        }
        let name = given.utf8.filter { $0 != 0x3a }
        for (password, isRight) in [(token, true), (token + "x", false), (String(token.dropLast()), false)] {
            let field = "Basic \(Base64.text(of: name + Array(":\(password)".utf8)))"
            try FuzzFinding.expect(
                (access.verdict(authorization: field, host: host) == .allowed) == isRight,
                "\(field) was \(isRight ? "refused" : "let in")")
        }
    }

    /// Without one: what is let in at a loopback address names one; elsewhere everybody is.
    private static func checkHost(_ authorization: String?, _ host: String?) throws(FuzzFinding) {
        let open = AdminAccess(token: nil, isLoopback: false)
        try FuzzFinding.expect(
            open.verdict(authorization: authorization, host: host) == .allowed, "somebody was refused for nothing")
        let near = AdminAccess(token: nil, isLoopback: true)
        guard near.verdict(authorization: authorization, host: host) == .allowed, let host else { return }
        try FuzzFinding.expect(isNear(Array(host.utf8)), "\(host.debugDescription) passed as this machine's name")
    }

    private static func isNear(_ host: [UInt8]) -> Bool {
        if host.starts(with: "[::1]".utf8) { return host.count == 5 || host[5] == 0x3a }
        let name = host.prefix { $0 != 0x3a }
        if name.map({ (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 }) == Array("localhost".utf8) { return true }
        let numbers = name.split(separator: 0x2e, omittingEmptySubsequences: false)
        return numbers.count == 4 && numbers[0].elementsEqual("127".utf8)
            && numbers.allSatisfy { digits in
                !digits.isEmpty && digits.allSatisfy { (0x30...0x39).contains($0) }
                    && Int(String(decoding: digits, as: UTF8.self)).map { $0 < 256 } == true
            }
    }
}
