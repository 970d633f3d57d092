import MartletStore

/// Families with a sample for each slab class.
extension ServerMetrics {
    private typealias Field = KeyPath<StoreStatistics.SlabClass, Int>

    /// A family of one figure of the classes.
    private struct Family {
        let name: String
        let kind: MetricsText.Kind
        let help: String
        let field: Field

        static func gauge(_ name: String, _ help: String, _ field: Field) -> Family {
            Family(name: name, kind: .gauge, help: help, field: field)
        }

        static func counter(_ name: String, _ help: String, _ field: Field) -> Family {
            Family(name: name, kind: .counter, help: help, field: field)
        }

        /// The exporter's names are not those of counters, which Prometheus' own check minds.
        static func untyped(_ name: String, _ help: String, _ field: Field) -> Family {
            Family(name: name, kind: .untyped, help: help, field: field)
        }
    }

    private mutating func add(_ families: [Family], of classes: [StoreStatistics.SlabClass]) {
        for family in families {
            text.begin("slab_" + family.name, family.kind, family.help)
            for row in classes { text.add(row[keyPath: family.field], "slab=\"\(row.id)\"") }
        }
    }

    mutating func addSlabItems() {
        let classes = figures.store.classes.filter { $0.itemCount > 0 }
        let families: [Family] = [
            .gauge("current_items", "Items of the class.", \.itemCount),
            .gauge("items_age_seconds", "Seconds since the last access of what goes next.", \.coldAgeSeconds),
            .counter(
                "items_crawler_reclaimed_total", "Expired items taken back in the background.", \.crawlerReclaimed),
            .counter("items_evicted_total", "Items evicted.", \.evicted),
            .counter("items_evicted_nonzero_total", "Items evicted that would have expired.", \.evictedWithExpiry),
            .gauge(
                "items_evicted_time_seconds", "Seconds since the last access of what was evicted last.",
                \.evictedAgeSeconds),
            .counter("items_evicted_unfetched_total", "Items evicted that nobody had fetched.", \.evictedUnfetched),
            .counter("items_expired_unfetched_total", "Items expired that nobody had fetched.", \.expiredUnfetched),
            .counter("items_outofmemory_total", "Stores refused for want of memory.", \.outOfMemory),
            .counter("items_reclaimed_total", "Expired items whose memory was used again.", \.reclaimed),
            .untyped("items_moves_to_cold", "Items that became cold.", \.movesToCold),
            .untyped("items_moves_to_warm", "Items that became warm.", \.movesToWarm),
            .untyped("items_moves_within_lru", "Items that kept their segment when looked at.", \.movesWithin),
            .gauge("hot_items", "Items on probation.", \.hotCount),
            .gauge("warm_items", "Items hit again.", \.warmCount),
            .gauge("cold_items", "Items that go next.", \.coldCount),
            .gauge("temporary_items", "Items of a short life.", \.tempCount),
            .gauge("hot_age_seconds", "Seconds since the last access at the hot segment's edge.", \.hotAgeSeconds),
            .gauge("warm_age_seconds", "Seconds since the last access at the warm segment's edge.", \.warmAgeSeconds),
            .counter("ghost_hits_total", "Keys stored again that had been evicted not long before.", \.ghostHits),
        ]
        add(families, of: classes)
        text.begin("slab_items_tailrepairs_total", .counter, "Always 0: no item can be stuck.")
        for row in classes { text.add(0, "slab=\"\(row.id)\"") }
        text.begin("slab_lru_hits_total", .counter, "Hits by segment; counted with memcached_mode only.")
        for row in classes {
            for (index, name) in ["hot", "cold", "warm", "temporary"].enumerated() {
                text.add(row.fetches[index], "slab=\"\(row.id)\",lru=\"\(name)\"")
            }
        }
    }

    mutating func addSlabCommands() {
        text.begin("slab_commands_total", .counter, "Commands on the items of a class.")
        for row in figures.store.classes where row.pageCount > 0 {
            let hits = figures.commands.classes[min(row.id, CommandCounters.classCount - 1)]
            func add(_ command: String, _ status: String, _ value: Int) {
                text.add(value, "slab=\"\(row.id)\",command=\"\(command)\",status=\"\(status)\"")
            }
            add("get", "hit", hits.getHits)
            add("set", "hit", max(0, hits.sets - hits.casHits - hits.casMismatches))
            add("delete", "hit", hits.deleteHits)
            add("incr", "hit", hits.incrHits)
            add("decr", "hit", hits.decrHits)
            add("cas", "hit", hits.casHits)
            add("cas", "badval", hits.casMismatches)
            add("touch", "hit", hits.touchHits)
        }
    }

    mutating func addSlabMemory() {
        let classes = figures.store.classes.filter { $0.pageCount > 0 }
        let families: [Family] = [
            .gauge("chunk_size_bytes", "Bytes of a chunk.", \.chunkBytes),
            .gauge("chunks_per_page", "Chunks of a page.", \.chunksPerPage),
            .gauge("current_pages", "Pages of the class.", \.pageCount),
            .gauge("current_chunks", "Chunks of the class.", \.chunkCount),
            .gauge("chunks_used", "Chunks in use.", \.usedChunks),
            .gauge("chunks_free", "Chunks that are free.", \.freeChunks),
            .gauge("mem_requested_bytes", "Bytes of the class's items.", \.itemBytes),
        ]
        add(families, of: classes)
        text.begin("slab_chunks_free_end", .gauge, "Always 0: chunks are free or used.")
        for row in classes { text.add(0, "slab=\"\(row.id)\"") }
    }
}

extension StoreStatistics.SlabClass {
    var chunkCount: Int { pageCount * chunksPerPage }
}
