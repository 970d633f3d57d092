import MartletStore

/// The options, in the order in which help texts list them. Sub-options of `-o` are in `OptionTable+Extended.swift`.
///
/// To add an option: a stored property with its default in `ServerSettings`, a row here, and `./martlet docs` for
/// `docs/options.md`. A value that `stats settings` shows has its line in `SettingsReport`.
package enum OptionTable {
    package static let options: [Option] =
        listening + limits + memory + commands + access + encryption + cluster + operators + running + printing
        + notOffered

    private static let listening: [Option] = [
        Option(
            "port", "p", .number(\.tcpPort, -1...65535), "<num>", setting: "tcpport", status: ExitStatus.usage,
            help: "TCP port; 0 for none, -1 for a free one"),
        Option(
            "udp-port", "U", .number(\.udpPort, -1...65535), "<num>",
            setting: "udpport", status: ExitStatus.usage,
            help: "UDP port, 0 for none, -1 for a free one; also moves the TCP port if that is not given"),
        Option(
            "unix-socket", "s", .file(\.unixSocketPath), "<file>", setting: "domain_socket",
            help: "Unix socket to listen on, in place of all TCP listeners"),
        Option(
            "unix-mask", "a", .octal(\.unixSocketMode, 0...0o7777), "<mask>", setting: "umask",
            help: "permission bits of the Unix socket, in octal"),
        Option(
            "listen", "l", .texts(\.listenAddresses), "<addr>", setting: "inter",
            help:
                "host, host:port, [v6]:port or *; a list, or repeated; 0.0.0.0 opens it"),
        Option(
            "listen-backlog", "b", .number(\.listenBacklog, 0...Int(Int32.max)), "<num>", setting: "tcp_backlog",
            help: "connections the kernel may keep waiting"),
        Option(
            "protocol", "B", .choice(\.protocolName, ["auto", "ascii", "binary"]), "<name>",
            setting: "binding_protocol", status: ExitStatus.usage,
            help: "auto, ascii or binary: what clients speak; auto tells by the first byte"),
    ]

    private static let limits: [Option] = [
        Option(
            "conn-limit", "c", .number(\.connectionsMax, 1...Int(Int32.max)), "<num>", setting: "maxconns",
            help: "simultaneous connections; also raises the limit of open files"),
        Option(
            "threads", "t", .number(\.threadCount, 1...255), "<num>", setting: "num_threads",
            help: "worker threads; more than the machine has processors gains nothing"),
        Option(
            "max-reqs-per-event", "R", .number(\.commandsPerTurn, 1...Int(Int32.max)), "<num>",
            setting: "reqs_per_event",
            help: "commands of a connection before the others get their turn"),
    ]

    private static let memory: [Option] = [
        Option(
            "memory-limit", "m", .number(\.memoryBytes, 1...(256 << 10), scale: 1 << 20), "<num>",
            setting: "maxbytes", status: ExitStatus.usage,
            help: "megabytes for everything the cache holds: items, table and bookkeeping"),
        Option(
            "disable-evictions", "M", .off(\.evicts), setting: "evictions",
            help: "when memory is full, refuse to store in place of evicting"),
        Option(
            "eviction", nil, .choice(\.evictionName, EvictionPolicy.allCases.map(\.name)), "<policy>",
            setting: "eviction",
            help: "martlet, segmented (as memcached), lru, lfu, fifo, ttl, random or none"),
        Option(
            "max-item-size", "I", .size(\.itemBytesMax, 0...(4 << 30)), "<size>", setting: "item_size_max",
            status: ExitStatus.usage,
            help: "largest item in bytes, or with k or m: 1k to 1024m, at most half of -m"),
        Option(
            "slab-growth-factor", "f", .fraction(\.growthFactor, above: 1, upTo: 1000), "<num>",
            setting: "growth_factor",
            help: "growth of chunks from class to class; from -m 256 on 1.03 unless given"),
        Option(
            "slab-min-size", "n", .number(\.chunkSpaceBytesMin, 1...(1 << 20)), "<bytes>", setting: "chunk_size",
            help: "least space of a chunk for key, value and flags"),
        Option(
            "lock-memory", "k", .on(\.locksMemory),
            help: "keep the cache's memory from being swapped out"),
        Option(
            "memory-file", "e", .file(\.memoryFilePath), "<file>", setting: "memory_file",
            help: "keep items in this file, best on a tmpfs, over a restart by SIGUSR1"),
        Option(
            "enable-largepages", "L", .ignored,
            standing: .withoutMeaning("Huge pages are asked for whenever the system offers them."),
            help: "use large memory pages"),
    ]

    private static let commands: [Option] = [
        Option("disable-cas", "C", .off(\.issuesTokens), setting: "cas_enabled", help: "no CAS tokens"),
        Option("disable-flush-all", "F", .off(\.allowsFlush), setting: "flush_enabled", help: "refuse flush_all"),
        Option(
            "disable-dumping", "X", .off(\.allowsDump), setting: "dump_enabled",
            help: "refuse stats cachedump, stats detail and lru_crawler metadump"),
        Option(
            "D", "D", .byte(\.prefixDelimiter, alsoSets: \.countsPrefixes), "<char>", setting: "stat_key_prefix",
            help: "what ends a key's prefix in stats detail, which this also turns on"),
        Option("disable-watch", "W", .off(\.allowsWatch), help: "refuse watch"),
        Option(
            "disable-verbosity", nil, .off(\.allowsVerbosity), help: "refuse verbosity: only -v says what is logged"),
        Option(
            "enable-shutdown", "A", .on(\.allowsShutdown), setting: "shutdown_command",
            help: "allow the shutdown command"),
        Option("extended", "o", .extended, "<list>", help: "comma-separated further options, listed below"),
    ]

    private static let access: [Option] = [
        Option(
            "auth-file", "Y", .file(\.authFilePath), "<file>", setting: "auth_enabled_ascii",
            help: "file of user:password lines; clients have to log in, in the ascii protocol")
    ]

    private static let cluster: [Option] = [
        Option(
            "cluster-nodes", nil, .texts(\.clusterNodes), "<list>", status: ExitStatus.usage,
            help: "servers that config get cluster tells, each as host|address|port or host:port"),
        Option(
            "cluster-file", nil, .file(\.clusterFilePath), "<file>", status: ExitStatus.usage,
            help: "file with such servers, one a line, looked at again every second"),
    ]

    private static let operators: [Option] = [
        Option(
            "admin", nil, .text(\.adminAddress), "<addr>", status: ExitStatus.usage,
            help: "serve metrics and a dashboard over HTTP: port, host:port or *:port; a port is on the loopback"),
        Option(
            "admin-token-file", nil, .file(\.adminTokenPath), "<file>", status: ExitStatus.usage,
            help: "file with the word that whoever asks there has to know"),
        Option(
            "top-keys", nil, .on(\.samplesKeys),
            help: "find out which keys are asked for most, and tell it there; keys may be personal"),
        Option(
            "slow-request", nil, .number(\.slowRequestMilliseconds, 1...60_000), "<milliseconds>",
            status: ExitStatus.usage, help: "tell there of requests that take so long"),
    ]

    private static let encryption: [Option] = [
        Option(
            "enable-ssl", "Z", .on(\.tls.isEnabled), setting: TLSLibrary.isThere ? "ssl_enabled" : nil,
            isHidden: !TLSLibrary.isThere,
            help: "serve TCP over TLS; notls:, btls: or mtls: in front of an address of -l changes it")
    ]

    private static let running: [Option] = [
        Option("daemon", "d", .on(\.isDaemon), help: "run in the background"),
        Option(
            "pidfile", "P", .file(\.pidFilePath), "<file>",
            help: "write the process id to this file, removed at the end"),
        Option(
            "user", "u", .text(\.userName), "<name>", status: ExitStatus.usage,
            help: "user to become when started by root"),
        Option(
            "enable-coredumps", "r", .on(\.raisesCoreLimit),
            help: "raise the limit of core files; none is written otherwise"),
        Option(
            "container", nil, .on(\.isContainer),
            help: "listen everywhere unless -l or -s, and without -m take what the memory limit leaves"),
        Option(
            "napi-ids", "N", .number(\.napiIdCount, 1...1024), "<num>",
            standing: .withoutMeaning("Connections are spread over the workers evenly."), setting: "num_napi_ids",
            help: "number of NAPI ids, at most the number of threads"),
        Option(
            "verbose", "v", .counted(\.verbosity), setting: "verbosity",
            help: "say more on stderr; -vv still more, -vvv no more than that"),
    ]

    private static let printing: [Option] = [
        Option("help", "h", .print(.help), help: "print this text"),
        Option("license", "i", .print(.license), help: "print the license"),
        Option("version", "V", .print(.version), help: "print the version"),
        Option(
            "healthcheck", nil, .on(\.checksHealth),
            help: "ask the running server these options describe, or the one in this container; exit 0 if it answers"),
        Option(
            "hash-password", nil, .print(.hashedPasswords),
            help: "read lines as -Y wants them, print them with the passwords hashed"),
    ]

    private static let notOffered: [Option] = [
        notOffered("enable-sasl", "S", takesArgument: false, because: "SASL is not offered in this version.")
    ]

    static func notOffered(
        _ name: String, _ letter: Character? = nil, takesArgument: Bool = true, isExtended: Bool = false,
        because sentence: String
    ) -> Option {
        Option(
            name, letter, takesArgument ? .ignoredText : .ignored, standing: .notOffered(sentence),
            status: ExitStatus.usage, isHidden: true, isExtended: isExtended, help: sentence)
    }
}
