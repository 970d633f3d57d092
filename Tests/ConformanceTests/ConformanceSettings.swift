import MartletServer

/// How servers under test are started.
enum ConformanceSettings {
    struct Refused: Error { let words: [String] }

    /// The settings that a command line gives.
    static func parse(_ words: [String]) throws -> ServerSettings {
        guard case .run(let settings, _) = try CommandLineParser.parse(words) else { throw Refused(words: words) }
        return settings
    }
}
