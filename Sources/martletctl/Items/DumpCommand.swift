import ArgumentParser

/// `martletctl dump`
struct DumpCommand: ParsableCommand, BytesCommand {
    static let configuration = CommandConfiguration(
        commandName: "dump",
        abstract: "Writes all items of servers to a file, or straight to other servers.",
        discussion: """
            Values, flags and remaining lives; what is stored meanwhile may be missing.
            FILE.part is written, and becomes FILE when it is whole: what was there before
            stays until then. To standard output: -.
            A dump that was interrupted goes on with --resume, or begins if there is none:
            what the file has already is not asked for again, which takes some 40 bytes of
            memory for each item in it. Servers and filter have to be the same. With --to
            all is asked for again, and stored where nothing is.
            Reading items does not make them newer, but counts as hits.
            What the other servers refuse (too large for them) is named and left out, and
            the exit status says so.
            The file is only readable by you: values are secrets.
            """
    )

    @OptionGroup var servers: ServerOptions
    @OptionGroup var filter: KeyFilter

    @Argument(help: "The file to write; - for standard output.")
    var file: String?

    @Option(
        name: .customLong("to"),
        help: ArgumentHelp("Servers to store the items in, in place of a file.", valueName: "host[:port],..."),
        transform: { try AddressList($0) })
    var target: AddressList?

    @Flag(help: "Goes on with what was interrupted.")
    var resume = false

    @Flag(help: "With --resume: goes on with a dump that was begun more than a day ago.")
    var force = false

    @Flag(help: "With --to: reads each item back and compares.")
    var verify = false

    @Flag(name: .shortAndLong, help: "Says nothing while it works.")
    var quiet = false

    var argumentBytes: [ArgumentBytes] { filter.argumentBytes }

    func validate() throws {
        guard file != nil || target != nil else { throw ValidationError("either a file or --to is needed") }
        guard file == nil || target == nil else { throw ValidationError("a file and --to exclude each other") }
        guard !(resume && file == "-") else { throw ValidationError("--resume needs a file that can be read") }
        guard !force || (resume && target == nil) else { throw ValidationError("--force goes with --resume of a file") }
        guard !verify || target != nil else { throw ValidationError("--verify goes with --to") }
        guard !(verify && resume) else { throw ValidationError("--verify cannot tell what was there before --resume") }
    }

    func run() throws {
        if let target { try copy(to: target) } else { try write(to: file ?? "-") }
    }

    private func write(to path: String) throws {
        var known = KnownKeys()
        var whole = DumpProgress()
        let unfinished = resume ? FileOutput.unfinished(path) : nil
        if let unfinished { whole = try read(unfinished.path, &known) }
        // Makes nothing before there is something to write: a server that is not there costs no dump.
        var writer = try DumpWriter(path: path, of: source, behind: whole, now: WallClock.seconds)
        if whole.isComplete {
            // It may have been interrupted before it got its name.
            if unfinished?.isBeside == true { try writer.finish() }
            StandardError.write("\(path) is complete: \(whole.items) items")
            return
        }
        var progress = ProgressLine(isQuiet: quiet)
        var left = ItemStream.Left()
        for address in servers.addresses {
            let stream = ItemStream(address: address, options: servers, filter: filter)
            left += try stream.forEachBatch(skipping: known) { items in
                let now = WallClock.seconds
                for item in items { try writer.append(item, now: now) }
                try writer.flush()
                progress.add(items.count, bytes: items.reduce(0) { $0 + $1.value.count })
            }
        }
        try writer.finish()
        progress.end("\(writer.items) items, \(Quantity.bytes(writer.bytes)) in \(path)\(left)")
        if left.unaskableCount > 0 { throw ExitCode(1) }
    }

    /// How far an interrupted dump is whole, and the keys in it.
    private func read(_ path: String, _ known: inout KnownKeys) throws -> DumpProgress {
        var reader = try DumpReader(path: path)
        if let origin = reader.origin { try check(origin, path) }
        while let (item, _) = try reader.next() { known.insert(item.key) }
        guard !reader.progress.isFurther else {
            throw CacheFailure("\(path) has several dumps: --resume goes on with one")
        }
        return reader.progress
    }

