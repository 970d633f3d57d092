import MartletStore

/// `stats slabs` and `stats items`: a group of lines for each slab class that owns pages, or holds items.
package struct SlabStatistics {
    let settings: ServerSettings
    let commands: CounterTotals
    let store: StoreStatistics

    package init(settings: ServerSettings, commands: CounterTotals, store: StoreStatistics) {
        self.settings = settings
        self.commands = commands
        self.store = store
    }

    package func appendSlabs(to text: inout StatisticsText) {
        let active = store.classes.filter { $0.pageCount > 0 }
        for slabClass in active { appendSlab(slabClass, to: &text) }
        text.add("active_slabs", active.count)
        text.add("total_malloced", store.pagedBytes)
    }

    private func appendSlab(_ slabClass: StoreStatistics.SlabClass, to text: inout StatisticsText) {
        func add(_ name: String, _ value: Int) { text.add("\(slabClass.id):\(name)", value) }
        add("chunk_size", slabClass.chunkBytes)
        add("chunks_per_page", slabClass.chunksPerPage)
        add("total_pages", slabClass.pageCount)
        add("total_chunks", slabClass.pageCount * slabClass.chunksPerPage)
        add("used_chunks", slabClass.usedChunks)
        add("free_chunks", slabClass.freeChunks)
        add("free_chunks_end", 0)
        let hits = commands.classes[min(slabClass.id, CommandCounters.classCount - 1)]
        add("get_hits", hits.getHits)
        add("cmd_set", hits.sets)
        add("delete_hits", hits.deleteHits)
        add("incr_hits", hits.incrHits)
        add("decr_hits", hits.decrHits)
        add("cas_hits", hits.casHits)
        add("cas_badval", hits.casMismatches)
        add("touch_hits", hits.touchHits)
    }

    package func appendItems(to text: inout StatisticsText) {
        for slabClass in store.classes where slabClass.itemCount > 0 {
            appendPopulation(slabClass, to: &text)
            appendFates(slabClass, to: &text)
        }
    }

    private func appendPopulation(_ slabClass: StoreStatistics.SlabClass, to text: inout StatisticsText) {
        func add(_ name: String, _ value: Int) { text.add("items:\(slabClass.id):\(name)", value) }
        add("number", slabClass.itemCount)
        if settings.lruMaintainer {
            add("number_hot", slabClass.hotCount)
            add("number_warm", slabClass.warmCount)
            add("number_cold", slabClass.coldCount)
            if settings.temporaryTTLSeconds != nil { add("number_temp", slabClass.tempCount) }
            add("age_hot", slabClass.hotAgeSeconds)
            add("age_warm", slabClass.warmAgeSeconds)
        }
        add("age", slabClass.coldAgeSeconds)
        add("mem_requested", slabClass.itemBytes)
    }

    private func appendFates(_ slabClass: StoreStatistics.SlabClass, to text: inout StatisticsText) {
        func add(_ name: String, _ value: Int) { text.add("items:\(slabClass.id):\(name)", value) }
        add("evicted", slabClass.evicted)
        add("evicted_nonzero", slabClass.evictedWithExpiry)
        add("evicted_time", slabClass.evictedAgeSeconds)
        add("outofmemory", slabClass.outOfMemory)
        add("tailrepairs", 0)
        add("reclaimed", slabClass.reclaimed)
        add("expired_unfetched", slabClass.expiredUnfetched)
        add("evicted_unfetched", slabClass.evictedUnfetched)
        if settings.lruMaintainer { add("evicted_active", slabClass.evictedActive) }
        add("crawler_reclaimed", slabClass.crawlerReclaimed)
        add("crawler_items_checked", slabClass.crawlerItemsChecked)
        add("lrutail_reflocked", 0)
        guard settings.lruMaintainer else { return }
        add("moves_to_cold", slabClass.movesToCold)
        add("moves_to_warm", slabClass.movesToWarm)
        add("moves_within_lru", slabClass.movesWithin)
        add("direct_reclaims", slabClass.directReclaims)
        add("hits_to_hot", slabClass.fetches[0])
        add("hits_to_warm", slabClass.fetches[2])
        add("hits_to_cold", slabClass.fetches[1])
        add("hits_to_temp", slabClass.fetches[3])
    }
}
