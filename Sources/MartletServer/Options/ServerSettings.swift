import MartletStore

/// Everything that is decided at the start: what the command line says, with the defaults where it says nothing.
///
/// A value, filled in by `CommandLineParser` from the rows of `OptionTable` and not changed afterwards; what can change
/// while the server runs (verbosity, the memory limit) lives with the part that changes it. A default is written here
/// and nowhere else: `-h`, `docs/options.md` and `stats settings` read it from a fresh value of this type.
package struct ServerSettings: Sendable {
    // MARK: Where to listen

    /// TCP port; 0 for none, -1 for one that the system picks.
    package var tcpPort = 11211
    /// Whether `-p` was given; without it a `-U` moves the TCP port along.
    package var isTCPPortGiven = false
    /// UDP port; 0 for none, -1 for one that the system picks.
    package var udpPort = 0
    /// Path of the Unix socket, which replaces all TCP listeners.
    package var unixSocketPath: String?
    /// Permission bits of the Unix socket.
    package var unixSocketMode = 0o700
    /// What `-l` lists; empty for the default, which is `defaultListenAddresses`.
    package var listenAddresses: [String] = []
    package static let defaultListenAddresses = ["127.0.0.1", "[::1]"]
    /// Connections the kernel may keep waiting.
    package var listenBacklog = 1024
    /// `auto`, `ascii` or `binary`.
    package var protocolName = "auto"
    /// Whether `-B` was given: then it has to suit the other options.
    package var isProtocolGiven = false

    // MARK: TLS

    package var tls = TLSSettings()
    /// Of a TCP listener whose address says nothing else.
    package var standardSecurity: ListenerSecurity { tls.isEnabled ? .standard : .plain }

    // MARK: Connections

    package var connectionsMax = 1024
    /// Over the limit a new connection is told so and closed; otherwise accepting pauses.
    package var rejectsOverLimit = true
    /// Connections of one address; 0 for any number.
    package var connectionsPerAddressMax = 0
    package var threadCount = 4
    /// Commands of one connection before the others get their turn.
    package var commandsPerTurn = Limits.commandsPerTurnDefault
    /// Seconds after which an idle connection is closed; 0 for never.
    package var idleTimeoutSeconds = 0
    /// Bytes all connection buffers together may take; 0 for `Limits.connectionBufferBytesDefault`.
    package var connectionBufferBytesMax = 0
    /// Whether what one client may have answered at a time is bounded, too (ReplyShare.swift).
    package var boundsReplies = false
    /// `read_buf_mem_limit`: both.
    var readBufferLimitBytes: Int {
        get { connectionBufferBytesMax }
        set {
            connectionBufferBytesMax = newValue
            boundsReplies = newValue > 0
        }
    }

    // MARK: Memory

    /// Everything the cache holds, table and bookkeeping included.
    package var memoryBytes = 64 << 20
    package var evicts = true
    /// An `EvictionPolicy` by name.
    package var evictionName = EvictionPolicy.martlet.name
    /// Largest item, header included.
    package var itemBytesMax = 1 << 20
    /// What `-f` says. Without it memory decides: finer classes round sizes up by less, and each wants a page or two.
    package var growthFactor: Double {
        get {
            if isMemcachedMode { return growthFactorGiven ?? SlabGeometry.memcachedGrowthFactor }
            return growthFactorGiven ?? (memoryBytes < 256 << 20 ? 1.05 : 1.03)
        }
        set { growthFactorGiven = newValue }
    }
    private var growthFactorGiven: Double?
    /// Least space of a chunk for key, value and client flags.
    package var chunkSpaceBytesMin: Int {
        get { chunkSpaceBytesMinGiven ?? (isMemcachedMode ? SlabGeometry.memcachedSpaceBytesMin : 1) }
        set { chunkSpaceBytesMinGiven = newValue }
    }
    private var chunkSpaceBytesMinGiven: Int?
    /// Chunk sizes given one by one; empty when they follow from the growth factor.
    package var slabSizes: [Int] = []
    /// Largest chunk asked for; larger items are chains. `nil` leaves it to the page size.
    package var slabChunkBytesMax: Int?
    /// Largest chunk when nothing is asked for: half a page, or as in memcached 1.4 a whole one.
    package var slabChunkBytesUsual: Int {
        guard isMemcachedMode else { return memoryBytes <= 1 << 30 ? 32 << 10 : 128 << 10 }
        let isWhole = wantsWholePages && itemBytesMax <= SlabGeometry.memcachedPageBytes
        return isWhole ? SlabGeometry.memcachedPageBytes : SlabGeometry.memcachedPageBytes / 2
    }
    /// Of `no_modern`.
    package var wantsWholePages = false
    /// memcached's pages, classes, accounting, segments and page moves.
    package var isMemcachedMode = false
    /// With `isMemcachedMode` and test commands: bytes that count as used from the start.
    package var presetBytes = 0
    /// Seconds: items that live shorter get a segment of their own; `nil` without one.
    package var temporaryTTLSeconds: Int?
    /// What `stats settings` shows without one.
    package static let temporaryTTLSecondsUsual = 61
    package var locksMemory = false
    /// The file that items are kept in, to be there after a restart.
    package var memoryFilePath: String?
    /// Each item bears a proof that it is whole, so that a restart nobody planned finds it, too.
    package var sealsItems = false

    // MARK: Commands

    package var issuesTokens = true
    package var allowsFlush = true
    package var allowsDump = true
    package var allowsWatch = true
    package var allowsVerbosity = true
    package var allowsShutdown = false
    /// Commands are counted by key prefix from the start (`stats detail on`).
    package var countsPrefixes = false
    /// What ends a key's prefix.
    package var prefixDelimiter = UInt8(ascii: ":")
    /// `stats sizes` counts.
    package var tracksSizes = false
    /// Commands that move the clock by hand, for test suites.
    package var allowsTestCommands = false

    // MARK: Who may use it

    /// A file of users and passwords; without one everybody may.
    package var authFilePath: String?

    // MARK: The cluster

    /// What `config get cluster` tells, one `TopologyNode` each; none without it.
    package var clusterNodes: [String] = []
    /// A file with them, in place of the list.
    package var clusterFilePath: String?

    // MARK: For operators

    /// Where the admin endpoint listens; none without it.
    package var adminAddress: String?
    /// A file with the word that requests to it have to bear.
    package var adminTokenPath: String?
    /// Which keys are asked for most is found out, and told.
    package var samplesKeys = false
    /// A turn of a connection that takes so long is told of.
    package var slowRequestMilliseconds = 10

    // MARK: The process

    /// Whether the process is to ask a running server how it is, in place of being one.
    package var checksHealth = false
    /// Whether it is the process of a container: open to all addresses, as large as the container lets it.
    package var isContainer = false
    package var isDaemon = false
    package var pidFilePath: String?
    package var userName: String?
    package var raisesCoreLimit = false
    package var verbosity = 0

    // MARK: Kept and shown, without meaning here

    package var hashAlgorithm = "keyed"
    package var hashPowerInitial = 0
    package var slabReassign = true
    package var slabAutomove = 1
    package var slabAutomoveRatio = 0.8
    package var slabAutomoveFreeRatio = 0.01
    package var slabAutomoveWindowSeconds = 10
    package var lruCrawler = true
    package var lruCrawlerSleepMicroseconds = 100
    package var lruCrawlerItemsMax = 0
    package var lruMaintainer = true
    package var lruSegmented = true
    package var hotPercent = 20
    package var warmPercent = 40
    package var hotFactorMax = 0.2
    package var warmFactorMax = 2.0
    package var tailRepairSeconds = 0
    package var watcherBufferBytes = 256 << 10
    package var workerLogBufferBytes = 64 << 10
    package var napiIdCount = 0

    package init() {}

    /// What `--eviction` and `-M` come to.
    package var eviction: EvictionPolicy {
        if evicts, isMemcachedMode { return .segmented }
        return evicts ? EvictionPolicy(name: evictionName) ?? .martlet : .none
    }

    /// The addresses to listen on, the default written out.
    package var effectiveListenAddresses: [String] {
        listenAddresses.isEmpty ? Self.defaultListenAddresses : listenAddresses
    }
}
