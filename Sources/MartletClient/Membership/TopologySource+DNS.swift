extension TopologySource {
    /// The addresses of a name, each a server: a Kubernetes headless service, say.
    ///
    /// The ring knows the servers by their addresses. One that comes back with another address has other keys: where
    /// that happens, ask for `dnsServices`, whose names stay. IPv6 addresses are taken where there are no others.
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
        let servers = servers.sorted { $0.name < $1.name }
        return servers == current.servers ? current : try current.changed(to: servers)
    }
}
