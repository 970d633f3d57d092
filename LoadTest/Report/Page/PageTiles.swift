import LoadEngine

/// The figures of a single run that one wants to see first.
struct PageTiles {
    let result: RunResult

    var html: String {
        let counts = result.counts
        let isOpen = result.slip.count > 0
        let all = "\(Quantity.grouped(counts.requests)) in \(Quantity.span(seconds: result.seconds))"
        let keys = "\(Quantity.brief(result.perSecond(counts.keysRead).rounded())) keys a second"
        var tiles = [
            tile("requests", "\(Quantity.brief(result.rate.rounded()))/s", result.hasMultigets ? keys : all)
        ]
        for (name, percentile) in [("p50", 50.0), ("p99", 99), ("p99.9", 99.9)] {
            tiles.append(
                tile(
                    name, Quantity.duration(result.response.value(percentile: percentile)),
                    isOpen ? "from the intended time" : "from sending"))
        }
        tiles.append(tile("slowest", Quantity.duration(result.response.max), "of all requests"))
        if let hitRatio = counts.hitRatio {
            tiles.append(tile("hits", Quantity.percent(hitRatio), "\(Quantity.grouped(counts.misses)) misses"))
        }
        if let cpu = result.serverCPUPerRequest {
            let driver = Quantity.duration(nanoseconds: result.driverCPUPerRequest ?? 0)
            tiles.append(tile("server CPU", Quantity.duration(nanoseconds: cpu), "per request; driver \(driver)"))
        }
        tiles.append(
            tile(
                "failed", Quantity.grouped(result.failures), result.failures == 0 ? "every request answered" : troubles)
        )
        return "<div class=\"tiles\">\n\(tiles.joined())</div>\n"
    }

    private var troubles: String {
        let counts = result.counts
        let named = [
            (counts.errors, "errors"), (counts.refused, "refused"), (counts.lost, "lost"),
            (counts.timeouts, "timeouts"), (counts.unanswered ?? 0, "unanswered"),
        ]
        return named.filter { $0.0 > 0 }.map { "\(Quantity.grouped($0.0)) \($0.1)" }.joined(separator: ", ")
    }

    /// A number and its unit, the unit smaller.
    private func tile(_ name: String, _ value: String, _ more: String) -> String {
        let words = value.split(separator: " ", maxSplits: 1).map { Markup.text(String($0)) }
        let unit = words.count > 1 ? " <small>\(words[1])</small>" : ""
        return "<div class=\"tile\"><span class=\"name\">\(name)</span>"
            + "<span class=\"value\">\(words[0])\(unit)</span><span class=\"more\">\(Markup.text(more))</span></div>\n"
    }
}
