import MartletServer

/// `--hash-password`: reads `user:password` lines from stdin and prints them as a file of `-Y` can hold them, the
/// passwords hashed.
enum HashedPasswords {
    static func print(remark: (String) -> Void) -> Int32 {
        var number = 0
        while let line = readLine() {
            number += 1
            guard let colon = line.firstIndex(of: ":"), colon != line.startIndex else {
                remark("--hash-password: line \(number) is not user:password")
                return ExitStatus.usage
            }
            let password = line[line.index(after: colon)...]
            if password.hasPrefix(PasswordHash.prefix) {
                Swift.print(line)
                continue
            }
            guard let hash = PasswordHash(of: Array(password.utf8)) else {
                remark("--hash-password: the system gives no random bytes")
                return ExitStatus.system
            }
            Swift.print("\(line[..<colon]):\(hash.text)")
        }
        return ExitStatus.success
    }
}
