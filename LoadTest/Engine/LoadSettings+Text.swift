import LoadWorkload

extension LoadSettings {
    /// The settings in words and numbers, for the reader of a result; what is usual and says nothing is left out.
    package var described: [String: String] {
        var texts: [String: String] = [:]
        texts["connections"] = "\(connectionCount)"
        texts["depth"] = "\(depth)"
        texts["protocol"] = "\(wire)"
        texts["checks"] = "\(verification)"
        switch pace {
        case .saturating: texts["pace"] = "as fast as replies come"
        case .arriving(let curve, let spacing): texts["pace"] = "\(curve)/s, \(spacing.rawValue)"
        case .timed(let speed): texts["pace"] = "the trace's own, times \(speed)"
        }
        if warmUpSeconds > 0 { texts["warm-up"] = "\(warmUpSeconds) s" }
        if keepsGoing { texts["faults"] = "survived" }
        texts["values"] = "\(workload.sizes) B"
        if workload.lives != .forever { texts["lives"] = "\(workload.lives) s" }
        if case .trace(let replay) = workload.origin {
            texts["trace"] = replay.path + (replay.copies > 1 ? ", \(replay.copies) copies" : "")
        } else {
            texts["keys"] = "\(workload.keyCount)"
            texts["popularity"] = "\(workload.popularity)"
            texts["operations"] = "\(workload.mix)" + (workload.storesOnMiss ? ", misses are stored" : "")
            texts["filled"] = fills ? "before" : nil
            texts["seed"] = "\(seed)"
        }
        return texts
    }
}
