/// `/metrics`: the names of memcached_exporter, so that its dashboards and rules work unchanged, and behind them our
/// own (ServerMetrics+Own.swift).
struct ServerMetrics {
    let figures: ServerFigures
    var text = MetricsText()

    init(_ figures: ServerFigures) {
        self.figures = figures
        addProcess()
        addConnections()
        addCommands()
        addItems()
        addBackground()
        addSlabItems()
        addSlabCommands()
        addSlabMemory()
        addOwn()
    }

    private mutating func addProcess() {
        text.add("up", .gauge, "Whether the server answers.", 1)
        text.add("uptime_seconds", .gauge, "Seconds since the start.", figures.uptimeSeconds)
        text.add("time_seconds", .gauge, "Wall time of the server, in seconds since 1970.", figures.wallSeconds)
        text.begin("version", .gauge, "The version that the server tells clients.")
        text.add(1, "version=\"\(ServerVersion.wire)\"")
        text.add(
            "process_user_cpu_seconds_total", .counter, "Processor time in user mode.",
            MetricsText.seconds(figures.userSeconds))
        text.add(
            "process_system_cpu_seconds_total", .counter, "Processor time in the kernel.",
            MetricsText.seconds(figures.systemSeconds))
        text.add("read_bytes_total", .counter, "Bytes read from clients.", figures.network.bytesRead)
        text.add("written_bytes_total", .counter, "Bytes sent to clients.", figures.network.bytesWritten)
    }

    private mutating func addConnections() {
        let network = figures.network
        text.add("current_connections", .gauge, "Open connections.", network.currentConnections)
        text.add("max_connections", .gauge, "Connections that may be open.", figures.settings.connectionsMax)
        text.add("connections_total", .counter, "Connections accepted.", network.totalConnections)
        text.add(
            "connections_rejected_total", .counter, "Connections refused over the limit.", network.rejectedConnections)
        text.add(
            "connections_yielded_total", .counter, "Turns that ended although input remained.", network.yields)
        text.add(
            "connections_listener_disabled_total", .counter, "Times that accepting paused at the limit.", network.pauses
        )
        text.add(
            "accepting_connections", .gauge, "Whether connections are accepted.", network.isPaused ? 0 : 1)
    }

    private mutating func addCommands() {
        let commands = figures.commands
        let hits = commands.hits
        text.begin("commands_total", .counter, "Commands by what came of them.")
        func add(_ command: String, _ status: String, _ value: Int) {
            text.add(value, "command=\"\(command)\",status=\"\(status)\"")
        }
        add("get", "hit", hits.getHits)
        add("get", "miss", commands.getMisses)
        add("delete", "hit", hits.deleteHits)
        add("delete", "miss", commands.deleteMisses)
        add("incr", "hit", hits.incrHits)
        add("incr", "miss", commands.incrMisses)
        add("decr", "hit", hits.decrHits)
        add("decr", "miss", commands.decrMisses)
        add("cas", "hit", hits.casHits)
        add("cas", "miss", commands.casMisses)
        add("cas", "badval", hits.casMismatches)
        add("touch", "hit", hits.touchHits)
        add("touch", "miss", commands.touchMisses)
        add("flush", "hit", commands.flushes)
        add("set", "hit", max(0, hits.sets - hits.casHits - commands.casMisses - hits.casMismatches))
    }

    private mutating func addItems() {
        let store = figures.store
        text.add("current_bytes", .gauge, "Bytes of items, headers and keys included.", store.itemBytes)
        text.add("limit_bytes", .gauge, "Bytes that the cache may use.", figures.settings.memoryBytes)
        text.add("malloced_bytes", .gauge, "Bytes of all pages.", store.pagedBytes)
        text.add("current_items", .gauge, "Items held.", store.itemCount)
        text.add("items_total", .counter, "Items stored.", store.itemsStored)
        text.add("items_evicted_total", .counter, "Items evicted.", store.sum(\.evicted))
        text.add(
            "items_reclaimed_total", .counter, "Expired items whose memory was used again.", store.sum(\.reclaimed))
        text.add("item_too_large_total", .counter, "Values refused for their size.", figures.commands.storeTooLarge)
        text.add("item_no_memory_total", .counter, "Values refused for want of memory.", figures.commands.storeNoMemory)
        text.add(
            "direct_reclaims_total", .counter, "Evictions that a store had to make itself.", store.sum(\.directReclaims)
        )
    }

    private mutating func addBackground() {
        let settings = figures.settings
        let store = figures.store
        func gauge(_ name: String, _ help: String, _ value: some CustomStringConvertible) {
            text.add("lru_crawler_" + name, .gauge, help, value)
        }
        func counter(_ name: String, _ help: String, _ value: Int) {
            text.add("lru_crawler_" + name, .counter, help, value)
        }
        guard settings.lruCrawler else { return }
        gauge("enabled", "Whether expired items are looked for.", 1)
        gauge("sleep", "Microseconds of rest for each thousand items looked at.", settings.lruCrawlerSleepMicroseconds)
        gauge("to_crawl", "Items crawled per class and run; 0 for all.", settings.lruCrawlerItemsMax)
        gauge("maintainer_thread", "Whether segments are kept up in the background.", settings.lruMaintainer ? 1 : 0)
        gauge("hot_percent", "Share of the hot segment.", settings.hotPercent)
        gauge("warm_percent", "Share of the warm segment.", settings.warmPercent)
        gauge("hot_max_factor", "Age at which hot items sink.", FixedPoint.text(settings.hotFactorMax, places: 2))
        gauge("warm_max_factor", "Age at which warm items sink.", FixedPoint.text(settings.warmFactorMax, places: 2))
        counter("starts_total", "Passes of the maintainer.", store.maintainerPasses)
        counter("reclaimed_total", "Expired items taken back in the background.", store.sum(\.crawlerReclaimed))
        counter("items_checked_total", "Items looked at in the background.", store.sum(\.crawlerItemsChecked))
        counter("moves_to_cold_total", "Items that became cold.", store.sum(\.movesToCold))
        counter("moves_to_warm_total", "Items that became warm.", store.sum(\.movesToWarm))
        counter("moves_within_lru_total", "Items that kept their segment when looked at.", store.sum(\.movesWithin))
    }
}
