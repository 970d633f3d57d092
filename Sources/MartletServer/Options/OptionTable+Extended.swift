/// The sub-options of `-o`.
extension OptionTable {
    package static let extended: [Option] =
        connections + encryptionDetails + memoryShape + notDependedOn + switches + testing + extendedNotOffered

    private static let connections: [Option] = [
        Option(
            "maxconns_fast", .on(\.rejectsOverLimit), setting: "maxconns_fast",
            help: "over the connection limit, tell a new connection so and close it"),
        Option("no_maxconns_fast", .off(\.rejectsOverLimit), help: "over the connection limit, stop accepting"),
        Option(
            "connections_per_address", .number(\.connectionsPerAddressMax, 0...(1 << 24)), "<num>",
            help: "connections that one address may have, of IPv6 its first half; 0 for any number"),
        Option(
            "idle_timeout", .number(\.idleTimeoutSeconds, 0...Int(Int32.max)), "<seconds>", setting: "idle_timeout",
            help: "close connections idle so long, also in a request; on Unix sockets only there; 0 for never"),
        Option(
            "read_buf_mem_limit", .number(\.readBufferLimitBytes, 0...(1 << 20), scale: 1 << 20), "<megabytes>",
            setting: "read_buf_mem_limit",
            help: "bound of all connection buffers; given, of replies under way too, a kibibyte each; 0 for 32"),
    ]

    private static let memoryShape: [Option] = [
        Option(
            "memcached_mode", .on(\.isMemcachedMode), setting: "memcached_mode",
            help: "memcached's pages, slab classes, accounting, segments and page moves"),
        Option(
            "slab_sizes", .ascending(\.slabSizes), "<a-b-c>", status: ExitStatus.usage,
            help: "chunk sizes of the slab classes, in place of the growth factor"),
        Option(
            "slab_chunk_max", .numberIfGiven(\.slabChunkBytesMax, 1...1024, scale: 1 << 10), "<kilobytes>",
            setting: "slab_chunk_max", help: "largest chunk, at most half a page; larger items are chains"),
        Option(
            "restart_checksums", .on(\.sealsItems),
            help: "with -e: 8 bytes more an item, by which a restart after a crash finds what is whole"),
        Option(
            "temporary_ttl", .numberIfGiven(\.temporaryTTLSeconds, 0...Int(Int32.max)), "<seconds>",
            setting: "temporary_ttl", help: "items stored with no longer a life than this do not rise, read or not"),
    ]

    private static let ownPages = OptionStanding.withoutMeaning("Pages move by rules of their own; kept.")

    private static let notDependedOn: [Option] = [
        Option(
            "hash_algorithm", .choice(\.hashAlgorithm, ["jenkins", "murmur3", "xxh3"]), "<name>",
            standing: .withoutMeaning("The table has one hash, keyed with a secret of the process."),
            setting: "hash_algorithm", help: "hash of the table"),
        Option(
            "hashpower", .number(\.hashPowerInitial, 12...32), "<num>",
            standing: .withoutMeaning("The table grows bucket by bucket from any size; kept and shown."),
            setting: "hashpower_init", help: "first size of the table, as a power of two"),
        Option(
            "no_hashexpand", .ignored, standing: .withoutMeaning("The table grows without a stop."),
            help: "never grow the table"),
        Option(
            "slab_reassign", .on(\.slabReassign), setting: "slab_reassign",
            help: "let pages go from class to class, by themselves or by slabs reassign"),
        Option(
            "no_slab_reassign", .off(\.slabReassign),
            help: "pages stay with their class, but for a store that finds no chunk anywhere else"),
        Option(
            "slab_automove", .numberOr(\.slabAutomove, 0...2, absent: 1), "[=<num>]",
            setting: "slab_automove",
            help: "0: pages only move by slabs reassign; 1 and 2: they go to the classes that miss them"),
        Option("no_slab_automove", .preset { $0.slabAutomove = 0 }, help: "as slab_automove=0"),
        Option(
            "slab_automove_ratio", .fraction(\.slabAutomoveRatio, above: 0, upTo: 1), "<num>",
            setting: "slab_automove_ratio",
            help: "with memcached_mode: a page goes to a class of less than this share of its giver's age"),
        Option(
            "slab_automove_window", .number(\.slabAutomoveWindowSeconds, 3...1800), "<seconds>",
            setting: "slab_automove_window", help: "with memcached_mode: for how long classes are compared"),
        Option(
            "lru_crawler", .on(\.lruCrawler), setting: "lru_crawler",
            help: "look for expired items in the background"),
        Option(
            "no_lru_crawler", .off(\.lruCrawler),
            help: "what has expired goes when it is met or its memory is wanted; no dumps"),
        Option(
            "lru_crawler_sleep", .number(\.lruCrawlerSleepMicroseconds, 0...1_000_000), "<microseconds>",
            setting: "lru_crawler_sleep", help: "pause for each thousand items looked at"),
        Option(
            "lru_crawler_tocrawl", .number(\.lruCrawlerItemsMax, 0...Int(UInt32.max)), "<num>",
            setting: "lru_crawler_tocrawl", help: "items crawled per class and run; 0 for all"),
        Option(
            "lru_maintainer", .preset { ($0.lruMaintainer, $0.lruSegmented) = (true, true) },
            setting: "lru_maintainer_thread", help: "with memcached_mode: segments, kept up in the background"),
        Option(
            "no_lru_maintainer", .preset { ($0.lruMaintainer, $0.lruSegmented) = (false, false) },
            setting: "lru_segmented", help: "with memcached_mode: one flat LRU"),
        Option(
            "hot_lru_pct", .number(\.hotPercent, 1...79), "<percent>", setting: "hot_lru_pct",
            help: "share of the hot segment, with memcached_mode or --eviction segmented"),
        Option(
            "warm_lru_pct", .number(\.warmPercent, 1...79), "<percent>", setting: "warm_lru_pct",
            help: "share of the warm segment, with memcached_mode or --eviction segmented"),
        Option(
            "hot_max_factor", .fraction(\.hotFactorMax, above: 0, upTo: 1e9), "<num>",
            setting: "hot_max_factor",
            help: "with memcached_mode: age at which hot items sink, relative to the oldest cold one's"),
        Option(
            "warm_max_factor", .fraction(\.warmFactorMax, above: 0, upTo: 1e9), "<num>",
            setting: "warm_max_factor",
            help: "with memcached_mode: age at which warm items sink, relative to the oldest cold one's"),
        Option(
            "tail_repair_time", .number(\.tailRepairSeconds, 10...Int(Int32.max)), "<seconds>",
            standing: .withoutMeaning("No item can be stuck at a tail; kept and shown."), setting: "tail_repair_time",
            help: "when to free an item that seems stuck"),
        Option(
            "watcher_logbuf_size", .number(\.watcherBufferBytes, 0...(4 << 20), scale: 1 << 10), "<kilobytes>",
            setting: "watcher_logbuf_size", help: "buffer of each watcher"),
        Option(
            "worker_logbuf_size", .number(\.workerLogBufferBytes, 0...(4 << 20), scale: 1 << 10), "<kilobytes>",
            setting: "worker_logbuf_size", help: "log buffer of each worker"),
    ]

