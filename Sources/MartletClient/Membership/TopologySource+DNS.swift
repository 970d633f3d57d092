extension TopologySource {
    /// The addresses of a name, each a server: a Kubernetes headless service, say.
    ///
    /// The ring knows the servers by their addresses. One that comes back with another address has other keys: where
    /// that happens, ask for `dnsServices`, whose names stay. IPv6 addresses are taken where there are no others.
    ///
    /// Kubernetes leaves pods that are not ready out of its answers, and then their keys move to others: have
    /// `publishNotReadyAddresses: true` in the headless service.
    public static func dns(
        _ name: String, port: UInt16 = 11211, interval: Duration = .seconds(30), resolver: DNSResolver = .system()
    ) -> TopologySource {
        TopologySource(interval: interval) { current in
            var answers = try await resolver.answers(name, .address)
            if answers.isEmpty { answers = try await resolver.answers(name, .address6) }
            let hosts = answers.compactMap { if case .address(let host) = $0 { host } else { nil } }
            return try next(current, name, Set(hosts).map { CacheServer(host: $0, port: port) })
        }
    }

    /// The services under a name, `_memcached._tcp.cache.example`: Kubernetes has one for each port of a headless
    /// service.
    ///
    /// The ring knows the servers by their names, which a StatefulSet's pods keep; their addresses are looked up when
    /// they are connected to. Weights and priorities of the answers are left aside.
    ///
    /// The list is in the order of the names, numbers in them by their size: `cache-2` comes before `cache-10`, so a
    /// StatefulSet that grows does so at the list's end, as `KeyDistribution.jump` wants it. Pods that are not ready
    /// are no part of it unless the service has `publishNotReadyAddresses: true`: have that, or their keys move to
    /// others and back.
    public static func dnsServices(
        _ name: String, interval: Duration = .seconds(30), resolver: DNSResolver = .system()
    ) -> TopologySource {
        TopologySource(interval: interval) { current in
            let servers = try await resolver.answers(name, .service).compactMap { answer -> CacheServer? in
                guard case .service(let target, let port) = answer, !target.isEmpty else { return nil }
                return CacheServer(host: target, port: port)
            }
            return try next(current, name, Array(Set(servers)))
        }
    }

    /// The list in an order that does not depend on the name server's mood; with the next epoch if it is another one.
    /// An empty answer is a fault of whoever answers, and changes nothing.
    private static func next(
        _ current: Topology, _ name: String, _ servers: [CacheServer]
    ) throws(CacheError) -> Topology {
        guard !servers.isEmpty else { throw CacheError(.refused, "there is no server under \(name)") }
        let servers = servers.sorted { $0.name.isNaturallyBefore($1.name) }
        return servers == current.servers ? current : try current.changed(to: servers)
    }
}

extension String {
    /// Compares with runs of digits as numbers, of whatever length; what is the same but for zeros in front as text. An
    /// order of all texts: a number stands among other characters where its digits do.
    fileprivate func isNaturallyBefore(_ other: String) -> Bool {
        var (own, others) = (Array(utf8)[...], Array(other.utf8)[...])
        while let byte = own.first, let otherByte = others.first {
            if byte.isDigit, otherByte.isDigit {
                let (number, otherNumber) = (own.takeNumber(), others.takeNumber())
                if number.count != otherNumber.count { return number.count < otherNumber.count }
                if number != otherNumber { return number.lexicographicallyPrecedes(otherNumber) }
            } else {
                if byte != otherByte { return byte < otherByte }
                (own, others) = (own.dropFirst(), others.dropFirst())
            }
        }
        return own.isEmpty && others.isEmpty ? self < other : own.isEmpty
    }
}

extension ArraySlice<UInt8> {
    /// Takes the digits in front; without zeros in front of them.
    fileprivate mutating func takeNumber() -> ArraySlice<UInt8> {
        let digits = prefix { $0.isDigit }
        self = dropFirst(digits.count)
        return digits.drop { $0 == UInt8(ascii: "0") }
    }
}

extension UInt8 {
    fileprivate var isDigit: Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= self }
}
