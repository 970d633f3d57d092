import MartletServer

/// How servers under test are started.
enum ConformanceSettings {
    /// Wall time at the start of a clock moved by hand: a day in 2025.
    static let wallSeconds: Int64 = 1_750_000_000

    struct Refused: Error { let words: [String] }

    /// The settings that a command line gives.
    static func parse(_ words: [String]) throws -> ServerSettings {
        guard case .run(let settings, _) = try CommandLineParser.parse(words) else { throw Refused(words: words) }
        return settings
    }
}
