import ArgumentParser

/// `martletctl watch`
struct WatchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Tells what happens in a server, a line for each event.",
        discussion: """
            fetchers (look-ups; the default), mutations (stores), deletions, evictions,
            connevents, sysevents. Ctrl-C ends it. Keys are as servers tell them, percent-
            encoded; --json has them as they are, and numbers as numbers.
            """
    )

    @OptionGroup var servers: ServerOptions
    @OptionGroup var output: OutputOptions

    @Option(name: .shortAndLong, help: ArgumentHelp("Ends after so many events.", valueName: "events"))
    var number: Int?

    @Argument(help: "What to tell.")
    var streams: [String] = []

    func validate() throws {
        if let number, number < 1 { throw ValidationError("--number is at least 1") }
        guard servers.addresses.count == 1 else { throw ValidationError("one server at a time can be watched") }
        guard streams.allSatisfy({ !$0.contains(where: \.isWhitespace) }) else {
            throw ValidationError("a stream is one word")
        }
    }

    func run() throws {
        let connection = try CacheConnection(servers.addresses[0], servers)
        let reply = try connection.ask((["watch"] + streams).joined(separator: " "))
        guard reply == "OK" else {
            let hint = reply == "ERROR" && !streams.isEmpty ? " (--help tells which streams there are)" : ""
            throw CacheFailure("\(connection.address): watch: \(reply)\(hint)")
        }
        connection.waitForever()
        var out = StandardOutput()
        var count = 0
        while !out.isClosed, number.map({ count < $0 }) ?? true {
            let line = try connection.readLine()
            let told = output.json ? EventLine.json(line) : Self.shown(String(decoding: line, as: UTF8.self))
            try out.write(Array((told + "\n").utf8))
            try out.flush()
            count += 1
        }
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
