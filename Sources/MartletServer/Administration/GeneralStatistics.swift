import Glibc
import MartletEvent
import MartletStore

/// `stats` without a word behind it: the fields of memcached 1.6.45, in its order and under the same conditions.
///
/// docs/statistics.md says of each field whether it is measured, derived, or 0 because there is no such thing here.
struct GeneralStatistics {
    let settings: ServerSettings
    let commands: CounterTotals
    let network: NetworkTotals
    let store: StoreStatistics
    let uptimeSeconds: Int
    let wallSeconds: Int

    func append(to text: inout StatisticsText) {
        appendProcess(to: &text)
        appendConnections(to: &text)
        appendCommands(to: &text)
        appendTraffic(to: &text)
        appendPageMoves(to: &text)
        appendBackground(to: &text)
        appendItems(to: &text)
    }

    private func appendProcess(to text: inout StatisticsText) {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        text.add("pid", getpid())
        text.add("uptime", uptimeSeconds)
        text.add("time", wallSeconds)
        text.add("version", ServerVersion.wire)
        text.add("libevent", EventLoop.libraryVersion)
        text.add("pointer_size", Int.bitWidth)
        text.add("rusage_user", Self.seconds(usage.ru_utime))
        text.add("rusage_system", Self.seconds(usage.ru_stime))
    }

    private static func seconds(_ time: timeval) -> String {
        let micros = String(time.tv_usec)
        return "\(time.tv_sec)." + String(repeating: "0", count: 6 - micros.count) + micros
    }

    private func appendConnections(to text: inout StatisticsText) {
        text.add("max_connections", settings.connectionsMax)
        text.add("curr_connections", network.currentConnections)
        text.add("total_connections", network.totalConnections)
        if settings.rejectsOverLimit { text.add("rejected_connections", network.rejectedConnections) }
        text.add("connection_structures", network.currentConnections + network.listeners)
        text.add("response_obj_oom", network.budgetKicks)
        text.add("response_obj_count", 0)
        text.add("response_obj_bytes", 0)
        text.add("read_buf_count", settings.threadCount)
        text.add("read_buf_bytes", settings.threadCount * Limits.readBufferBytes)
        text.add("read_buf_bytes_free", 0)
        text.add("read_buf_oom", network.memoryKicks)
        text.add("reserved_fds", Limits.ownDescriptorsMax(threadCount: settings.threadCount))
    }

    private func appendCommands(to text: inout StatisticsText) {
        let hits = commands.hits
        text.add("cmd_get", hits.getHits + commands.getMisses)
        text.add("cmd_set", hits.sets)
        text.add("cmd_flush", commands.flushes)
        text.add("cmd_touch", commands.touches)
        text.add("cmd_meta", commands.meta)
        text.add("get_hits", hits.getHits)
        text.add("get_misses", commands.getMisses)
        text.add("get_expired", store.foundExpired)
        text.add("get_flushed", store.foundFlushed)
        text.add("delete_misses", commands.deleteMisses)
        text.add("delete_hits", hits.deleteHits)
        text.add("incr_misses", commands.incrMisses)
        text.add("incr_hits", hits.incrHits)
        text.add("decr_misses", commands.decrMisses)
        text.add("decr_hits", hits.decrHits)
        text.add("cas_misses", commands.casMisses)
        text.add("cas_hits", hits.casHits)
        text.add("cas_badval", hits.casMismatches)
        text.add("touch_hits", hits.touchHits)
        text.add("touch_misses", commands.touchMisses)
        text.add("store_too_large", commands.storeTooLarge)
        text.add("store_no_memory", commands.storeNoMemory)
        text.add("auth_cmds", commands.logins)
        text.add("auth_errors", commands.loginFailures)
        if settings.idleTimeoutSeconds > 0 { text.add("idle_kicks", network.idleKicks) }
    }

