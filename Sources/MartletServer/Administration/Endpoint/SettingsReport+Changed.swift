extension SettingsReport {
    /// The lines that differ from those of a server started without options.
    static func changed(_ settings: ServerSettings) -> [(name: String, value: String, usual: String)] {
        let report = SettingsReport(settings: settings, flushSecond: 0)
        let usual = SettingsReport(settings: ServerSettings(), flushSecond: 0)
        return lines.compactMap { line in
            let value = line.value(report), before = line.value(usual)
            return value == before ? nil : (line.name, value, before)
        }
    }
}
