/// `/stats.json`: everything that the dashboard shows of this moment, for it and for whoever else wants it.
struct AdminReport {
    let figures: ServerFigures
    let advice: [Advice]
    let keys: KeyCounts
    let slowTurns: [SlowTurn]
    let clients: [ConnectionSnapshot]
    let nodes: String?
    let defaults: [(name: String, value: String, usual: String)]

    func json() -> [UInt8] {
        var json = JSONText()
        json.group { json in
            appendServer(to: &json)
            appendStatistics(to: &json)
            json.list("advice") { json in
                for sentence in advice {
                    json.group { json in
                        json.add("weight", text: sentence.weight.rawValue)
                        json.add("text", text: sentence.text)
                    }
                }
            }
            appendLatency(to: &json)
            appendClasses(to: &json)
            appendWorkers(to: &json)
            appendKeys(to: &json)
            appendSlowTurns(to: &json)
            appendClients(to: &json)
            appendSettings(to: &json)
            if let nodes { json.add("cluster", text: nodes) }
        }
        return json.bytes
    }

    private func appendServer(to json: inout JSONText) {
        json.group("server") { json in
            json.add("version", text: ServerVersion.own)
            json.add("protocol", text: "\(ServerVersion.wire)")
            json.add("uptime_seconds", figures.uptimeSeconds)
            json.add("time_seconds", figures.wallSeconds)
            json.add("threads", figures.settings.threadCount)
            json.add("resident_bytes", figures.residentBytes)
            json.add("limit_bytes", figures.settings.memoryBytes)
            json.add("page_bytes", figures.store.pageBytes)
            json.add("table_bytes", figures.store.tableBytes)
            json.add("fragmentation", figures.fragmentation)
            json.add("lock_waits", figures.lockWaits)
            json.add("lock_wait_seconds", Double(figures.lockWaitNanoseconds) / 1e9, places: 6)
            json.add("pages_moved", figures.store.pagesMoved)
            json.add("items_relocated", figures.store.itemsRelocated)
            json.add("ghost_hits", figures.store.sum(\.ghostHits))
            json.add("evicts", figures.settings.eviction.evicts)
        }
    }

    /// As `stats` tells it, numbers as numbers.
    private func appendStatistics(to json: inout JSONText) {
        var text = StatisticsText()
        GeneralStatistics(
            settings: figures.settings, commands: figures.commands, network: figures.network, store: figures.store,
            uptimeSeconds: figures.uptimeSeconds, wallSeconds: figures.wallSeconds
        ).append(to: &text)
        json.group("stats") { json in
            for line in text.text.split(separator: "\r\n") {
                let words = line.split(separator: " ", maxSplits: 2)
                guard words.count == 3 else { continue }
                if let number = Int(words[2]) {
                    json.add(String(words[1]), number)
                } else if words[1].hasPrefix("rusage_"), let seconds = Double(words[2]) {
                    json.add(String(words[1]), seconds, places: 6)
                } else {
                    json.add(String(words[1]), text: String(words[2]))
                }
            }
        }
    }

    private func appendLatency(to json: inout JSONText) {
        json.group("latency_us") { json in
            for kind in CommandKind.allCases {
                let latency = figures.latencies[Int(kind.rawValue)]
                guard latency.count > 0 else { continue }
                json.group(kind.name) { json in
                    json.add("sampled", latency.count)
                    for (name, quantile) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("p999", 0.999)] {
                        json.add(name, latency.microseconds(quantile: quantile), places: 1)
                    }
                    json.add("mean", Double(latency.nanoseconds) / Double(latency.count) / 1000, places: 1)
                }
            }
        }
    }

    private func appendClasses(to json: inout JSONText) {
        json.list("classes") { json in
            for row in figures.store.classes where row.pageCount > 0 {
                json.group { json in
                    json.add("id", row.id)
                    json.add("chunk_bytes", row.chunkBytes)
                    json.add("pages", row.pageCount)
                    json.add("page_bytes", row.pageCount * figures.store.pageBytes)
                    json.add("used_chunks", row.usedChunks)
                    json.add("free_chunks", row.freeChunks)
                    json.add("items", row.itemCount)
                    json.add("item_bytes", row.itemBytes)
                    json.add("hot", row.hotCount)
                    json.add("warm", row.warmCount)
                    json.add("cold", row.coldCount)
                    json.add("temp", row.tempCount)
                    json.add("age_seconds", row.coldAgeSeconds)
                    json.add("evicted", row.evicted)
                    json.add("evicted_unfetched", row.evictedUnfetched)
                    json.add("ghost_hits", row.ghostHits)
                    let hits = figures.commands.classes[min(row.id, CommandCounters.classCount - 1)]
                    json.add("get_hits", hits.getHits)
                    json.add("sets", hits.sets)
                }
            }
        }
    }

    private func appendWorkers(to json: inout JSONText) {
        json.list("workers") { json in
            for row in figures.workers {
                json.group { json in
                    json.add("connections", row.connections)
                    json.add("turns", row.turns)
                    json.add("rounds", row.rounds)
                    json.add("busy_seconds", Double(row.busyNanoseconds) / 1e9, places: 6)
                    json.add("bytes_read", row.bytesRead)
                    json.add("bytes_written", row.bytesWritten)
                }
            }
        }
    }

    private func appendKeys(to json: inout JSONText) {
        json.add("keys_are_sampled", figures.settings.samplesKeys)
        json.list("top_keys") { json in
            for row in keys.top(50) {
                json.group { json in
                    json.add("key", wire: row.key)
                    json.add("share", row.share, places: 5)
                    json.add("excess", row.excess, places: 5)
                }
            }
        }
        json.list("top_prefixes") { json in
            for row in keys.topPrefixes(20, delimiter: figures.settings.prefixDelimiter) {
                json.group { json in
                    json.add("prefix", wire: row.prefix)
                    json.add("share", row.share, places: 5)
                }
            }
        }
    }

    private func appendSlowTurns(to json: inout JSONText) {
        json.add("slow_milliseconds", figures.settings.slowRequestMilliseconds)
        json.list("slow") { json in
            for turn in slowTurns.reversed() {
                json.group { json in
                    json.add("time", turn.wallMilliseconds)
                    json.add("worker", turn.worker)
                    json.add("microseconds", turn.microseconds)
                    json.add("command", text: turn.command)
                    json.add("key", wire: turn.key)
                    json.add("client", text: turn.client)
                }
            }
        }
    }

    private static let clientsMax = 200

    private func appendClients(to json: inout JSONText) {
        json.list("clients") { json in
            for client in clients.prefix(Self.clientsMax) {
                json.group { json in
                    json.add("address", text: client.address)
                    json.add("state", text: client.state)
                    json.add("idle_seconds", client.secondsSinceLastCommand)
                }
            }
        }
    }

    private func appendSettings(to json: inout JSONText) {
        json.list("changed_settings") { json in
            for row in defaults {
                json.group { json in
                    json.add("name", text: row.name)
                    json.add("value", text: row.value)
                    json.add("default", text: row.usual)
                }
            }
        }
    }
}
