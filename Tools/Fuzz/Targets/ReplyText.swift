/// What a server has said in the text protocol, taken apart: lines with their ends, and what lies in data blocks, where
/// any words may stand.
package struct ReplyText {
    package enum Part: Equatable {
        case line([UInt8])
        case block([UInt8])
    }

    package let parts: [Part]

    package init(_ reply: [UInt8]) {
        var parts: [Part] = []
        var rest = reply[...]
        while !rest.isEmpty {
            let end = rest.firstIndex(of: 10).map { $0 + 1 } ?? rest.endIndex
            let line = rest[..<end]
            parts.append(.line(Array(line)))
            rest = rest[end...]
            guard let count = Self.blockBytes(line), rest.count >= count else { continue }
            parts.append(.block(Array(rest.prefix(count))))
            rest = rest.dropFirst(count)
        }
        self.parts = parts
    }

    /// Bytes of the data block that follows a line, its end included; nil if none does.
    private static func blockBytes(_ line: ArraySlice<UInt8>) -> Int? {
        let isBlock = line.starts(with: "VA ".utf8)
        guard isBlock || line.starts(with: "VALUE ".utf8) || line.starts(with: "CONFIG ".utf8) else { return nil }
        let words = line.split { $0 == 0x20 || $0 == 13 || $0 == 10 }
        let place = isBlock ? 1 : 3
        guard words.count > place, words[place].count <= 9 else { return nil }
        return Int(String(decoding: words[place], as: UTF8.self)).map { $0 + 2 }
    }

    private static let refusals = ["metadump", "mgdump", "watch"].map {
        Array("ERROR cannot pipeline other commands before \($0)\r\n".utf8)
    }

    /// The server has refused a dump because other commands came with it. Only a line of its own says so.
    package var refusesDump: Bool {
        parts.contains { part in
            guard case .line(let line) = part else { return false }
            return Self.refusals.contains(line)
        }
    }

    /// Everything but lines of statistics, which differ by what they count.
    package var withoutStatistics: [UInt8] {
        parts.flatMap { part in
            switch part {
            case .line(let line): line.starts(with: "STAT ".utf8) ? [] : line
            case .block(let block): block
            }
        }
    }
}
