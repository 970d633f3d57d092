import MartletStore
import Synchronization

/// `lru_crawler`: the search for expired items, and the dumps that memcached's crawler brings.
extension Administration {
    static func crawlerAnswer(_ words: [String], _ desk: Desk) -> String {
        switch (words.first, words.count) {
        case ("enable", 1): return setCrawler(true, desk)
        case ("disable", 1): return setCrawler(false, desk)
        case ("sleep", 2):
            guard let microseconds = UInt32(words[1]) else { return badFormat }
            guard microseconds <= 1_000_000 else { return "CLIENT_ERROR sleep must be one second or less" }
            return desk.keepCrawlPace { $0.lruCrawlerSleepMicroseconds = Int(microseconds) }
        case ("tocrawl", 2):
            guard let count = UInt32(words[1]) else { return badFormat }
            return desk.keepCrawlPace { $0.lruCrawlerItemsMax = Int(count) }
        case ("crawl", 2): return crawlAnswer(words[1], desk)
        case ("metadump", 2): return dumpRefusal(words, isForbidden: "ERROR metadump not allowed", desk)
        case ("mgdump", 2): return dumpRefusal(words, isForbidden: "ERROR key dump not allowed", desk)
        default: return "ERROR"
        }
    }

    private static func setCrawler(_ crawls: Bool, _ desk: Desk) -> String {
        // memcached cannot start the thread that runs.
        if crawls, desk.shown.lruCrawler { return "ERROR failed to start lru crawler thread" }
        desk.server.pointee.store.setCrawls(crawls)
        return desk.keep { $0.lruCrawler = crawls }
    }

    private static func crawlAnswer(_ classes: String, _ desk: Desk) -> String {
        guard desk.shown.lruCrawler else { return crawlerDisabled }
        let store = desk.server.pointee.store
        if namesNone(classes) { return noItems }
        guard let chosen = ItemDump.classes(classes, slabClassMax: store.slabClassMax) else { return badClass }
        if store.isScanning { return "BUSY currently processing crawler request" }
        return store.scanSoon(classes: chosen.numbers, now: desk.server.pointee.clock.second) ? "OK" : noItems
    }

    /// The dump that a command asks for, if it may have one.
    static func dump(_ words: ArraySlice<String>, _ desk: Desk) -> ItemDump? {
        let words = Array(words)
        guard words.count == 2, desk.server.pointee.settings.allowsDump, desk.shown.lruCrawler, !desk.refusesDumps
        else { return nil }
        let slabClassMax = desk.server.pointee.store.slabClassMax
        switch words[0] {
        case "metadump": return ItemDump(.items, classes: words[1], slabClassMax: slabClassMax)
        case "mgdump": return ItemDump(.keys, classes: words[1], slabClassMax: slabClassMax)
        default: return nil
        }
    }

    /// Why there is no such dump; the first reason that memcached would find.
    private static func dumpRefusal(_ words: [String], isForbidden: String, _ desk: Desk) -> String {
        guard desk.shown.lruCrawler else { return crawlerDisabled }
        guard desk.server.pointee.settings.allowsDump else { return isForbidden }
        if desk.refusesDumps { return "ERROR cannot pipeline other commands before \(words[0])" }
        return namesNone(words[1]) ? noItems : badClass
    }

    /// A list of classes without any.
    private static func namesNone(_ classes: String) -> Bool { classes.utf8.allSatisfy { $0 == UInt8(ascii: ",") } }

    private static var noItems: String { "NOTSTARTED no items to crawl" }
    private static var crawlerDisabled: String { "CLIENT_ERROR lru crawler disabled" }
}

extension Administration.Desk {
    /// Keeps a setting of the crawl, and lets it hold.
    fileprivate func keepCrawlPace(_ change: (inout ServerSettings) -> Void) -> String {
        let answer = keep(change)
        let settings = shown
        server.pointee.store.setCrawlPace(
            sleepMicroseconds: settings.lruCrawlerSleepMicroseconds, itemsMax: settings.lruCrawlerItemsMax)
        return answer
    }
}
