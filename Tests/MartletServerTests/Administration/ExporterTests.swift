import MartletServer
import ServerTesting
import Testing

/// What the Prometheus exporter for memcached reads of a server. It reports a server as down when some of this is
/// missing or no number, and leaves out whatever else is.
@Suite("The exporter for Prometheus")
struct ExporterTests {
    private static let general = [
        "uptime", "time", "bytes_read", "bytes_written", "curr_connections", "max_connections", "total_connections",
        "rejected_connections", "conn_yields", "listen_disabled_num", "accepting_conns", "bytes", "limit_maxbytes",
        "curr_items", "total_items", "evictions", "reclaimed", "store_too_large", "store_no_memory", "direct_reclaims",
        "get_hits", "get_misses", "delete_hits", "delete_misses", "incr_hits", "incr_misses", "decr_hits",
        "decr_misses", "cas_hits", "cas_misses", "cas_badval", "touch_hits", "touch_misses", "cmd_set", "cmd_flush",
        "lru_crawler_starts", "crawler_reclaimed", "crawler_items_checked", "moves_to_cold", "moves_to_warm",
        "moves_within_lru", "rusage_user", "rusage_system",
    ]
    private static let settings = [
        "maxconns", "lru_crawler_sleep", "lru_crawler_tocrawl", "hot_lru_pct", "warm_lru_pct", "hot_max_factor",
        "warm_max_factor",
    ]
    private static let ofSlab = [
        "chunk_size", "chunks_per_page", "total_pages", "total_chunks", "used_chunks", "free_chunks", "free_chunks_end",
        "get_hits", "cmd_set", "delete_hits", "incr_hits", "decr_hits", "cas_hits", "cas_badval", "touch_hits",
    ]
    private static let ofItems = [
        "number", "age", "crawler_reclaimed", "evicted", "evicted_nonzero", "evicted_time", "evicted_unfetched",
        "expired_unfetched", "outofmemory", "reclaimed", "tailrepairs", "mem_requested", "moves_to_cold",
        "moves_to_warm",
        "moves_within_lru", "number_hot", "number_warm", "number_cold", "age_hot", "age_warm", "hits_to_hot",
        "hits_to_warm", "hits_to_cold", "hits_to_temp",
    ]

    private func statistics(_ server: TestServer, _ words: String...) -> [String: String] {
        var fields: [String: String] = [:]
        for line in Administration.statistics(words, server: server.context).text.split(separator: "\r\n") {
            let words = line.split(separator: " ", maxSplits: 2)
            if words.count == 3, words[0] == "STAT" { fields[String(words[1])] = String(words[2]) }
        }
        return fields
    }

    private func used(isMemcachedMode: Bool) throws -> TestServer {
        let server = try TestServer.onUnixSocket { $0.isMemcachedMode = isMemcachedMode }
        let client = try server.client()
        for bytes in [1, 100, 2000, 30_000] {
            let value = String(repeating: "1", count: bytes)
            #expect(try client.exchange("set k\(bytes) 0 0 \(bytes)\r\n\(value)\r\n", "STORED\r\n"))
        }
        #expect(try client.exchange("get none\r\nincr k1 1\r\ntouch k1 0\r\n", "END\r\n2\r\nTOUCHED\r\n"))
        return server
    }

    @Test("finds every field that it asks for, a number each", arguments: [false, true])
    func fields(isMemcachedMode: Bool) throws {
        let server = try used(isMemcachedMode: isMemcachedMode)
        let general = statistics(server)
        let settings = statistics(server, "settings")

        for name in Self.general { #expect(general[name].flatMap(Double.init) != nil, "\(name)") }
        for name in Self.settings { #expect(settings[name].flatMap(Double.init) != nil, "\(name)") }
        #expect(general["version"]?.isEmpty == false)
        #expect(["yes", "no"].contains(settings["lru_crawler"]))
        #expect(["yes", "no"].contains(settings["lru_maintainer_thread"]))
    }

    @Test("reads processor time as seconds, a point and six digits")
    func processorTime() throws {
        let general = statistics(try used(isMemcachedMode: false))

        for name in ["rusage_user", "rusage_system"] {
            let parts = try #require(general[name]).split(separator: ".")
            #expect(parts.count == 2 && parts[1].count == 6 && parts.allSatisfy { UInt($0) != nil }, "\(name)")
        }
    }

    @Test("finds every field of each slab class", arguments: [false, true])
    func classes(isMemcachedMode: Bool) throws {
        let server = try used(isMemcachedMode: isMemcachedMode)
        let slabs = statistics(server, "slabs")
        let items = statistics(server, "items")
        let slabClasses = Set(slabs.keys.compactMap { $0.contains(":") ? $0.prefix { $0 != ":" } : nil })
        let itemClasses = Set(items.keys.map { $0.split(separator: ":")[1] })

        #expect(slabClasses.count >= 3 && itemClasses.isSubset(of: slabClasses))
        #expect(
            slabs["total_malloced"].flatMap(Double.init) != nil && slabs["active_slabs"].flatMap(Double.init) != nil)
        for slabClass in slabClasses {
            for name in Self.ofSlab { #expect(slabs["\(slabClass):\(name)"].flatMap(Double.init) != nil, "\(name)") }
        }
        for slabClass in itemClasses {
            for name in Self.ofItems {
                #expect(items["items:\(slabClass):\(name)"].flatMap(Double.init) != nil, "\(slabClass) \(name)")
            }
        }
    }
}
