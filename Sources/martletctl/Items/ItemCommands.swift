import ArgumentParser
import MartletProtocol

/// `martletctl get`
struct GetCommand: ParsableCommand, BytesCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Prints values.",
        discussion: """
            The value of one key is printed as it is, and nothing else (on a terminal
            without what would command it). Of several keys, and with --json, each
            value is told with its key, flags and remaining life. A key that is not
            there is a word on stderr, and exit status 1.
            """
    )

    @OptionGroup var servers: ServerOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The keys.")
    var keys: [ArgumentBytes]

    var argumentBytes: [ArgumentBytes] { keys }

    func run() throws {
        var isMissing = false
        var out = StandardOutput()
        let areAllAsked = try askEach(keys, servers) { text, key, connection in
            guard let item = try connection.items([key]).first else {
                StandardError.write("\(text) is not there")
                isMissing = true
                return
            }
            try out.write(told(item, text))
            // Before a word on stderr about another key.
            try out.flush()
        }
        if isMissing || !areAllAsked { throw ExitCode(1) }
    }

    private func told(_ item: CacheItem, _ text: String) -> [UInt8] {
        if output.json {
            let line = JSONLine.members([
                JSONLine.bytes("key", item.key), JSONLine.bytes("value", item.value),
                ("flags", .number(Int(item.flags))),
                ("ttl_seconds", item.ttlSeconds.map { .number($0) } ?? .null),
            ])
            return Array("\(line)\n".utf8)
        }
        if keys.count == 1 { return Self.shown(item.value) }
        let life = item.ttlSeconds.map { "\($0) s left" } ?? "for ever"
        let head = "\(text)  flags \(item.flags), \(life), \(item.value.count) bytes\n"
        return Array(head.utf8) + Self.shown(item.value) + [0x0A]
    }

    /// As it is, unless a terminal would take it for commands.
    private static func shown(_ value: [UInt8]) -> [UInt8] {
        guard OutputOptions.isTerminal else { return value }
        let text = String(validating: value, as: UTF8.self).map { TerminalText.shown($0, keepsLines: true) }
        return Array((text ?? ShownBytes.text(of: value)).utf8)
    }
}

/// `martletctl set`
struct SetCommand: ParsableCommand, BytesCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Stores a value, given or read from standard input.",
        subcommands: []
    )

    @OptionGroup var servers: ServerOptions

    @Argument(help: "The key.")
    var key: ArgumentBytes

    @Argument(help: "The value; without it standard input is.")
    var value: ArgumentBytes?

    @Option(parsing: .unconditional, help: ArgumentHelp("Seconds to live; 0 for ever.", valueName: "seconds"))
    var ttl = 0

    @Option(help: "Client flags.")
    var flags: UInt32 = 0

    @Flag(help: "Only if nothing is there.")
    var add = false

    var argumentBytes: [ArgumentBytes] { [key] + (value.map { [$0] } ?? []) }

    func validate() throws {
        guard (0...Int(Int32.max)).contains(ttl) else { throw ValidationError("--ttl is between 0 and 2147483647") }
    }

    func run() throws {
        let key = try CacheKey(parsing: key)
        let bytes = try value?.bytes ?? FileInput(path: "-").readAll(countMax: CacheItem.valueBytesMax)
        let item = CacheItem(key: key.bytes, value: bytes, flags: flags, ttlSeconds: ttl == 0 ? nil : ttl)
        let connection = try servers.connection(for: key.bytes)
        let outcome = try connection.store([item], add ? .add : .set)
        if let refusal = outcome.refusals.first { throw CacheFailure("\(connection.address): \(refusal.reason)") }
        if outcome.keptCount > 0 {
            StandardError.write("\(self.key.shown) is there already")
            throw ExitCode(1)
        }
    }
}

/// `martletctl delete`
struct DeleteCommand: ParsableCommand, BytesCommand {
    static let configuration = CommandConfiguration(commandName: "delete", abstract: "Deletes items.")

    @OptionGroup var servers: ServerOptions

    @Argument(help: "The keys.")
    var keys: [ArgumentBytes]

    var argumentBytes: [ArgumentBytes] { keys }

    func run() throws {
        try tellEach(keys, servers) { "md \($0.word)\($0.mark)" }
    }
}

/// `martletctl touch`
struct TouchCommand: ParsableCommand, BytesCommand {
    static let configuration = CommandConfiguration(commandName: "touch", abstract: "Gives items another life.")

    @OptionGroup var servers: ServerOptions

    @Argument(help: "The keys.")
    var keys: [ArgumentBytes]

    var argumentBytes: [ArgumentBytes] { keys }

    @Option(
        parsing: .unconditional, help: ArgumentHelp("Seconds to live from now on; 0 for ever.", valueName: "seconds"))
    var ttl: Int

    func validate() throws {
        guard (0...Int(Int32.max)).contains(ttl) else { throw ValidationError("--ttl is between 0 and 2147483647") }
    }

    func run() throws {
        let life = ExpirationTime.word(seconds: ttl)
        try tellEach(keys, servers) { "mg \($0.word) T\(life)\($0.mark)" }
    }
}

/// Sends a line for each key; what is not there is told on stderr, with exit status 1.
private func tellEach(_ keys: [ArgumentBytes], _ servers: ServerOptions, _ line: (CacheKey) -> String) throws {
    var isMissing = false
    let areAllAsked = try askEach(keys, servers) { text, key, connection in
        let reply = try connection.ask(line(key))
        if reply.hasPrefix("NF") || reply.hasPrefix("EN") {
            StandardError.write("\(text) is not there")
            isMissing = true
        } else if !reply.hasPrefix("HD") {
            StandardError.write("Error: \(text): \(TerminalText.shown(reply))")
            isMissing = true
        }
    }
    if isMissing || !areAllAsked { throw ExitCode(1) }
}

/// Calls `body` for each key with a connection to its server. A server that fails is told on stderr and asked nothing
/// more, and the others' keys go on. Returns whether all were asked.
private func askEach(
    _ keys: [ArgumentBytes], _ servers: ServerOptions, _ body: (String, CacheKey, CacheConnection) throws -> Void
) throws -> Bool {
    // A word that is no key is found before anything is done.
    let parsed = try keys.map { (text: $0.shown, key: try CacheKey(parsing: $0)) }
    var failed: Set<String> = []
    for (text, key) in parsed {
        let address = servers.address(for: key.bytes)
        guard !failed.contains(address.description) else {
            StandardError.write("\(text): \(address) is not asked again")
            continue
        }
        do {
            try body(text, key, try CacheConnection(address, servers))
        } catch let failure as CacheFailure {
            StandardError.write("Error: \(failure)")
            failed.insert(address.description)
        }
    }
    return failed.isEmpty
}

extension CacheKey {
    init(parsing word: ArgumentBytes) throws {
        guard let key = CacheKey(word.bytes) else {
            throw ValidationError(
                "a key has 1 to \(CacheKey.bytesMax) bytes (\(CacheKey.bytesMax / 4 * 3) if it has others than printable ones)"
            )
        }
        self = key
    }
}
