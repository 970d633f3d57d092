import ArgumentParser

/// `martletctl keys`
struct KeysCommand: ParsableCommand, BytesCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "Lists the keys that servers hold.",
        discussion: """
            One key a line. Into files and pipes as it is, but for a line end in it,
            which is written \\x0a; on a terminal, and in the table of --long, bytes
            that are no text are shown as \\xff, and a backslash twice. With --json an
            object a line, which tells every key exactly. Servers started with -X do
            not tell.
            """
    )

    @OptionGroup var servers: ServerOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var filter: KeyFilter

    @Flag(help: "Also tells sizes, lives, last accesses and slab classes.")
    var long = false

    @Option(help: ArgumentHelp("Stops after so many keys.", valueName: "count"))
    var limit: Int?

    var argumentBytes: [ArgumentBytes] { filter.argumentBytes }

    func validate() throws {
        if let limit, limit < 1 { throw ValidationError("--limit is at least 1") }
    }

    func run() throws {
        var out = StandardOutput()
        var count = 0
        let now = WallClock.seconds
        var hasFailed = false
        if long, !output.json { try out.write(Array("     size       life   accessed  class  fetched  key\n".utf8)) }
        for address in servers.addresses {
            do {
                try CacheConnection(address, servers).forEachKey { row in
                    guard filter.matches(row, now: now) else { return true }
                    try out.write(line(row, address, now) + [0x0A])
                    count += 1
                    return !out.isClosed && (limit.map { count < $0 } ?? true)
                }
            } catch let failure as CacheFailure {
                // The others' keys are wanted all the same.
                try out.flush()
                StandardError.write("Error: \(failure)")
                hasFailed = true
            }
            if out.isClosed { break }
            if let limit, count >= limit { break }
        }
        try out.flush()
        if hasFailed { throw ExitCode.failure }
    }

    private func line(_ row: KeyRow, _ address: ServerAddress, _ now: Int) -> [UInt8] {
        if output.json { return Array(json(row, address, now).description.utf8) }
        if !long, !OutputOptions.isTerminal { return KeyText.line(row.key) }
        return Array((long ? cells(row, now) + KeyText.shown(row.key) : KeyText.shown(row.key)).utf8)
    }

    private func json(_ row: KeyRow, _ address: ServerAddress, _ now: Int) -> JSONLine {
        .members([
            JSONLine.bytes("key", row.key), ("server", .text(address.description)), ("size", .number(row.size)),
            ("ttl_seconds", row.expiry.map { .number($0 - now) } ?? .null),
            ("idle_seconds", .number(max(0, now - row.lastAccess))), ("slab_class", .number(row.slabClass)),
            ("fetched", .flag(row.isFetched)),
        ])
    }

    /// What stands in front of the key.
    private func cells(_ row: KeyRow, _ now: Int) -> String {
        func right(_ text: String, _ width: Int) -> String {
            String(repeating: " ", count: max(0, width - text.count)) + text
        }
        let life = row.expiry.map { Quantity.seconds(max(0, $0 - now)) } ?? "-"
        return right(String(row.size), 9) + right(life, 11) + right(Quantity.seconds(max(0, now - row.lastAccess)), 11)
            + right(String(row.slabClass), 7) + right(row.isFetched ? "yes" : "no", 9) + "  "
    }
}

/// Which keys are wanted.
struct KeyFilter: ParsableArguments {
    @Option(help: ArgumentHelp("Only keys that begin so.", valueName: "text"))
    var prefix: ArgumentBytes?

    @Option(help: ArgumentHelp("Only keys like this: * for anything, ? for one character.", valueName: "pattern"))
    var like: ArgumentBytes?

    @Option(help: ArgumentHelp("Only items of so many bytes and more.", valueName: "bytes"))
    var larger: Int?

    @Option(help: ArgumentHelp("Only items that expire within so many seconds.", valueName: "seconds"))
    var expiring: Int?

    @Option(help: ArgumentHelp("Only items that nobody has accessed for so many seconds.", valueName: "seconds"))
    var idle: Int?

    var argumentBytes: [ArgumentBytes] { [prefix, like].compactMap { $0 } }

    /// As on the command line, each behind a blank.
    var words: String {
        var words = ""
        for (name, text) in [("prefix", prefix), ("like", like)] {
            if let text { words += " --\(name) \(text.shown)" }
        }
        for (name, number) in [("larger", larger), ("expiring", expiring), ("idle", idle)] {
            if let number { words += " --\(name) \(number)" }
        }
        return words
    }

    func matches(_ row: KeyRow, now: Int) -> Bool {
        if let prefix, !row.key.starts(with: prefix.bytes) { return false }
        if let like, !Self.isLike(row.key[...], like.bytes[...]) { return false }
        if let larger, row.size < larger { return false }
        if let expiring { guard let expiry = row.expiry, expiry - now <= expiring else { return false } }
        if let idle, now - row.lastAccess < idle { return false }
        return true
    }

    /// Goes back at most to the last star, so that no pattern takes long.
    static func isLike(_ text: ArraySlice<UInt8>, _ pattern: ArraySlice<UInt8>) -> Bool {
        var text = text, pattern = pattern
        var back: (text: ArraySlice<UInt8>, pattern: ArraySlice<UInt8>)?
        while let byte = text.first {
            if pattern.first == UInt8(ascii: "*") {
                pattern = pattern.dropFirst()
                back = (text, pattern)
            } else if let wanted = pattern.first, wanted == byte || wanted == UInt8(ascii: "?") {
                text = byte == wanted ? text.dropFirst() : afterCharacter(text)
                pattern = pattern.dropFirst()
            } else if let place = back {
                text = afterCharacter(place.text)
                pattern = place.pattern
                back = (text, pattern)
            } else {
                return false
            }
        }
        return pattern.allSatisfy { $0 == UInt8(ascii: "*") }
    }

    /// Behind the first character of UTF-8; behind the first byte where there is none.
    private static func afterCharacter(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard let lead = text.first else { return text }
        let rest = text.dropFirst()
        let count = lead < 0xC0 ? 0 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3
        return rest.prefix(count).allSatisfy { $0 & 0xC0 == 0x80 } ? rest.dropFirst(count) : rest
    }
}
