import MartletProtocol
import MartletServer
import MartletStore
import Testing

/// Replies of `stats` and its relatives: names and order against what memcached was recorded to send, values against
/// what the counters were told.
struct StatisticsTests {
    /// A context with one worker's counters and no thread.
    private final class Bench {
        let server: UnsafeMutablePointer<ServerContext>
        let counters: UnsafeMutablePointer<WorkerCounters>
        private let store: CacheStore
        private let session: StoreSession

        init(_ change: (inout ServerSettings) -> Void = { _ in }) throws {
            var settings = ServerSettings()
            change(&settings)
            store = try CacheStore(settings: StoreSettings(), secret: (1, 2), now: ServerClock.firstSecond)
            session = store.makeSession()
            counters = .allocate(capacity: 1)
            counters.initialize(to: WorkerCounters())
            server = .allocate(capacity: 1)
            server.initialize(
                to: ServerContext(settings: settings, store: store, clock: ServerClock(manualWithWall: 1_000_000)))
            server.pointee.workerCounters = [counters]
        }

        deinit {
            server.deinitialize(count: 1)
            server.deallocate()
            counters.deinitialize(count: 1)
            counters.deallocate()
            store.destroy()
        }

        func reply(_ words: String...) -> String { Administration.statistics(words, server: server).text }

        func value(_ name: String) -> String? { StatisticsTests.fields(reply())[name] }

        func answer(_ line: String) -> String? {
            let desk = Administration.Desk(server: server, session: session, isPipelined: false)
            return Administration.command(line.split(separator: " ").map(String.init), desk: desk)?.text
        }
    }

    private static func lines(_ reply: String) -> [[Substring]] {
        reply.split(separator: "\r\n").map { $0.split(separator: " ", maxSplits: 2) }
    }

    private static func names(_ reply: String) -> [String] {
        lines(reply).filter { $0.first == "STAT" }.map { String($0[1]) }
    }

    private static func fields(_ reply: String) -> [String: String] {
        var fields: [String: String] = [:]
        for line in lines(reply) where line.first == "STAT" {
            fields[String(line[1])] = line.count > 2 ? String(line[2]) : ""
        }
        return fields
    }

    // MARK: Names and order

    @Test func `stats has memcached's fields in memcached's order`() throws {
        let reply = try Bench().reply()

        #expect(Self.names(reply) == RecordedNames.general)
        #expect(reply.hasSuffix("\r\nEND\r\n"))
    }

    @Test func `without crawler and maintainer 84 fields are left`() throws {
        let bench = try Bench { ($0.lruCrawler, $0.lruMaintainer, $0.lruSegmented) = (false, false, false) }

        #expect(Self.names(bench.reply()).count == 84)
    }

    @Test func `an idle timeout adds idle_kicks, and no_maxconns_fast takes rejected_connections away`() throws {
        let bench = try Bench { ($0.idleTimeoutSeconds, $0.rejectsOverLimit) = (5, false) }
        let names = Self.names(bench.reply())

        #expect(names.firstIndex(of: "idle_kicks") == names.firstIndex(of: "auth_errors").map { $0 + 1 })
        #expect(!names.contains("rejected_connections"))
    }

    @Test func `stats settings has memcached's names in memcached's order`() throws {
        #expect(Self.names(try Bench().reply("settings")) == RecordedNames.settings + ["eviction", "memcached_mode"])
    }

    @Test func `stats items and stats slabs have memcached's names in memcached's order`() {
        var store = StoreStatistics()
        var slabClass = StoreStatistics.SlabClass()
        (slabClass.id, slabClass.pageCount, slabClass.hotCount) = (7, 1, 1)
        store.classes = [slabClass]
        let statistics = SlabStatistics(settings: ServerSettings(), commands: CounterTotals(), store: store)
        var items = StatisticsText()
        var slabs = StatisticsText()

        statistics.appendItems(to: &items)
        statistics.appendSlabs(to: &slabs)

        #expect(Self.names(items.text) == RecordedNames.items.map { "items:7:\($0)" })
        #expect(Self.names(slabs.text) == RecordedNames.slabs.map { "7:\($0)" } + ["active_slabs", "total_malloced"])
    }

    @Test func `a class without items is in stats slabs only`() {
        var store = StoreStatistics()
        var slabClass = StoreStatistics.SlabClass()
        (slabClass.id, slabClass.pageCount) = (3, 2)
        store.classes = [slabClass]
        let statistics = SlabStatistics(settings: ServerSettings(), commands: CounterTotals(), store: store)
        var text = StatisticsText()

        statistics.appendItems(to: &text)

        #expect(text.bytes.isEmpty)
    }

    // MARK: Values

