import MartletProtocol
import MartletStore
import Synchronization

// Administration: the commands that look after the server rather than its items.
//
// Everything here is cold. It may allocate, and it gathers a whole reply in memory of its own before the connection's
// reply buffer gets it. It never waits for a worker: counters of other threads are read as they are, each true at some
// moment a little before the reply.

/// Answers `stats` and the commands that change or end the server. Any worker may call it.
package enum Administration {
    package typealias Server = UnsafeMutablePointer<ServerContext>

    /// Answers `stats`; `words` is what follows it on the line.
    @inline(never)
    package static func answerStatistics(
        words: UnsafeRawBufferPointer, server: Server, output: UnsafeMutablePointer<OutputBuffer>
    ) -> AdministrativeAnswer {
        let words = split(words)
        server.pointee.administration.usedRareText.store(true, ordering: .relaxed)
        if words.first == "sizes", server.pointee.settings.tracksSizes { return .long(ItemDump()) }
        if let source = slicedStatistics(words, server) { return .long(StatisticsAnswer(source)) }
        send(statistics(words, server: server), output)
        return .done
    }

    /// The whole reply to `stats` with these words behind it.
    package static func statistics(_ words: [String], server: Server) -> StatisticsText {
        var text = StatisticsText()
        if var source = slicedStatistics(words, server) {
            while source.appendSlice(server, to: &text) {}
            text.end()
            return text
        }
        switch words.first {
        case nil: appendGeneral(server, to: &text)
        case "settings": appendSettings(server, to: &text)
        case "items": slabs(server).appendItems(to: &text)
        case "slabs": slabs(server).appendSlabs(to: &text)
        case "sizes": text.add("sizes_status", "disabled")
        case "martlet": MartletStatistics(server).append(to: &text)
        case "conns": return StatisticsText("SERVER_ERROR out of memory writing stats")
        case "reset":
            server.pointee.resetStatistics()
            return StatisticsText("RESET")
        case "detail":
            return detailAnswer(words.dropFirst(), server)
        case "cachedump" where !server.pointee.settings.allowsDump:
            return StatisticsText("CLIENT_ERROR stats cachedump not allowed")
        case "cachedump":
            return CacheDump(
                words.dropFirst(), server.pointee.store, startSecond: server.pointee.clock.wall(of: 0),
                now: server.pointee.clock.second
            ).text
        default:
            return StatisticsText("ERROR")
        }
        text.end()
        return text
    }

    // MARK: stats

    private static func appendGeneral(_ server: Server, to text: inout StatisticsText) {
        GeneralStatistics(
            settings: shownSettings(server), commands: server.pointee.commandTotals(),
            network: server.pointee.networkTotals(), store: server.pointee.storeStatistics(),
            uptimeSeconds: Int(server.pointee.clock.uptime), wallSeconds: Int(server.pointee.clock.wall)
        ).append(to: &text)
    }

    private static func appendSettings(_ server: Server, to text: inout StatisticsText) {
        SettingsReport(
            settings: shownSettings(server),
            flushSecond: server.pointee.administration.flushSecond.load(ordering: .relaxed)
        ).append(to: &text)
    }

    private static func slabs(_ server: Server) -> SlabStatistics {
        SlabStatistics(
            settings: shownSettings(server), commands: server.pointee.commandTotals(),
            store: server.pointee.storeStatistics())
    }

    static func shownSettings(_ server: Server) -> ServerSettings {
        server.pointee.administration.shown.withLock { $0 }
    }

    /// `stats detail`, but for the counts themselves (PrefixStatistics.swift).
    private static func detailAnswer(_ words: ArraySlice<String>, _ server: Server) -> StatisticsText {
        guard server.pointee.settings.allowsDump else { return StatisticsText("CLIENT_ERROR stats detail not allowed") }
        switch words.first {
        case "on", "off":
            let counts = words.first == "on"
            server.pointee.observation.pointee.setCountsPrefixes(counts)
            server.pointee.administration.shown.withLock { $0.countsPrefixes = counts }
            return StatisticsText("OK")
        default:
            return StatisticsText("CLIENT_ERROR usage: stats detail on|off|dump")
        }
    }

    // MARK: Commands that change the server

    /// `verbosity`: levels over 2 are 2.
    @inline(never)
    package static func setVerbosity(_ level: UInt64, server: Server) -> FixedReply {
        guard server.pointee.settings.allowsVerbosity else { return .verbosityNotAllowed }
        let level = Int(min(level, 2))
        server.pointee.administration.shown.withLock { $0.verbosity = level }
        server.pointee.log.setVerbosity(level)
        server.pointee.observation.pointee.setLogsCommands(level > 1)
        return .ok
    }

    /// `cache_memlimit`.
    @inline(never)
    package static func setMemoryLimit(megabytes: UInt64, server: Server) -> FixedReply {
        guard megabytes >= 8 else { return .memoryLimitTooSmall }
        guard megabytes <= 1_000_000_000 else { return .memoryLimitNotMegabytes }
        let bytes = Int(megabytes) << 20
        guard server.pointee.store.setMemoryLimit(bytes: bytes) else { return .memoryLimitUnable }
        server.pointee.administration.shown.withLock { $0.memoryBytes = bytes }
        return .ok
    }

    /// `shutdown`; without an answer the server is stopping.
    @inline(never)
    package static func shutdown(_ mode: ShutdownMode, server: Server) -> FixedReply? {
        guard server.pointee.settings.allowsShutdown else { return .shutdownNotEnabled }
        switch mode {
        case .invalid: return .invalidShutdownMode
        case .immediate: server.pointee.stopRequest.ask(.immediate)
        case .graceful: server.pointee.stopRequest.ask(.graceful)
        }
        return nil
    }

    // MARK: The reply

    /// A command line has few words; what is not UTF-8 matches none we know.
    static func split(_ line: UnsafeRawBufferPointer) -> [String] {
        line.split(separator: 0x20).map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    static func send(_ text: StatisticsText, _ output: UnsafeMutablePointer<OutputBuffer>) {
        text.bytes.withUnsafeBytes { output.pointee.append($0) }
    }
}
