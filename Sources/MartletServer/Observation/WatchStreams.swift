/// The kinds of events that somebody wants to hear of: what a `watch` command names, and what `stats detail` counts.
package struct WatchStreams: OptionSet, BitwiseCopyable, Sendable {
    package let rawValue: UInt16

    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// Look-ups.
    package static let fetchers = WatchStreams(rawValue: 1 << 0)
    /// Stores.
    package static let mutations = WatchStreams(rawValue: 1 << 1)
    package static let evictions = WatchStreams(rawValue: 1 << 2)
    package static let deletions = WatchStreams(rawValue: 1 << 3)
    package static let connectionEvents = WatchStreams(rawValue: 1 << 4)
    /// What the background threads do.
    package static let systemEvents = WatchStreams(rawValue: 1 << 5)
    /// Names that memcached knows and that nothing is ever told under, there (but with a proxy) or here.
    package static let silent = WatchStreams(rawValue: 1 << 6)
    /// Not a stream: commands are counted by the prefixes of their keys.
    static let prefixes = WatchStreams(rawValue: 1 << 7)
    /// Nor is this: commands and replies are written to stderr (`-vv`).
    static let log = WatchStreams(rawValue: 1 << 8)

    /// The streams that the words behind `watch` name; none means look-ups. Nil if a word is no stream.
    package init?(words: some Collection<String>) {
        var streams: WatchStreams = words.isEmpty ? .fetchers : []
        for word in words {
            guard let stream = Self.named(word) else { return nil }
            streams.formUnion(stream)
        }
        self = streams
    }

    private static func named(_ word: String) -> WatchStreams? {
        switch word {
        case "fetchers": .fetchers
        case "mutations": .mutations
        case "evictions": .evictions
        case "deletions": .deletions
        case "connevents": .connectionEvents
        case "sysevents": .systemEvents
        case "rawcmds", "proxyreqs", "proxyevents", "proxyuser": .silent
        default: nil
        }
    }
}
