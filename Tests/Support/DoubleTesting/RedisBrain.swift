/// A Redis as far as the load driver asks for one: byte strings in a dictionary. Bytes only; no socket.
package struct RedisBrain: ServerBrain {
    /// What goes wrong, each so many hits.
    package enum Fault: Sendable, Equatable {
        /// Two replies in each other's place.
        case swapped(every: Int)
        /// One bit is not as it was stored.
        case flipped(every: Int)
        /// CR LF is missing behind the value.
        case unended(every: Int)
        /// A line that is no reply.
        case garbage(every: Int)
        /// Stores are refused for want of memory.
        case full
    }

    private let fault: Fault?
    private var items: [[UInt8]: [UInt8]] = [:]
    private var countdown = 0

    package init(fault: Fault? = nil) { self.fault = fault }

    package mutating func answer(_ input: inout [UInt8], _ output: inout [UInt8]) -> Int {
        var replies: [[UInt8]] = []
        var position = 0
        while let (words, next) = Self.request(input, from: position) {
            position = next
            replies.append(reply(words))
        }
        input.removeFirst(position)
        if case .swapped(let every) = fault, replies.count > 1, strikes(every) { replies.swapAt(0, 1) }
        output += replies.joined()
        return replies.count
    }

    /// The words of the request at `position` and where it ends, nil if it is not there whole.
    private static func request(_ input: [UInt8], from position: Int) -> ([[UInt8]], Int)? {
        guard var (count, cursor) = number(input, from: position, after: UInt8(ascii: "*")) else {
            // What the starter of a server asks.
            guard let end = input[position...].firstIndex(of: 10) else { return nil }
            return ([Array(input[position..<end])], end + 1)
        }
        var words: [[UInt8]] = []
        while count > 0 {
            guard let (length, start) = number(input, from: cursor, after: UInt8(ascii: "$")),
                input.count >= start + length + 2
            else { return nil }
            words.append(Array(input[start..<start + length]))
            cursor = start + length + 2
            count -= 1
        }
        return (words, cursor)
    }

    private static func number(_ input: [UInt8], from start: Int, after mark: UInt8) -> (Int, Int)? {
        guard start < input.count, input[start] == mark, let end = input[start...].firstIndex(of: 10) else {
            return nil
        }
        let digits = String(decoding: input[(start + 1)..<end], as: UTF8.self).filter(\.isNumber)
        return Int(digits).map { ($0, end + 1) }
    }

    private mutating func strikes(_ every: Int) -> Bool {
        countdown += 1
        guard countdown >= every else { return false }
        countdown = 0
        return true
    }

    private mutating func reply(_ words: [[UInt8]]) -> [UInt8] {
        let arguments = words.dropFirst().map { $0 }
        switch String(decoding: words.first ?? [], as: UTF8.self) {
        case "INFO": return bytes(Array("# Server\r\nredis_version:7.0.double\r\nprocess_id:0\r\n".utf8))
        case "GET", "GETEX": return value(arguments[0])
        case "MGET": return Array("*\(arguments.count)\r\n".utf8) + arguments.flatMap { value($0) }
        case "SET":
            if fault == .full { return Array("-OOM command not allowed when used memory > 'maxmemory'.\r\n".utf8) }
            if arguments.contains(Array("NX".utf8)), items[arguments[0]] != nil { return Array("$-1\r\n".utf8) }
            items[arguments[0]] = arguments[1]
            return Array("+OK\r\n".utf8)
        case "DEL": return number(items.removeValue(forKey: arguments[0]) == nil ? 0 : 1)
        case "EXPIRE", "PERSIST": return number(items[arguments[0]] == nil ? 0 : 1)
        case "INCR":
            let before = items[arguments[0]] ?? Array("0".utf8)
            guard let sum = Int(String(decoding: before, as: UTF8.self)).map({ $0 + 1 }) else {
                return Array("-ERR value is not an integer or out of range\r\n".utf8)
            }
            items[arguments[0]] = Array("\(sum)".utf8)
            return number(sum)
        default: return Array("-ERR unknown command\r\n".utf8)
        }
    }

    private func number(_ number: Int) -> [UInt8] { Array(":\(number)\r\n".utf8) }

    private func bytes(_ bytes: [UInt8]) -> [UInt8] { Array("$\(bytes.count)\r\n".utf8) + bytes + [13, 10] }

    private mutating func value(_ key: [UInt8]) -> [UInt8] {
        guard var value = items[key] else { return Array("$-1\r\n".utf8) }
        switch fault {
        case .flipped(let every) where !value.isEmpty && strikes(every): value[value.count / 2] ^= 1
        case .unended(let every) where strikes(every): return bytes(value).dropLast(2) + Array("XX".utf8)
        case .garbage(let every) where strikes(every): return Array("?what\r\n".utf8)
        default: break
        }
        return bytes(value)
    }
}
