import ExecutionTesting
import MartletServer

/// A command line, a word in each line, and variables as `MARTLETD_NAME=value`: refused with a sentence, or settings
/// with which a store can be made, or is refused with a reason, and then serves.
enum OptionsCheck {
    /// With more memory an input would take too long.
    private static let memoryBytesMax = 64 << 20

    static func check(_ input: [UInt8]) throws {
        var words: [String] = []
        var surroundings = Surroundings(memoryLimitBytes: 256 << 20)
        for line in input.split(separator: 10, omittingEmptySubsequences: false) {
            let word = String(decoding: line, as: UTF8.self)
            let parts = word.split(separator: "=", maxSplits: 1)
            if word.hasPrefix(Surroundings.prefix), parts.count == 2 {
                surroundings.variables[String(parts[0])] = String(parts[1])
            } else {
                words.append(word)
            }
        }
        guard case .run(var settings, _)? = try? CommandLineParser.parse(words, in: surroundings) else { return }
        _ = settings.memoryRemark(limitBytes: surroundings.memoryLimitBytes)
        if settings.memoryBytes > memoryBytesMax { return }
        // Files of the machine are none of this check's.
        settings.authFilePath = nil
        settings.memoryFilePath = nil
        settings.verbosity = 0
        guard let server = try? LogicServer(settings, arenaBytesMax: 2 * memoryBytesMax) else { return }
        try serve(server, settings)
    }

    private static func serve(_ server: LogicServer, _ settings: ServerSettings) throws(FuzzFinding) {
        let connection = server.connect()
        let length = settings.itemBytesMax / 2
        connection.send("set a 0 0 5\r\nhello\r\nset b 1 0 \(length)\r\n")
        connection.send([UInt8](repeating: 0x78, count: length) + [13, 10])
        let reply = connection.ask("get a\r\nmg a v\r\nstats settings\r\nstats\r\n")
        try FuzzFinding.expect(
            settings.protocolName == "binary" || reply.contains("VALUE a 0 5\r\nhello\r\n"),
            "what was stored is not there: \(reply.prefix(200).debugDescription)")
    }
}
