import MartletServer
import ServerTesting
import StoreTesting

/// Changes and asks for all that there is to change and to ask for, as long as anybody works: time, memory, pages,
/// segments, the crawler, statistics, dumps, watchers, and what is read again on SIGHUP.
final class StressAdministrator: StressPart, @unchecked Sendable {
    // Unchecked as its base.

    private static let stepCountMin = 80
    private var watchers: [StressConversation] = []
    private var version = 1

    override func play() throws {
        let conversation = try stage.conversation()
        var step = 0
        while stage.runningCount > 0 || step < Self.stepCountMin {
            if step % 25 == 0 { stage.advance() }
            if step % 40 == 20 { try reload() }
            if step == 30 { _ = try conversation.ask("flush_all\r\n") }
            switch random.below(8) {
            case ..<3: try change(conversation)
            case ..<6: try ask(conversation)
            case ..<7: try dump(conversation)
            default: try watch()
            }
            step += 1
        }
        counts["administrative steps"] = step
        for watcher in watchers { watcher.client.close() }
        conversation.client.close()
    }

    /// Commands that are answered with one line.
    private func change(_ conversation: StressConversation) throws {
        let id = 1 + random.below(30)
        let commands = [
            "cache_memlimit \([8, 12, 16, StressStage.megabytes][random.below(4)])",
            "slabs automove \(1 + random.below(2))", "slabs automove ratio 0.\(1 + random.below(9))",
            "slabs reassign -1 \(id)", "slabs reassign \(id) \(1 + random.below(30))", "slabs reassign \(id) 0",
            "lru tune \(random.below(40)) \(random.below(40)) 0.\(1 + random.below(9)) 1.\(random.below(9))",
            "lru mode flat", "lru mode segmented", "lru temp_ttl \(random.below(5) - 1)", "lru_crawler disable",
            "lru_crawler enable", "lru_crawler crawl all", "lru_crawler sleep \(random.below(100))",
            "lru_crawler tocrawl \(random.below(3) * 1000)", "verbosity 1", "verbosity 0", "stats reset",
            "stats detail on", "stats detail off", "refresh_certs", "version", "touch no 1",
        ]
        let answer = try conversation.ask(commands[random.below(commands.count)] + "\r\n")
        if answer.isEmpty { fault("an empty answer") }
        // For a moment only: everything that clients do is logged, and no page moves, so that stores may be refused.
        if random.below(20) == 0 {
            for command in ["verbosity 2", "slabs automove 0", "slabs automove 1", "verbosity 0"] {
                _ = try conversation.ask(command + "\r\n")
            }
        }
    }

    private func ask(_ conversation: StressConversation) throws {
        let subjects = [
            "", " settings", " items", " slabs", " conns", " sizes", " martlet", " detail dump", " cachedump 5 20",
        ]
        let count = try conversation.list("stats\(subjects[random.below(subjects.count)])\r\n")
        counts["statistics", default: 0] += count
    }

    private func dump(_ conversation: StressConversation) throws {
        let kind = ["metadump all", "mgdump all", "metadump hash", "mgdump hash"][random.below(4)]
        _ = try conversation.ask("lru_crawler enable\r\n")
        counts["dumped lines", default: 0] += try conversation.list("lru_crawler \(kind)\r\n")
    }

    /// Nobody reads what they are told; each goes some time later.
    private func watch() throws {
        if watchers.count > 3 { watchers.remove(at: random.below(watchers.count)).client.close() }
        let watcher = try stage.conversation()
        let streams = ["fetchers", "mutations", "evictions", "connevents", "deletions fetchers mutations"]
        let answer = try watcher.ask("watch \(streams[random.below(streams.count)])\r\n")
        counts["watchers", default: 0] += answer == "OK" ? 1 : 0
        watchers.append(watcher)
        // What a watcher sends is forgotten.
        if random.below(2) == 0 { _ = watchers[0].client.sendNow([13, 10]) }
    }

    /// As SIGHUP does.
    private func reload() throws {
        version += 1
        StressStage.writeFiles(stage.folder, version: version)
        if version % 3 == 0 { try stage.replaceCertificates(version) }
        stage.server.context.reload()
        counts["reloads", default: 0] += 1
    }
}
