/// What a watched server tells of an event: `ts=1700000000.4711 gid=7 type=item_get key=a%20b status=found ...`
///
/// 1. A name decides what its value is, not how that looks: a key may be all digits.
/// 2. Keys are percent-encoded.
/// 3. `ts` is seconds and microseconds with a point between them, the latter without leading zeros.
/// 4. `msg` is a sentence, and the rest of the line.
enum EventLine {
    /// Values that are numbers. All others are text, those of unknown names included.
    private static let numbers: Set<String> = [
        "gid", "ttl", "la", "clsid", "cfd", "fd", "size", "rport", "skipped", "src", "dst", "crawler", "low_mark",
        "next_reclaims", "since_run", "next_run", "elapsed", "examined", "reclaimed", "bucket", "id", "version",
        "offset", "rescues", "rescues_realloc", "lost", "lost_oom", "bytes", "ratio",
    ]

    static func json(_ line: ArraySlice<UInt8>) -> String {
        var members: [(String, JSONLine)] = []
        var rest = line
        while let word = nextWord(&rest) {
            guard let equals = word.firstIndex(of: UInt8(ascii: "=")) else {
                members.append((text(word), .null))
                continue
            }
            members.append(member(text(word[..<equals]), word[(equals + 1)...]))
        }
        return JSONLine.members(members).description
    }

    /// Up to the next blank; the rest of the line for rule 4.
    private static func nextWord(_ rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        rest = rest.drop { $0 == 0x20 }
        guard !rest.isEmpty else { return nil }
        let word = rest.starts(with: "msg=".utf8) ? rest : rest.prefix { $0 != 0x20 }
        rest = rest[word.endIndex...]
        return word
    }

    private static func member(_ name: String, _ value: ArraySlice<UInt8>) -> (String, JSONLine) {
        let told = text(value)
        switch name {
        case "key": return JSONLine.bytes(name, CacheKey.decodedPercent(value) ?? Array(value))
        case "ts": return (name, time(told).map { .decimal($0) } ?? .text(told))
        case _ where numbers.contains(name): return (name, JSONLine(statistic: told))
        default: return (name, .text(told))
        }
    }

    /// Rule 3.
    private static func time(_ text: String) -> Decimal? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[1].count <= 6 else { return nil }
        let zeros = String(repeating: "0", count: 6 - parts[1].count)
        return Decimal("\(parts[0]).\(zeros)\(parts[1])")
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
}
