import LoadEngine
import LoadWorkload

/// What the scenario is to do.
package struct DatabaseSettings: Sendable {
    package enum Choice: Sendable, CaseIterable {
        /// PostgreSQL where it is installed, else SQLite.
        case auto
        case postgres
        case sqlite
    }

    package var choice = Choice.auto
    /// Where PostgreSQL's server programs are looked for, and its client library.
    package var postgresFolders = PostgresInstallation.usualFolders
    package var postgresLibrary = PostgresLibrary.usualName

    /// The cache: where it is, or a command with `{port}` or `{socket}` that starts it.
    package var cache: CachePlace
    package var clientCount = 16
    package var seconds = 5.0
    package var warmUpSeconds = 1.0
    package var seed: UInt64 = 1
    /// Whether every value is stored in the cache before it is asked, as after hours rather than seconds of service.
    package var fillsCache = false

    package var keyCount: UInt64 = 50_000
    package var popularity = Popularity(.zipf(exponent: 0.99))
    package var sizes = Sizes.fixed(1000)
    /// Rows that a query gathers for one value.
    package var rowsPerValue = 1
    /// Further milliseconds that each query takes: a database farther away, or more to compute.
    package var delayMilliseconds = 0.0
    /// What is stored in the cache lives for so long.
    package var secondsToLive: UInt32 = 300

    /// The stampede: how often the hot key's row changes, and for how long; 0 seconds leaves it out.
    package var expiryMilliseconds = 100.0
    package var stampedeSeconds = 5.0
    /// What a client does between two requests for the hot key. Without a pause the clients would fight with the
    /// database for the processor, and that would be measured.
    package var pauseMilliseconds = 1.0

    /// What keys begin with in the cache; nil: something new, so that what an earlier run left is not found.
    package var keyPrefix: String?
    /// Within so many seconds each answer of the cache must come.
    package var answerSecondsMax = 10

    package init(cache: CachePlace) { self.cache = cache }

    package static let clientCountMax = 500
    package static let keyCountMax: UInt64 = 100_000_000

    /// Throws a sentence that names the first setting that cannot be.
    package func check() throws(LoadError) {
        try check(1...Self.clientCountMax, clientCount, "clients")
        try check(1...Self.keyCountMax, keyCount, "keys")
        try check(1...RowTable.partCountMax, rowsPerValue, "rows per value")
        try check(0.05...86_400, seconds, "seconds")
        try check(0...86_400, warmUpSeconds, "warm-up seconds")
        try check(0...60_000, delayMilliseconds, "delay in milliseconds")
        try check(1...60_000, expiryMilliseconds, "expiry interval in milliseconds")
        try check(0...86_400, stampedeSeconds, "seconds of the stampede")
        try check(0...60_000, pauseMilliseconds, "pause in milliseconds")
        // More would be a date to the cache.
        try check(1...2_592_000, secondsToLive, "seconds to live")
        guard stampedeSeconds == 0 || stampedeSeconds * 1000 >= expiryMilliseconds else {
            throw .usage(
                "A stampede of \(stampedeSeconds) s has no expiry, when there is one each \(expiryMilliseconds) ms.")
        }
    }

    private func check<Number: Comparable>(
        _ range: ClosedRange<Number>, _ number: Number, _ name: String
    ) throws(LoadError) {
        guard range.contains(number) else {
            throw .usage("\(number) \(name) cannot be: expected \(range.lowerBound) to \(range.upperBound).")
        }
    }
}

/// Where the cache comes from.
package enum CachePlace: Sendable {
    case address(ServerAddress)
    /// A server that is started for the scenario, and ended with it.
    case command(ServerTemplate)

    /// A text with a space or a place in braces is a command.
    package init(parsing text: String) throws(LoadError) {
        guard text.contains(" ") || text.contains("{") else {
            self = .address(try ServerAddress(parsing: text))
            return
        }
        do throws(ComparisonError) {
            self = .command(try ServerTemplate(name: nil, command: text))
        } catch {
            throw LoadError(error)
        }
    }
}
