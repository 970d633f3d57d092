/// The classic commands.
extension ProbeSource {
    mutating func storage() -> Probe {
        let isCounter = below(3) == 0
        let value = isCounter ? number() : value()
        let verb =
            isCounter
            ? pick(["set", "set", "add", "replace"])
            : pick(["set", "set", "set", "add", "replace", "append", "prepend", "cas"])
        var words = [
            verb, isCounter ? counter(fetched: false) : key(), pick(["0", "0", "7", "4294967295"]), pick(Self.times),
            String(value.count),
        ]
        if verb == "cas" { words.append(String(pick(Self.tokens + [0, 12345]))) }
        if below(8) == 0 { words.append("noreply") }
        return block(line(words), value)
    }

    mutating func retrieval() -> Probe {
        var words = [pick(["get", "get", "gets", "gat", "gats"])]
        if words[0].hasPrefix("gat") { words.append(pick(Self.times)) }
        for _ in 0...(below(3) == 0 ? below(8) : 0) { words.append(fetchedKey()) }
        return Probe(bytes: line(words))
    }

    mutating func arithmetic() -> Probe {
        var words = [
            pick(["incr", "decr"]), below(6) == 0 ? key() : counter(fetched: false),
            pick(["0", "1", "1", "9", "100", "18446744073709551615", "x", "-1", "18446744073709551616"]),
        ]
        if below(10) == 0 { words.append("noreply") }
        return Probe(bytes: line(words))
    }

    mutating func removal() -> Probe {
        var words = below(2) == 0 ? ["delete", key()] : ["touch", key(), pick(Self.times)]
        if words[0] == "delete", below(10) == 0 { words.append("0") }
        if below(10) == 0 { words.append("noreply") }
        return Probe(bytes: line(words))
    }

    /// What concerns the server, as far as it changes nothing that is compared.
    mutating func server() -> Probe {
        let text = pick([
            "mn", "version", "verbosity 0", "verbosity 0 noreply", "verbosity", "verbosity x", "stats nosuch",
            "flush_all x",
            "flush_all x noreply", "cache_memlimit", "cache_memlimit 1", "cache_memlimit x", "shutdown",
            "shutdown nosuch", "lru", "lru tune", "lru nosuch", "lru_crawler", "lru_crawler nosuch",
            "lru_crawler crawl x",
            "lru_crawler sleep 9999999", "lru_crawler tocrawl x", "slabs", "slabs nosuch", "slabs reassign 1",
            "slabs reassign x y", "slabs automove x", "stats detail", "stats detail nosuch", "stats cachedump",
            "stats cachedump 99999 0", "watch nosuch", "debugtime 5", "nosuch", "get", "set", "gat", "gat 0", "mg",
            "ms", "md", "ma", "me",
            "touch", "incr", "delete", "GET a", " get a", "", "   ",
        ])
        return Probe(bytes: Array((text + "\r\n").utf8))
    }
}
