import ArgumentParser

/// `martletctl watch`
struct WatchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Tells what happens in a server, a line for each event.",
        discussion: """
            fetchers (look-ups; the default), mutations (stores), deletions, evictions,
            connevents, sysevents. Ctrl-C ends it.
            """
    )

    @OptionGroup var servers: ServerOptions
    @OptionGroup var output: OutputOptions

    @Option(name: .shortAndLong, help: ArgumentHelp("Ends after so many events.", valueName: "events"))
    var number: Int?

    @Argument(help: "What to tell.")
    var streams: [String] = []

    func validate() throws {
        guard servers.addresses.count == 1 else { throw ValidationError("one server at a time can be watched") }
        guard streams.allSatisfy({ !$0.contains(where: \.isWhitespace) }) else {
            throw ValidationError("a stream is one word")
        }
    }

    func run() throws {
        let connection = try CacheConnection(servers.addresses[0], servers)
        let reply = try connection.ask((["watch"] + streams).joined(separator: " "))
        guard reply == "OK" else { throw CacheFailure("\(connection.address): watch: \(reply)") }
        connection.waitForever()
        var out = StandardOutput()
        var count = 0
        while number.map({ count < $0 }) ?? true {
            let line = String(decoding: try connection.readLine(), as: UTF8.self)
            out.write(Array(((output.json ? Self.json(line) : Self.shown(line)) + "\n").utf8))
            out.flush()
            count += 1
        }
    }

    /// `name=value ...` as JSON, numbers as numbers.
    static func json(_ line: String) -> String {
        let members = line.split(separator: " ").map { word -> (String, JSONLine) in
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { return (String(word), .null) }
            return (String(parts[0]), JSONLine(statistic: String(parts[1])))
        }
        return JSONLine.members(members).description
    }

    private static func shown(_ told: String) -> String {
        let line = TerminalText.shown(told)
        guard OutputOptions.hasColours else { return line }
        return line.split(separator: " ").map { word in
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { return String(word) }
            let colour = parts[0] == "key" ? "1" : parts[0] == "type" ? "36" : "0"
            return "\u{1B}[2m\(parts[0])=\u{1B}[0m\u{1B}[\(colour)m\(parts[1])\u{1B}[0m"
        }.joined(separator: " ")
    }
}
