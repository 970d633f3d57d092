import MartletProtocol
import Synchronization

/// Commands that steer memcached's background threads. The engine steers itself, so most of them are checked, kept for
/// `stats settings` and otherwise without effect, as their options are. A command whose effect could be missed answers
/// ERROR.
extension Administration {
    /// Answers a command line of class `.administration`; `words` is the line, its first word included. Returns a dump
    /// whose lines are to follow.
    @inline(never)
    package static func answerCommand(
        words: UnsafeRawBufferPointer, server: Server, output: UnsafeMutablePointer<OutputBuffer>
    ) -> ItemDump? {
        let words = split(words)
        if let dump = dump(words, server) {
            output.pointee.append("OK\r\n")
            return dump
        }
        if let answer = command(words, server: server) { send(answer, output) }
        return nil
    }

    /// The reply to a command line with these words, but for dumps; `nil` when it wants none.
    package static func command(_ words: [String], server: Server) -> StatisticsText? {
        var words = words[...]
        let isQuiet = words.last == "noreply" && words.count > 1
        if isQuiet { words.removeLast() }
        let answer =
            switch words.popFirst() {
            case "slabs": slabsAnswer(words, server)
            case "lru": lruAnswer(words, server)
            case "lru_crawler": crawlerAnswer(words, server)
            case "watch": watchAnswer(server)
            case "debugtime": debugTimeAnswer(words, server)
            default: "ERROR"
            }
        return isQuiet ? nil : StatisticsText(answer)
    }

    // MARK: slabs

    private static func slabsAnswer(_ words: ArraySlice<String>, _ server: Server) -> String {
        let words = Array(words)
        guard words.count >= 2, words[0] == "automove" else { return "ERROR" }
        if words.count == 2 {
            guard let level = Int(words[1]) else { return badFormat }
            guard (0...2).contains(level) else { return "ERROR" }
            return keep(server) { $0.slabAutomove = level }
        }
        switch words[1] {
        case "ratio":
            guard let ratio = fraction(words[2]) else { return badFormat }
            return keep(server) { $0.slabAutomoveRatio = ratio }
        case "freeratio":
            return fraction(words[2]) == nil ? badFormat : "OK"
        case "window":
            guard let window = Int(words[2]) else { return badFormat }
            guard (3...1800).contains(window) else { return "CLIENT_ERROR automove window too low or too high" }
            return keep(server) { $0.slabAutomoveWindowSeconds = window }
        default:
            return "ERROR"
        }
    }

    // MARK: lru

    private static func lruAnswer(_ words: ArraySlice<String>, _ server: Server) -> String {
        let words = Array(words)
        guard words.count == 5, words[0] == "tune" else { return "ERROR" }
        guard let hot = Int(words[1]), let warm = Int(words[2]), hot >= 0, warm >= 0,
            let hotFactor = fraction(words[3]), let warmFactor = fraction(words[4])
        else { return "ERROR" }
        guard hot <= 80, warm <= 80, hot + warm <= 80 else { return "ERROR hot and warm pcts must not exceed 80" }
        guard hotFactor > 0, warmFactor > 0 else { return "ERROR hot/warm age factors must be greater than 0" }
        return keep(server) {
            ($0.hotPercent, $0.warmPercent, $0.hotFactorMax, $0.warmFactorMax) = (hot, warm, hotFactor, warmFactor)
        }
    }

    // MARK: lru_crawler

    private static func crawlerAnswer(_ words: ArraySlice<String>, _ server: Server) -> String {
        let words = Array(words)
        switch (words.first, words.count) {
        case ("enable", 1): return keep(server) { $0.lruCrawler = true }
        case ("disable", 1): return keep(server) { $0.lruCrawler = false }
        case ("sleep", 2):
            guard let microseconds = UInt32(words[1]) else { return badFormat }
            guard microseconds <= 1_000_000 else { return "CLIENT_ERROR sleep must be one second or less" }
            return keep(server) { $0.lruCrawlerSleepMicroseconds = Int(microseconds) }
        case ("tocrawl", 2):
            guard let count = UInt32(words[1]) else { return badFormat }
            return keep(server) { $0.lruCrawlerItemsMax = Int(count) }
        case ("crawl", 2):
            guard shownSettings(server).lruCrawler else { return crawlerDisabled }
            let store = server.pointee.store
            guard words[1] == "all" || ItemDump.classNumbers(words[1], slabClassMax: store.slabClassMax) != nil else {
                return badClass
            }
            store.scanSoon()
            return "OK"
        case ("metadump", 2) where !server.pointee.settings.allowsDump:
            return "ERROR metadump not allowed"
        case ("mgdump", 2) where !server.pointee.settings.allowsDump:
            return "ERROR key dump not allowed"
        case ("metadump", 2), ("mgdump", 2):
            // One that may be had was not brought here.
            return shownSettings(server).lruCrawler ? badClass : crawlerDisabled
        default:
            return "ERROR"
        }
    }

    private static var crawlerDisabled: String { "CLIENT_ERROR lru crawler disabled" }
    private static var badClass: String { "BADCLASS invalid class id" }

    /// The dump that a command asks for, if it may have one.
    private static func dump(_ words: [String], _ server: Server) -> ItemDump? {
        guard words.count == 3, words[0] == "lru_crawler", server.pointee.settings.allowsDump,
            shownSettings(server).lruCrawler
        else { return nil }
        let slabClassMax = server.pointee.store.slabClassMax
        switch words[1] {
        case "metadump": return ItemDump(.items, classes: words[2], slabClassMax: slabClassMax)
        case "mgdump": return ItemDump(.keys, classes: words[2], slabClassMax: slabClassMax)
        default: return nil
        }
    }

    // MARK: watch, debugtime

    private static func watchAnswer(_ server: Server) -> String {
        server.pointee.settings.allowsWatch ? "ERROR" : "CLIENT_ERROR watch commands not allowed"
    }

    /// Moves the clock forward, for test suites started with `-o relaxed_privileges`.
    private static func debugTimeAnswer(_ words: ArraySlice<String>, _ server: Server) -> String {
        guard server.pointee.settings.allowsTestCommands, let word = words.first,
            let seconds = UInt32(word)
        else { return "ERROR" }
        server.pointee.clock.advance(seconds: seconds)
        return "OK"
    }

    // MARK: Shared

    private static var badFormat: String { "CLIENT_ERROR bad command line format" }

    private static func fraction(_ word: String) -> Double? {
        guard let number = Double(word), number >= 0, number <= 1e9 else { return nil }
        return number
    }

    /// Keeps a setting for `stats settings`.
    private static func keep(_ server: Server, _ change: (inout ServerSettings) -> Void) -> String {
        server.pointee.administration.shown.withLock { change(&$0) }
        return "OK"
    }
}