    @Test func `what a worker counts is told under memcached's names`() throws {
        let bench = try Bench()
        let commands = bench.counters
        commands.pointee.commands.slabClass(3).pointee.getHits.add(5)
        commands.pointee.commands.slabClass(9).pointee.getHits.add(2)
        commands.pointee.commands.getMisses.add(4)
        commands.pointee.commands.slabClass(0).pointee.sets.increment()
        commands.pointee.commands.slabClass(100_000).pointee.casMismatches.increment()
        commands.pointee.network.bytesRead.add(77)

        #expect(bench.value("get_hits") == "7")
        #expect(bench.value("cmd_get") == "11")
        #expect(bench.value("cmd_set") == "1")
        #expect(bench.value("cas_badval") == "1")
        #expect(bench.value("bytes_read") == "77")
    }

    @Test func `stats martlet tells what connections and arriving values keep, and at rest that is nothing`() throws {
        let fields = Self.fields(try Bench().reply("martlet"))

        for name in ["reserved_bytes", "buffer_copied_bytes", "buffer_leased_bytes"] { #expect(fields[name] == "0") }
    }

    @Test func `a reset starts counting anew`() throws {
        let bench = try Bench()
        bench.counters.pointee.commands.getMisses.add(4)

        #expect(bench.reply("reset") == "RESET\r\n")
        #expect(bench.value("get_misses") == "0")

        bench.counters.pointee.commands.getMisses.increment()
        #expect(bench.value("get_misses") == "1")
    }

    @Test func `time is the clock's`() throws {
        let bench = try Bench()
        bench.server.pointee.clock.advance(seconds: 30)

        #expect(bench.value("uptime") == "30")
        #expect(bench.value("time") == "1000030")
    }

    // MARK: Words

    @Test func `unknown words are an error, and prefixes are unknown`() throws {
        let bench = try Bench()

        #expect(bench.reply("nosuch") == "ERROR\r\n")
        #expect(bench.reply("s") == "ERROR\r\n")
        #expect(bench.reply("sizes") == "STAT sizes_status disabled\r\nEND\r\n")
        #expect(bench.reply("detail") == "CLIENT_ERROR usage: stats detail on|off|dump\r\n")
        #expect(bench.reply("detail", "off") == "OK\r\n")
    }

    @Test func `without dumping, details and dumps are refused`() throws {
        let bench = try Bench { $0.allowsDump = false }

        #expect(bench.reply("detail", "on") == "CLIENT_ERROR stats detail not allowed\r\n")
        #expect(bench.reply("cachedump", "1", "0") == "CLIENT_ERROR stats cachedump not allowed\r\n")
        #expect(bench.answer("lru_crawler metadump all") == "ERROR metadump not allowed\r\n")
        #expect(bench.answer("lru_crawler mgdump all") == "ERROR key dump not allowed\r\n")
    }

    @Test(arguments: [
        ("lru_crawler enable", "ERROR failed to start lru crawler thread"), ("lru_crawler disable", "OK"),
        ("lru_crawler sleep 5", "OK"),
        ("lru_crawler sleep 1000001", "CLIENT_ERROR sleep must be one second or less"),
        ("lru_crawler sleep x", "CLIENT_ERROR bad command line format"), ("lru_crawler tocrawl 3", "OK"),
        ("lru_crawler", "ERROR"), ("lru_crawler nosuch", "ERROR"), ("slabs automove 2", "OK"),
        ("slabs automove 5", "ERROR"), ("slabs automove x", "CLIENT_ERROR bad command line format"),
        ("slabs automove ratio 0.5", "OK"), ("slabs automove window 5", "OK"),
        ("slabs automove window 2", "CLIENT_ERROR automove window too low or too high"), ("slabs", "ERROR"),
        ("lru tune 10 20 0.1 2.0", "OK"), ("lru tune 50 40 1 1", "ERROR hot and warm pcts must not exceed 80"),
        ("lru tune 10 20 0 1", "ERROR hot/warm age factors must be greater than 0"),
        ("lru tune 10 20 -1 1", "ERROR hot/warm age factors must be greater than 0"),
        ("lru tune 90 20 -1 1", "ERROR hot and warm pcts must not exceed 80"), ("lru tune 10 20 nan 1", "ERROR"),
        ("lru tune 10 20 1 inf", "ERROR"), ("lru tune 4294967295 2 1 1", "ERROR hot and warm pcts must not exceed 80"),
        ("slabs automove ratio -1", "ERROR"), ("slabs automove ratio nan", "ERROR"),
        ("lru tune 10 20", "ERROR"),
        ("slabs automove ratio x", "ERROR"), ("slabs automove 1 2", "OK"), ("slabs automove ratio", "ERROR"),
        ("slabs automove window", "CLIENT_ERROR bad command line format"), ("slabs automove freeratio 0.1", "OK"),
        ("slabs reassign 1", "ERROR"),
        ("slabs reassign x 1", "CLIENT_ERROR bad command line format"),
        ("slabs reassign 1 1", "SAME src and dst class are identical"),
        ("slabs reassign 1000 1000", "SAME src and dst class are identical"),
        ("slabs reassign -5 70", "BADCLASS invalid src or dst class id"),
        ("slabs reassign 1 1000", "BADCLASS invalid src or dst class id"),
        ("slabs reassign 2 1", "NOSPARE source class has no spare pages"),
        ("slabs reassign -1 0", "NOSPARE source class has no spare pages"),
        ("lru mode flat", "OK"), ("lru mode nosuch", "ERROR"), ("lru temp_ttl 5", "OK"), ("lru temp_ttl x", "ERROR"),
        ("lru_crawler crawl all", "NOTSTARTED no items to crawl"),
        ("lru_crawler crawl ,", "NOTSTARTED no items to crawl"),
        ("lru_crawler metadump ,,", "NOTSTARTED no items to crawl"),
        ("lru_crawler crawl 0", "BADCLASS invalid class id"),
        ("watch nosuch", "ERROR"), ("debugtime 3", "ERROR"), ("nosuch", "ERROR"), ("", "ERROR"),
    ])
    func `a command of administration has memcached's answer`(_ line: String, _ answer: String) throws {
        #expect(try Bench().answer(line) == answer + "\r\n")
    }

    @Test func `what is switched off is refused`() throws {
        let bench = try Bench { ($0.slabReassign, $0.lruMaintainer, $0.allowsWatch) = (false, false, false) }

        #expect(bench.answer("slabs reassign 1 2") == "CLIENT_ERROR slab reassignment disabled\r\n")
        #expect(bench.answer("lru mode segmented") == "ERROR\r\n")
        #expect(bench.answer("lru temp_ttl 1") == "ERROR\r\n")
        #expect(bench.answer("watch") == "CLIENT_ERROR watch commands not allowed\r\n")
    }

    @Test func `verbosity can be forbidden, and then stays as it was`() throws {
        let parsed = try CommandLineParser.parse(["-v", "--disable-verbosity"])
        guard case .run(let settings, _) = parsed else { throw StartError("no settings", status: 1) }
        let bench = try Bench { $0 = settings }

        #expect(Administration.setVerbosity(2, server: bench.server) == .verbosityNotAllowed)
        #expect(bench.server.pointee.log.verbosity == 1)
    }

    @Test func `a command's setting is shown afterwards`() throws {
        let bench = try Bench()
        _ = bench.answer("lru temp_ttl 7")
        #expect(Self.fields(bench.reply("settings"))["temporary_ttl"] == "7")
        #expect(Self.fields(bench.reply("settings"))["temp_lru"] == "yes")
        _ = bench.answer("lru temp_ttl -1")
        #expect(Self.fields(bench.reply("settings"))["temp_lru"] == "no")
        _ = bench.answer("slabs automove window 33")
        _ = Administration.setVerbosity(99, server: bench.server)

        let settings = Self.fields(bench.reply("settings"))

        #expect(settings["slab_automove_window"] == "33")
        #expect(settings["verbosity"] == "2")
    }

    @Test func `noreply gets no reply`() throws {
        #expect(try Bench().answer("lru_crawler enable noreply") == nil)
    }

    @Test func `debugtime moves the clock where it is allowed, and only forward`() throws {
        let bench = try Bench { $0.allowsTestCommands = true }

        #expect(bench.answer("debugtime 12") == "OK\r\n")
        #expect(bench.server.pointee.clock.uptime == 12)
        #expect(bench.answer("debugtime -3") == "ERROR\r\n")
        #expect(bench.answer("debugtime") == "ERROR\r\n")
    }

    @Test func `shutdown has to be enabled and asks the server to stop`() throws {
        let bench = try Bench()
        let enabled = try Bench { $0.allowsShutdown = true }

        #expect(Administration.shutdown(.immediate, server: bench.server) == .shutdownNotEnabled)
        #expect(Administration.shutdown(.invalid, server: enabled.server) == .invalidShutdownMode)
        #expect(Administration.shutdown(.graceful, server: enabled.server) == nil)
        #expect(Administration.shutdown(.immediate, server: enabled.server) == nil)
    }

    @Test func `memory limits outside of reason are told apart`() throws {
        let bench = try Bench()

        #expect(Administration.setMemoryLimit(megabytes: 7, server: bench.server) == .memoryLimitTooSmall)
        #expect(Administration.setMemoryLimit(megabytes: .max, server: bench.server) == .memoryLimitNotMegabytes)
        #expect(Administration.setMemoryLimit(megabytes: 999_999_999, server: bench.server) == .memoryLimitUnable)
    }
}
