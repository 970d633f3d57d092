import ArgumentParser

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// `martletctl top`
struct TopCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top",
        abstract: "Shows what servers are doing, again and again.",
        discussion: """
            A line for each server and one for all. Ctrl-C ends it. All are asked at
            once; one that does not answer stays in the list and is asked again. share
            is what the ring gives it of the keys, beside its share of the look-ups: a
            hot key shows there.
            """
    )

    @OptionGroup var servers: ServerOptions
    @OptionGroup var output: OutputOptions

    @Option(name: .shortAndLong, help: ArgumentHelp("Seconds between two looks.", valueName: "seconds"))
    var interval = 1.0

    @Option(name: .shortAndLong, help: ArgumentHelp("Ends after so many looks.", valueName: "looks"))
    var number: Int?

    func validate() throws {
        guard interval >= 0.1, interval <= 3600 else { throw ValidationError("--interval is between 0.1 and 3600") }
        if let number, number < 1 { throw ValidationError("--number is at least 1") }
    }

    func run() throws {
        let options = servers
        var watched = options.addresses.map { WatchedServer($0, options) }
        let shares = servers.addresses.count > 1 ? servers.ring.shares : [1]
        let isLive = isatty(1) == 1 && !output.json
        watched = Crowd.ask(watched) { $0.afterLook() }
        var looks = 0
        while true {
            usleep(UInt32(interval * 1e6))
            watched = Crowd.ask(watched) { $0.afterLook() }
            looks += 1
            let isRead: Bool
            if output.json {
                isRead = try StandardOutput.writeLine(watched.map { "\($0.json)" }.joined(separator: "\n"))
            } else {
                let table = Self.table(watched, shares)
                isRead = try StandardOutput.writeLine(isLive ? "\u{1B}[H\u{1B}[2J\(table)" : "\(table)\n")
            }
            if !isRead { return }
            if let number, looks >= number { return }
        }
    }

    static func table(_ servers: [WatchedServer], _ shares: [Double]) -> TextTable {
        var table = TextTable([
            "server", "up", "items", "memory", "hit", "get/s", "set/s", "other/s", "evict/s", "in/s", "out/s", "conns",
            "share", "asked",
        ])
        let sum = servers.compactMap(\.change).reduce(ServerChange()) { $0 + $1 }
        for (server, share) in zip(servers, shares) {
            guard let now = server.latest, let change = server.change else {
                table.append([server.address.description, server.reason ?? "..."] + [String](repeating: "", count: 12))
                continue
            }
            table.append(
                [server.address.description, Quantity.seconds(now.uptime)] + cells(now, change)
                    + [Quantity.share(share, 1), Quantity.share(change.gets, sum.gets)])
        }
        if servers.count > 1 {
            let all = servers.compactMap(\.latest).reduce(ServerCounts()) { $0 + $1 }
            table.append(["all \(servers.count)", ""] + cells(all, sum) + ["", ""])
        }
        return table
    }

    private static func cells(_ now: ServerCounts, _ change: ServerChange) -> [String] {
        [
            Quantity.count(Double(now.items)), Quantity.share(Double(now.bytes), Double(now.limitBytes)),
            Quantity.share(change.hits, change.gets), Quantity.count(change.gets), Quantity.count(change.sets),
            Quantity.count(change.others), Quantity.count(change.evictions), Quantity.bytes(change.bytesRead),
            Quantity.bytes(change.bytesWritten), String(now.connections),
        ]
    }
}

/// A server that is looked at again and again.
struct WatchedServer {
    private let connection: LastingConnection
    private(set) var latest: ServerCounts?
    private(set) var change: ServerChange?
    /// Why there is nothing.
    private(set) var reason: String?

    init(_ address: ServerAddress, _ options: ServerOptions) { connection = LastingConnection(address, options) }

    var address: ServerAddress { connection.address }

    /// What is known after the next look.
    func afterLook() -> WatchedServer {
        var server = self
        do {
            let now = try connection.ask { ServerCounts(try $0.statistics(), at: WallClock.precise) }
            // A server that was started anew counts from 0.
            server.change = latest.flatMap { $0.uptime <= now.uptime ? ServerChange(from: $0, to: now) : nil }
            server.latest = now
            server.reason = nil
        } catch {
            server.latest = nil
            server.change = nil
            server.reason = "down: \(error)"
        }
        return server
    }

