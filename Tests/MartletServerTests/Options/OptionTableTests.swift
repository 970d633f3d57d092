import MartletServer
import Testing

/// The table itself: no row is twice, unreachable, or at odds with what is made from it.
struct OptionTableTests {
    private let everything = OptionTable.options + OptionTable.extended

    @Test func `no name and no letter occurs twice`() {
        let names = everything.map(\.name)
        let letters = OptionTable.options.compactMap(\.letter)

        #expect(Set(names).count == names.count)
        #expect(Set(letters).count == letters.count)
        #expect(
            OptionTable.options.filter { $0.letter == nil }.map(\.name) == [
                "eviction", "disable-verbosity", "cluster-nodes", "cluster-file", "admin", "admin-token-file",
                "top-keys", "slow-request",
                "container", "healthcheck", "hash-password",
            ])
    }

    @Test func `every letter and long name of memcached has a row`() {
        let letters = Set(OptionTable.options.compactMap(\.letter))
        let names = Set(OptionTable.options.map(\.name))

        #expect(letters == Set("aAZpsUmMckhiVrvdlutPfnDLRCbBISFXWYeoN"))
        #expect(names.isSuperset(of: Self.memcachedNames))
    }

    @Test func `every sub-option of memcached has a row`() {
        #expect(Set(OptionTable.extended.map(\.name)).isSuperset(of: Self.memcachedSubOptions))
    }

    @Test func `a row names a line of stats settings that exists`() {
        for option in everything {
            if let setting = option.setting {
                #expect(SettingsReport.names.contains(setting), "\(option.spelling)")
            }
        }
    }

    @Test func `every line of stats settings belongs to a row or to nothing that can be set`() {
        let fromRows = Set(everything.compactMap(\.setting))
        let unsettable: Set = [
            "oldest", "num_threads_per_udp", "stat_key_prefix", "detail_enabled", "auth_enabled_sasl",
            "temp_lru", "inline_ascii_response", "memory_file", "client_flags_size",
        ]

        #expect(Set(SettingsReport.names) == fromRows.union(unsettable))
    }

    @Test func `help lists every row that is offered and hides what would mislead a test suite`() {
        let help = OptionHelp.text(.help)

        for option in OptionTable.options where !option.isHidden {
            #expect(help.contains("--\(option.name)"))
            if let letter = option.letter { #expect(help.contains("-\(letter), ")) }
        }
        for option in OptionTable.extended where !option.isHidden { #expect(help.contains("  \(option.name)")) }
        for word in ["sasl", "ext_path", "proxy_config", "no_drop_privileges"] {
            #expect(!help.lowercased().contains(word))
        }
        #expect(help.contains("enable-ssl") == TLSLibrary.isThere)
    }

    @Test func `help keeps to lines of ordinary length`() {
        for line in OptionHelp.text(.help).split(separator: "\n") { #expect(line.count <= 140, "\(line)") }
    }

    private static let memcachedNames = [
        "unix-mask", "enable-shutdown", "enable-ssl", "port", "unix-socket", "udp-port", "memory-limit",
        "disable-evictions", "conn-limit", "lock-memory", "help", "license", "version", "enable-coredumps", "verbose",
        "daemon", "listen", "user", "pidfile", "slab-growth-factor", "slab-min-size", "threads", "enable-largepages",
        "max-reqs-per-event", "disable-cas", "listen-backlog", "protocol", "max-item-size", "enable-sasl",
        "disable-flush-all", "disable-dumping", "disable-watch", "auth-file", "memory-file", "extended", "napi-ids",
    ]

    private static let memcachedSubOptions = [
        "maxconns_fast", "hashpower", "no_hashexpand", "slab_reassign", "slab_automove", "slab_automove_ratio",
        "slab_automove_window", "slab_automove_freeratio", "tail_repair_time", "hash_algorithm", "lru_crawler",
        "lru_crawler_sleep", "lru_crawler_tocrawl", "lru_maintainer", "hot_lru_pct", "warm_lru_pct", "hot_max_factor",
        "warm_max_factor", "temporary_ttl", "idle_timeout", "watcher_logbuf_size", "worker_logbuf_size", "slab_sizes",
        "slab_chunk_max", "track_sizes", "no_inline_ascii_resp", "modern", "no_modern", "no_chunked_items",
        "no_slab_reassign", "no_slab_automove", "no_maxconns_fast", "inline_ascii_resp", "no_lru_crawler",
        "no_lru_maintainer", "no_drop_privileges", "drop_privileges", "resp_obj_mem_limit", "read_buf_mem_limit",
        "relaxed_privileges", "sock_cookie_id", "ssl_chain_cert", "ssl_key", "ssl_verify_mode", "ssl_keyformat",
        "ssl_ciphers", "ssl_ca_cert", "ssl_wbuf_size", "ssl_session_cache", "ssl_kernel_tls", "ssl_min_version",
        "proxy_config", "proxy_arg", "ext_path", "ext_page_size", "ext_wbuf_size", "ext_threads", "ext_io_depth",
        "ext_item_size", "ext_item_age", "ext_low_ttl", "ext_recache_rate", "ext_compact_under", "ext_drop_under",
        "ext_max_sleep", "ext_max_frag", "ext_drop_unread",
    ]
}
