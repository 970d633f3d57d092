/// What a server is told besides its command line.
package struct Surroundings: Sendable {
    /// Variables of the environment.
    package var variables: [String: String]
    /// What the container or service may use; nil without a limit.
    package var memoryLimitBytes: Int?

    /// None: only the command line counts.
    package init(variables: [String: String] = [:], memoryLimitBytes: Int? = nil) {
        self.variables = variables
        self.memoryLimitBytes = memoryLimitBytes
    }

    package static let prefix = "MARTLETD_"
}

/// Options by the environment, and defaults by the container.
///
/// 1. `MARTLETD_<NAME>` stands for the option of that long name or the sub-option of `-o`: `MARTLETD_MEMORY_LIMIT=256`,
///    `MARTLETD_IDLE_TIMEOUT=60`. What takes no argument is on with `1`, `true`, `yes` or `on`, and not with `0`,
///    `false`, `no` or `off`, which is what `no_` and its name says if there is such an option. A variable without a
///    value says nothing.
/// 2. The command line goes first: what it has is not taken from a variable of that name, and what it says otherwise
///    (`no_lru_crawler`, `memcached_mode`) comes later and counts. `MARTLETD_EXTENDED`, the list of `-o`, counts less
///    than the variables of what is in it.
/// 3. A variable that stands for nothing is a mistake, and ends the start as one on the command line does. Those that
///    Kubernetes gives to the containers beside a Service of the name `martletd`, or one that begins so
///    (`martletd-metrics`), are none (`isOfService`).
/// 4. With `--container` the server listens at all addresses unless `-l` or `-s` says something else, and takes for the
///    cache what the container's memory limit leaves unless `-m` does.
extension CommandLineParser {
    /// Rules 1 to 3, before any word is parsed. `words`: the options that the command line has.
    mutating func applyVariables(_ surroundings: Surroundings, besides words: Set<String>) throws(StartError) {
        func rank(_ variable: String) -> Int { variable.uppercased() == Surroundings.prefix + "EXTENDED" ? 0 : 1 }
        for (variable, value) in surroundings.variables.sorted(by: { (rank($0.key), $0.key) < (rank($1.key), $1.key) })
        where variable.hasPrefix(Surroundings.prefix) && !Self.isOfService(variable, value) {
            let name = variable.dropFirst(Surroundings.prefix.count).lowercased()
            guard let option = Self.option(variable: name) else {
                throw StartError("\(variable): there is no such option", status: ExitStatus.usage)
            }
            if isSaid(option, words) { continue }
            do throws(StartError) {
                try applyVariable(option, value)
            } catch {
                throw StartError("\(variable): \(error.message)", status: error.status)
            }
        }
    }

    /// Whether the command line says itself what the option is about: lists and counts would add up otherwise. Of the list
    /// of `-o` that is known of each part only.
    private func isSaid(_ option: Option, _ words: Set<String>) -> Bool {
        if case .extended = option.argument { return false }
        // The policy that the command line names would have no say.
        if option.name == "disable-evictions", words.contains("eviction") { return true }
        return words.contains(option.name)
    }

    /// Whether it is one of the variables by which Kubernetes tells of a Service, `MARTLETD_SERVICE_HOST` and its like
    /// or, as Docker's links were told, `MARTLETD_PORT=tcp://10.0.0.1:11211`. Of the Service `martletd-metrics` they
    /// begin with `MARTLETD_METRICS_`. No option ends so but the two ports, which are no addresses.
    private static func isOfService(_ variable: String, _ value: String) -> Bool {
        let name = variable.dropFirst(Surroundings.prefix.count - 1)
        if name.hasSuffix("_PORT"), ["tcp://", "udp://", "sctp://"].contains(where: value.hasPrefix) { return true }
        guard option(variable: name.dropFirst().lowercased()) == nil else { return false }
        if name.hasSuffix("_SERVICE_HOST") || name.hasSuffix("_SERVICE_PORT") { return true }
        if name.contains("_SERVICE_PORT_") { return true }
        var words = name.split(separator: "_")[...]
        if let last = words.last, ["PROTO", "PORT", "ADDR"].contains(last) { words = words.dropLast() }
        guard words.count >= 3, let last = words.popLast(), let number = words.popLast() else { return false }
        return ["TCP", "UDP", "SCTP"].contains(last) && UInt16(number) != nil && words.last == "PORT"
    }

    private static func option(variable name: String) -> Option? {
        (OptionTable.options + OptionTable.extended).first { option in
            if case .print = option.argument { return false }
            return option.name.lowercased().replacing("-", with: "_") == name
        }
    }

    private mutating func applyVariable(_ option: Option, _ value: String) throws(StartError) {
        if option.argument.isAccepted {
            // Absent and empty are the same to most who write such files.
            if !value.isEmpty { try apply(option, value) }
            return
        }
        if case .counted = option.argument, let count = Int(value), (0...9).contains(count) {
            for _ in 0..<count { try apply(option, nil) }
            return
        }
        switch value.lowercased() {
        case "1", "true", "yes", "on": try apply(option, nil)
        case "": break
        case "0", "false", "no", "off":
            if let opposite = OptionTable.extended.first(where: { $0.name == "no_" + option.name }) {
                try apply(opposite, nil)
            }
        default: throw StartError("\"\(value)\" is neither 1 nor 0", status: ExitStatus.usage)
        }
    }

    /// Rule 4.
    mutating func adaptToContainer(_ surroundings: Surroundings) {
        guard settings.isContainer else { return }
        if settings.listenAddresses.isEmpty, settings.unixSocketPath == nil { settings.listenAddresses = ["*"] }
        guard let limit = surroundings.memoryLimitBytes, !given.contains("memory-limit") else { return }
        settings.memoryBytes = Self.cacheBytes(ofLimit: limit, besides: settings.bytesBesidesCache)
    }

    /// Four fifths of the limit, but at least 64 MB less, or what connections and the program may come to need if that
    /// is more; of very little, half.
    package static func cacheBytes(ofLimit limit: Int, besides: Int) -> Int {
        let bytes = max(min(limit / 5 * 4, limit - max(besides, 64 << 20)), limit / 2)
        return min(max(bytes >> 20, 1), 256 << 10) << 20
    }
}

extension ServerSettings {
    /// Bytes of the process beyond `-m` when every connection is open and the buffers are used up.
    package var bytesBesidesCache: Int {
        let buffers = connectionBufferBytesMax > 0 ? connectionBufferBytesMax : Limits.connectionBufferBytesDefault
        // More connections than could ever be do not overflow it.
        let sessions = tls.isEnabled ? min(connectionsMax, 1 << 24) * Limits.tlsSessionBytesUsual : 0
        return buffers + Limits.programBytesUsual + sessions
    }

    /// A sentence if the server may come to need more than it has.
    package func memoryRemark(limitBytes: Int?) -> String? {
        guard let limitBytes else { return nil }
        guard memoryBytes + bytesBesidesCache > limitBytes else { return nil }
        return "-m \(memoryBytes >> 20) with \(bytesBesidesCache >> 20) MB for connections and the program may come to "
            + "more than the \(limitBytes >> 20) MB that this container or service may use"
    }
}
