/// `stats settings`: memcached's names in memcached's order, and our own behind them.
///
/// Each line names a row of `OptionTable` or stands for a thing that no option sets; `OptionTableTests` holds the two
/// together. memcached's extstore lines are absent, and those of TLS where it is not built in: so they are from such a
/// memcached.
package struct SettingsReport: Sendable {
    /// As started, with what commands have changed since.
    let settings: ServerSettings
    /// Server second of the latest flush.
    let flushSecond: UInt32

    /// One line: its name and how its value follows from the report.
    struct Line: Sendable {
        let name: String
        let value: @Sendable (SettingsReport) -> String

        init(_ name: String, _ value: @escaping @Sendable (SettingsReport) -> String) {
            self.name = name
            self.value = value
        }
    }

    func append(to text: inout StatisticsText) {
        for line in Self.lines { text.add(line.name, line.value(self)) }
    }

    package static var names: [String] { lines.map(\.name) }

    static let lines: [Line] =
        listening + commands + memory + segments + buffers + (TLSLibrary.isThere ? encryption : []) + remaining
        + ownNames

    private static let listening: [Line] = [
        Line("maxbytes") { String($0.settings.memoryBytes) },
        Line("maxconns") { String($0.settings.connectionsMax) },
        Line("tcpport") { String($0.settings.tcpPort) },
        Line("udpport") { String($0.settings.udpPort) },
        Line("inter") { $0.settings.effectiveListenAddresses.joined(separator: ",") },
        Line("verbosity") { String($0.settings.verbosity) },
        Line("oldest") { String($0.flushSecond) },
        Line("evictions") { $0.settings.eviction.evicts ? "on" : "off" },
        Line("domain_socket") { $0.settings.unixSocketPath ?? "NULL" },
        Line("umask") { String($0.settings.unixSocketMode, radix: 8) },
    ]

    private static let commands: [Line] = [
        Line("shutdown_command") { $0.settings.allowsShutdown.yesOrNo },
        Line("growth_factor") { FixedPoint.text($0.settings.growthFactor, places: 2) },
        Line("chunk_size") { String($0.settings.chunkSpaceBytesMin) },
        Line("num_threads") { String($0.settings.threadCount) },
        Line("num_threads_per_udp") { String($0.settings.listenAddresses.count > 1 ? 1 : $0.settings.threadCount) },
        Line("stat_key_prefix") { String(UnicodeScalar($0.settings.prefixDelimiter)) },
        Line("detail_enabled") { $0.settings.countsPrefixes.yesOrNo },
        Line("reqs_per_event") { String($0.settings.commandsPerTurn) },
        Line("cas_enabled") { $0.settings.issuesTokens.yesOrNo },
        Line("tcp_backlog") { String($0.settings.listenBacklog) },
        Line("binding_protocol") { $0.settings.protocolName == "auto" ? "auto-negotiate" : $0.settings.protocolName },
        Line("auth_enabled_sasl") { _ in "no" },
        Line("auth_enabled_ascii") { $0.settings.authFilePath ?? "no" },
        Line("item_size_max") { String($0.settings.itemBytesMax) },
        Line("maxconns_fast") { $0.settings.rejectsOverLimit.yesOrNo },
    ]

    private static let memory: [Line] = [
        Line("hashpower_init") { String($0.settings.hashPowerInitial) },
        Line("slab_reassign") { $0.settings.slabReassign.yesOrNo },
        Line("slab_automove") { String($0.settings.slabAutomove) },
        Line("slab_automove_ratio") { FixedPoint.text($0.settings.slabAutomoveRatio, places: 2) },
        Line("slab_automove_window") { String($0.settings.slabAutomoveWindowSeconds) },
        Line("slab_chunk_max") { String($0.settings.slabChunkBytesMax ?? $0.settings.slabChunkBytesUsual) },
    ]

    private static let segments: [Line] = [
        Line("lru_crawler") { $0.settings.lruCrawler.yesOrNo },
        Line("lru_crawler_sleep") { String($0.settings.lruCrawlerSleepMicroseconds) },
        Line("lru_crawler_tocrawl") { String($0.settings.lruCrawlerItemsMax) },
        Line("tail_repair_time") { String($0.settings.tailRepairSeconds) },
        Line("flush_enabled") { $0.settings.allowsFlush.yesOrNo },
        Line("dump_enabled") { $0.settings.allowsDump.yesOrNo },
        Line("hash_algorithm") { $0.settings.hashAlgorithm },
        Line("lru_maintainer_thread") { $0.settings.lruMaintainer.yesOrNo },
        Line("lru_segmented") { $0.settings.lruSegmented.yesOrNo },
        Line("hot_lru_pct") { String($0.settings.hotPercent) },
        Line("warm_lru_pct") { String($0.settings.warmPercent) },
        Line("hot_max_factor") { FixedPoint.text($0.settings.hotFactorMax, places: 2) },
        Line("warm_max_factor") { FixedPoint.text($0.settings.warmFactorMax, places: 2) },
        Line("temp_lru") { ($0.settings.temporaryTTLSeconds != nil).yesOrNo },
        Line("temporary_ttl") { String($0.settings.temporaryTTLSeconds ?? ServerSettings.temporaryTTLSecondsUsual) },
    ]

    /// What memcached has no name for.
    private static let ownNames: [Line] = [
        Line("eviction") { $0.settings.eviction.name },
        Line("memcached_mode") { $0.settings.isMemcachedMode.yesOrNo },
    ]

    private static let buffers: [Line] = [
        Line("idle_timeout") { String($0.settings.idleTimeoutSeconds) },
        Line("watcher_logbuf_size") { String($0.settings.watcherBufferBytes) },
        Line("worker_logbuf_size") { String($0.settings.workerLogBufferBytes) },
        Line("read_buf_mem_limit") { String($0.settings.connectionBufferBytesMax) },
        Line("track_sizes") { $0.settings.tracksSizes.yesOrNo },
        Line("inline_ascii_response") { _ in "no" },
    ]

    private static let encryption: [Line] = [
        Line("ssl_enabled") { $0.settings.tls.isEnabled.yesOrNo },
        Line("ssl_chain_cert") { $0.settings.tls.chainPath ?? "(null)" },
        Line("ssl_key") { $0.settings.tls.keyPath ?? "(null)" },
        Line("ssl_verify_mode") { String($0.settings.tls.verifyBits) },
        Line("ssl_keyformat") { String($0.settings.tls.keyFormat) },
        Line("ssl_ciphers") { $0.settings.tls.ciphers ?? "NULL" },
        Line("ssl_ca_cert") { $0.settings.tls.authoritiesPath ?? "NULL" },
        Line("ssl_wbuf_size") { String($0.settings.tls.writeBytesMax) },
        Line("ssl_session_cache") { $0.settings.tls.keepsSessions.yesOrNo },
        Line("ssl_kernel_tls") { $0.settings.tls.usesKernel.yesOrNo },
        Line("ssl_min_version") { $0.settings.tls.minimumVersionName },
    ]

    private static let remaining: [Line] = [
        Line("num_napi_ids") { String($0.settings.napiIdCount) },
        Line("memory_file") { $0.settings.memoryFilePath ?? "(null)" },
        Line("client_flags_size") { _ in "4" },
    ]
}
