import Glibc
import MartletServer

/// `--hash-password`: reads `user:password` lines from stdin and prints them as a file of `-Y` can hold them, the
/// passwords hashed.
///
/// Names and passwords are bytes, and are taken from a line as they are from that file: what logs in with the one logs
/// in with the other.
enum HashedPasswords {
    static func print(remark: (String) -> Void) -> Int32 {
        var input = InputLines()
        var number = 0
        while let line = input.next() {
            number += 1
            do throws(Credentials.BadLine) {
                let (user, password) = try Credentials.parts(line[...], number: number)
                let isHashed = try Credentials.hash(password, number: number) != nil
                guard let hash = isHashed ? Array(password) : hashed(password) else {
                    remark("--hash-password: the system gives no random bytes")
                    return ExitStatus.system
                }
                let line = user + [UInt8(ascii: ":")] + hash
                guard line.count <= Credentials.lineBytesMax else {
                    remark("--hash-password: line \(number) would be longer than \(Credentials.lineBytesMax) bytes")
                    return ExitStatus.usage
                }
                guard write(line + [0x0A]) else {
                    remark("--hash-password: cannot write: \(String(cString: strerror(errno)))")
                    return ExitStatus.system
                }
            } catch {
                remark("--hash-password: line \(error.number): \(error.reason)")
                return ExitStatus.usage
            }
        }
        if input.error != 0 {
            remark("--hash-password: cannot read: \(String(cString: strerror(input.error)))")
            return ExitStatus.system
        }
        if number > 0 { return ExitStatus.success }
        remark("--hash-password: there is no user:password line")
        return ExitStatus.usage
    }

    private static func hashed(_ password: ArraySlice<UInt8>) -> [UInt8]? {
        PasswordHash(of: password).map { Array($0.text.utf8) }
    }

    private static func write(_ bytes: ArraySlice<UInt8>) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }
}

/// The lines of stdin as they come, without their `\n`.
private struct InputLines {
    private var bytes: [UInt8] = []
    private var isAtEnd = false
    /// Why reading has ended before the end; 0 if it has not.
    private(set) var error: Int32 = 0

    mutating func next() -> [UInt8]? {
        while true {
            if let end = bytes.firstIndex(of: 0x0A) {
                defer { bytes.removeFirst(end + 1) }
                return Array(bytes[..<end])
            }
            if isAtEnd {
                defer { bytes = [] }
                return bytes.isEmpty || error != 0 ? nil : bytes
            }
            readSome()
        }
    }

    private mutating func readSome() {
        let some = [UInt8](unsafeUninitializedCapacity: 4096) { room, initialized in
            let count = read(STDIN_FILENO, room.baseAddress, room.count)
            if count < 0 { error = errno }
            initialized = max(count, 0)
        }
        isAtEnd = some.isEmpty
        bytes += some
    }
}
