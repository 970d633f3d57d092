extension SettingsReport {
    /// The lines that differ from those of a server started without options, but for those that nobody gave: what
    /// follows from another option is told by that one.
    static func changed(_ settings: ServerSettings) -> [(name: String, value: String, usual: String)] {
        let report = SettingsReport(settings: settings, flushSecond: 0)
        let usual = SettingsReport(settings: ServerSettings(), flushSecond: 0)
        let implied = SettingsReport(settings: settings.implied, flushSecond: 0)
        return lines.compactMap { line in
            let value = line.value(report), before = line.value(usual)
            if following.contains(line.name), value == line.value(implied) { return nil }
            return value == before ? nil : (line.name, value, before)
        }
    }

    /// Lines whose value follows from other options where it is not given.
    private static let following: Set<String> = [
        "binding_protocol", "chunk_size", "eviction", "growth_factor", "num_threads_per_udp", "slab_chunk_max",
        "tcpport",
    ]
}

extension ServerSettings {
    /// With nothing given but what `SettingsReport.following` follows from.
    fileprivate var implied: ServerSettings {
        var implied = ServerSettings()
        implied.memoryBytes = memoryBytes
        implied.itemBytesMax = itemBytesMax
        implied.isMemcachedMode = isMemcachedMode
        implied.wantsWholePages = wantsWholePages
        implied.evicts = evicts
        implied.threadCount = threadCount
        implied.listenAddresses = listenAddresses
        if authFilePath != nil { implied.protocolName = "ascii" }
        if udpPort != 0, !isTCPPortGiven { implied.tcpPort = udpPort }
        return implied
    }
}