    private func appendTraffic(to text: inout StatisticsText) {
        text.add("bytes_read", network.bytesRead)
        text.add("bytes_written", network.bytesWritten)
        text.add("limit_maxbytes", settings.memoryBytes)
        text.add("accepting_conns", network.isPaused ? 0 : 1)
        text.add("listen_disabled_num", network.pauses)
        text.add("time_in_listen_disabled_us", network.pausedMicroseconds)
        text.add("threads", settings.threadCount)
        text.add("conn_yields", network.yields)
        text.add("hash_power_level", store.tablePower)
        text.add("hash_bytes", store.tableBytes)
        text.add("hash_is_expanding", 0)
    }

    private func appendPageMoves(to text: inout StatisticsText) {
        guard settings.slabReassign else { return }
        text.add("slab_reassign_rescues", store.itemsRelocated)
        text.add("slab_reassign_chunk_rescues", store.partsRelocated)
        text.add("slab_reassign_inline_reclaim", store.inlineReclaims)
        text.add("slab_reassign_busy_items", store.itemsFoundBusy)
        text.add("slab_reassign_busy_deletes", store.busyDeletes)
        text.add("slab_reassign_busy_nomem", store.itemsLostInMoves + store.busyWithoutMemory)
        text.add("slab_reassign_last_busy_status", store.lastBusyStatus)
        text.add("slab_reassign_running", store.isMovingPage ? 1 : 0)
        text.add("slabs_moved", store.pagesMoved)
    }

    private func appendBackground(to text: inout StatisticsText) {
        if settings.lruCrawler {
            text.add("lru_crawler_running", store.isScanning ? 1 : 0)
            text.add("lru_crawler_starts", store.maintainerPasses)
        }
        if settings.lruMaintainer { text.add("lru_maintainer_juggles", store.maintainerPasses) }
        text.add("malloc_fails", 0)
        text.add("log_worker_dropped", network.eventsDropped)
        text.add("log_worker_written", network.eventsWritten)
        text.add("log_watcher_skipped", network.linesSkipped)
        text.add("log_watcher_sent", network.linesSent)
        text.add("log_watchers", network.watchers)
        if let seconds = network.secondsSinceRefresh {
            if settings.tls.keepsSessions { text.add("ssl_new_sessions", network.newSessions) }
            text.add("ssl_handshake_errors", network.handshakeErrors)
            text.add("ssl_proto_errors", network.protocolErrors)
            text.add("time_since_server_cert_refresh", seconds)
        }
        text.add("unexpected_napi_ids", 0)
        text.add("round_robin_fallback", 0)
    }

    private func appendItems(to text: inout StatisticsText) {
        text.add("bytes", store.itemBytes)
        text.add("curr_items", store.itemCount)
        text.add("total_items", store.itemsStored)
        text.add("slab_global_page_pool", store.pooledPages)
        text.add("expired_unfetched", store.sum(\.expiredUnfetched))
        text.add("evicted_unfetched", store.sum(\.evictedUnfetched))
        if settings.lruMaintainer { text.add("evicted_active", store.sum(\.evictedActive)) }
        text.add("evictions", store.sum(\.evicted))
        text.add("reclaimed", store.sum(\.reclaimed))
        text.add("crawler_reclaimed", store.sum(\.crawlerReclaimed))
        text.add("crawler_items_checked", store.sum(\.crawlerItemsChecked))
        text.add("lrutail_reflocked", 0)
        guard settings.lruMaintainer else { return }
        text.add("moves_to_cold", store.sum(\.movesToCold))
        text.add("moves_to_warm", store.sum(\.movesToWarm))
        text.add("moves_within_lru", store.sum(\.movesWithin))
        text.add("direct_reclaims", store.sum(\.directReclaims))
        text.add("lru_bumps_dropped", store.bumpsDropped)
    }
}

extension StoreStatistics {
    /// A count over all classes.
    func sum(_ field: KeyPath<SlabClass, Int>) -> Int { classes.reduce(0) { $0 + $1[keyPath: field] } }
}