    /// Whether the dump may go on: with items of other servers, or of long ago, it would be none of these servers now.
    private func check(_ origin: DumpOrigin, _ path: String) throws {
        let own = DumpHead.told(source)
        if let other = origin.source, other != own {
            throw CacheFailure("\(path) was begun with \(other), and not with \(own): it cannot go on")
        }
        let age = WallClock.seconds - origin.seconds
        if age > Self.resumableSecondsMax, !force {
            throw CacheFailure("\(path) was begun \(Quantity.seconds(age)) ago: only --force goes on with it")
        }
    }

    private static let resumableSecondsMax = 24 * 60 * 60

    /// What is dumped, in words that a person knows.
    private var source: String {
        "-s \(servers.addresses.map(\.description).joined(separator: ","))\(filter.words)"
    }

    private func copy(to target: AddressList) throws {
        var options = servers
        options.list = target
        let sink = try ItemTarget(options, resume ? .add : .set, verifies: verify)
        var progress = ProgressLine(isQuiet: quiet)
        var left = ItemStream.Left()
        for address in servers.addresses {
            let stream = ItemStream(address: address, options: servers, filter: filter)
            left += try stream.forEachBatch(skipping: KnownKeys()) { items in
                try sink.store(items)
                progress.add(items.count, bytes: items.reduce(0) { $0 + $1.value.count })
            }
        }
        try sink.finish()
        progress.end("\(sink.summary)\(left)")
        if !sink.isAllThere || left.unaskableCount > 0 { throw ExitCode(1) }
    }
}

/// `martletctl load`
struct LoadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load",
        abstract: "Stores the items of a dump.",
        discussion: """
            Each goes to the server that clients would ask for it. What has expired since
            the dump is left out, and the other lives are shorter by the time since.
            With --resume what is there already stays: a load that was interrupted goes
            on, and newer values are not overwritten.
            """
    )

    @OptionGroup var servers: ServerOptions

    @Argument(help: "The dump; - for standard input.")
    var file: String

    @Flag(help: "Stores only what is not there.")
    var resume = false

    @Flag(help: "Reads each item back and compares.")
    var verify = false

    @Flag(name: .shortAndLong, help: "Says nothing while it works.")
    var quiet = false

    func validate() throws {
        guard !(verify && resume) else { throw ValidationError("--verify cannot tell what was there before --resume") }
    }

    func run() throws {
        var reader = try DumpReader(path: file)
        let sink = try ItemTarget(servers, resume ? .add : .set, verifies: verify)
        var progress = ProgressLine(isQuiet: quiet)
        var batch = ItemBatch()
        var expiredCount = 0
        func store() throws {
            let stored = batch
            batch = ItemBatch()
            try sink.store(stored.items)
            progress.add(stored.items.count, bytes: stored.bytes)
        }
        while let (item, expiry) = try reader.next() {
            var life: Int?
            if let expiry {
                let left = expiry - WallClock.seconds
                guard left > 0 else {
                    expiredCount += 1
                    continue
                }
                life = left
            }
            batch.append(CacheItem(key: item.key, value: item.value, flags: item.flags, ttlSeconds: life))
            if batch.isFull { try store() }
        }
        try store()
        try sink.finish()
        progress.end(sink.summary + (expiredCount > 0 ? ", \(expiredCount) expired since the dump" : ""))
        guard reader.progress.isComplete else {
            throw CacheFailure("\(file) is incomplete: it was interrupted behind \(reader.progress.allItems) items")
        }
        if !sink.isAllThere { throw ExitCode(1) }
    }
}

extension ItemStream.Left: CustomStringConvertible {
    /// Behind a summary.
    var description: String {
        (goneCount > 0 ? ", \(goneCount) expired or went meanwhile" : "")
            + (unaskableCount > 0 ? ", \(unaskableCount) left: the meta commands have no word for their keys" : "")
    }
}

extension ItemTarget {
    var isAllThere: Bool { lostCount + refusedCount == 0 }

    var summary: String {
        var text = "\(storedCount) items stored"
        if keptCount > 0 { text += ", \(keptCount) were there already" }
        if verifiedCount > 0 { text += ", \(verifiedCount) read back and equal" }
        if refusedCount > 0 { text += ", \(refusedCount) refused" }
        if lostCount > 0 { text += ", \(lostCount) gone again (evicted?)" }
        return text
    }
}