    private static let alwaysSo = OptionStanding.withoutMeaning("Nothing here can be set to anything else.")

    private static let switches: [Option] = [
        Option(
            "modern", .ignored, standing: .withoutMeaning("The defaults are modern."), help: "defaults of the future"),
        Option(
            "no_modern", .preset(applyNoModern),
            help: "memcached_mode with 1.4's defaults: flat LRU, pages stay, no crawl, accepting stops at -c"),
        Option("no_chunked_items", .ignored, standing: alwaysSo, help: "no chains of chunks"),
        Option("inline_ascii_resp", .ignored, standing: alwaysSo, help: "obsolete"),
        Option("no_inline_ascii_resp", .ignored, standing: alwaysSo, help: "obsolete"),
        Option("resp_obj_mem_limit", .ignored, standing: alwaysSo, help: "obsolete"),
        Option(
            "track_sizes", .on(\.tracksSizes), setting: "track_sizes",
            help: "let stats sizes count items by size; nothing is kept for it"),
        Option(
            "slab_automove_freeratio", .fraction(\.slabAutomoveFreeRatio, above: -1, upTo: 1e9), "<num>",
            standing: ownPages, help: "share of memory to hold free"),
        Option("sock_cookie_id", .ignoredText, "<num>", standing: alwaysSo, help: "mark sockets for a firewall"),
        Option(
            "no_drop_privileges", .ignored, standing: alwaysSo, isHidden: true,
            help: "do not restrict system calls"),
    ]

    private static let testing: [Option] = [
        Option(
            "relaxed_privileges", .on(\.allowsTestCommands),
            help: "allow debugtime, which moves the clock: for test suites only")
    ]

    private static let extendedNotOffered: [Option] =
        [
            notOffered(
                "drop_privileges", takesArgument: false, isExtended: true,
                because:
                    "Restricting system calls is not offered in this version; a service unit or container can do it."),
            notOffered("proxy_config", isExtended: true, because: "The proxy is not offered in this version."),
            notOffered("proxy_arg", isExtended: true, because: "The proxy is not offered in this version."),
            notOffered(
                "proxy_memprofile", takesArgument: false, isExtended: true,
                because: "The proxy is not offered in this version."),
        ]
        + flashNames.map {
            notOffered($0, isExtended: true, because: "Spilling to flash is not offered in this version.")
        }

    private static let flashNames = [
        "ext_path", "ext_page_size", "ext_wbuf_size", "ext_threads", "ext_io_depth", "ext_item_size", "ext_item_age",
        "ext_low_ttl", "ext_recache_rate", "ext_compact_under", "ext_drop_under", "ext_max_sleep", "ext_max_frag",
        "ext_drop_unread",
    ]

    /// What memcached 1.4 had no notion of is off. Its flat LRU is one of `memcached_mode`.
    private static let applyNoModern: @Sendable (inout ServerSettings) -> Void = { settings in
        settings.slabReassign = false
        settings.slabAutomove = 0
        settings.rejectsOverLimit = false
        settings.lruCrawler = false
        settings.lruMaintainer = false
        settings.lruSegmented = false
        settings.wantsWholePages = true
        settings.isMemcachedMode = true
    }
}