    var json: JSONLine {
        guard let now = latest, let change else {
            return .members([("server", .text(address.description)), ("error", .text(reason ?? ""))])
        }
        return .members([
            ("server", .text(address.description)), ("time", .fraction(now.time)), ("uptime", .number(now.uptime)),
            ("items", .number(now.items)), ("bytes", .number(now.bytes)), ("limit_bytes", .number(now.limitBytes)),
            ("connections", .number(now.connections)),
            ("hit_ratio", change.gets > 0 ? .fraction(change.hits / change.gets) : .null),
            ("gets_per_second", .fraction(change.gets)), ("sets_per_second", .fraction(change.sets)),
            ("others_per_second", .fraction(change.others)), ("evictions_per_second", .fraction(change.evictions)),
            ("bytes_read_per_second", .fraction(change.bytesRead)),
            ("bytes_written_per_second", .fraction(change.bytesWritten)),
        ])
    }
}

/// What `stats` tells of a server.
struct ServerCounts {
    var time = 0.0
    var uptime = 0
    var items = 0
    var bytes = 0
    var limitBytes = 0
    var connections = 0
    var gets = 0
    var hits = 0
    var sets = 0
    var others = 0
    var evictions = 0
    var bytesRead = 0
    var bytesWritten = 0

    init() {}

    init(_ rows: [(name: String, value: String)], at time: Double) {
        let values = Dictionary(rows.map { ($0.name, $0.value) }) { first, _ in first }
        func number(_ name: String) -> Int {
            min(max(values[name].flatMap { Int($0) } ?? 0, 0), Self.countMax)
        }
        self.time = time
        uptime = number("uptime")
        items = number("curr_items")
        bytes = number("bytes")
        limitBytes = number("limit_maxbytes")
        connections = number("curr_connections")
        gets = number("cmd_get")
        hits = number("get_hits")
        sets = number("cmd_set")
        others = [
            "delete_hits", "delete_misses", "incr_hits", "incr_misses", "decr_hits", "decr_misses", "touch_hits",
            "touch_misses", "cmd_flush",
        ].reduce(0) { $0 + number($1) }
        evictions = number("evictions")
        bytesRead = number("bytes_read")
        bytesWritten = number("bytes_written")
    }

    /// More is not believed: so sums of thousands of servers are numbers, too.
    private static let countMax = 1 << 50

    static func + (one: ServerCounts, other: ServerCounts) -> ServerCounts {
        var sum = one
        for field in [\ServerCounts.items, \.bytes, \.limitBytes, \.connections] {
            sum[keyPath: field] += other[keyPath: field]
        }
        return sum
    }
}

/// Rates between two looks.
struct ServerChange {
    var gets = 0.0
    var hits = 0.0
    var sets = 0.0
    var others = 0.0
    var evictions = 0.0
    var bytesRead = 0.0
    var bytesWritten = 0.0

    init() {}

    init(from earlier: ServerCounts, to later: ServerCounts) {
        let seconds = max(later.time - earlier.time, 0.001)
        func rate(_ field: KeyPath<ServerCounts, Int>) -> Double {
            max(0, Double(later[keyPath: field] - earlier[keyPath: field])) / seconds
        }
        for (field, count) in Self.fields { self[keyPath: field] = rate(count) }
    }

    /// Each rate with the count it is of.
    private static var fields: [(rate: WritableKeyPath<ServerChange, Double>, count: KeyPath<ServerCounts, Int>)] {
        [
            (\.gets, \.gets), (\.hits, \.hits), (\.sets, \.sets), (\.others, \.others), (\.evictions, \.evictions),
            (\.bytesRead, \.bytesRead), (\.bytesWritten, \.bytesWritten),
        ]
    }

    static func + (one: ServerChange, other: ServerChange) -> ServerChange {
        var sum = one
        for (field, _) in fields { sum[keyPath: field] += other[keyPath: field] }
        return sum
    }
}
