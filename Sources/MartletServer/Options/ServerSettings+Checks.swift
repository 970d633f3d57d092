import MartletStore

/// What one option alone cannot tell: settings that contradict each other.
extension ServerSettings {
    private static let itemBytesLeast = 1024
    private static let itemBytesMost = 1 << 30
    /// A chunk size has to divide memcached's page, so that one command line serves both.
    private static let usualPageBytes = SlabGeometry.memcachedPageBytes
    private static let threadCountUsual = 64

    /// Draws the conclusions from all options together; the last step of parsing.
    mutating func settle(remarks: inout [String]) throws(StartError) {
        (listenAddresses, clusterNodes) = (Self.eachOnce(listenAddresses), Self.eachOnce(clusterNodes))
        guard listenAddresses.count <= Limits.listeningSocketsMax else {
            throw Self.usage("-l: more than \(Limits.listeningSocketsMax) addresses")
        }
        try checkItemSize()
        try checkSlabs()
        try checkSegments()
        try checkTLS(remarks: &remarks)
        guard napiIdCount <= threadCount else {
            throw Self.usage("-N: \(napiIdCount) NAPI ids are more than the \(threadCount) threads")
        }
        if authFilePath != nil {
            guard !isProtocolGiven || protocolName == "ascii" else {
                throw Self.usage("-Y: a login needs the ascii protocol, not -B \(protocolName)")
            }
            guard udpPort == 0 else { throw Self.usage("-Y: there is no login over UDP, so -U has to be 0") }
            protocolName = "ascii"
        }
        if sealsItems, memoryFilePath == nil || isMemcachedMode {
            let place = isMemcachedMode ? "with memcached_mode, whose chunks have no room for them" : "without -e"
            remarks.append("-o restart_checksums means nothing \(place)")
            sealsItems = false
        }
        if udpPort != 0, !isTCPPortGiven { tcpPort = udpPort }
        if tcpPort == 0, udpPort == 0, unixSocketPath == nil {
            remarks.append("-p 0 without -s: the server listens nowhere")
        }
        if threadCount > Self.threadCountUsual {
            remarks.append("-t \(threadCount): more threads than processors only get in each other's way")
        }
    }

    /// In their order; at once, because there may be very many.
    private static func eachOnce(_ texts: [String]) -> [String] {
        var known: Set<String> = []
        return texts.filter { known.insert($0).inserted }
    }

    private func checkItemSize() throws(StartError) {
        guard itemBytesMax >= Self.itemBytesLeast else {
            throw Self.usage("-I: the largest item cannot be under \(Self.itemBytesLeast) bytes")
        }
        guard itemBytesMax <= memoryBytes / 2 else {
            throw Self.usage("-I: the largest item cannot be over half of the memory limit -m")
        }
        guard itemBytesMax <= Self.itemBytesMost else {
            throw Self.usage("-I: the largest item cannot be over a gigabyte")
        }
    }

    private func checkSlabs() throws(StartError) {
        if let chunk = slabChunkBytesMax {
            guard chunk <= itemBytesMax else {
                throw Self.usage("-o slab_chunk_max: \(chunk) bytes are more than the largest item, \(itemBytesMax)")
            }
            guard itemBytesMax % chunk == 0 else {
                throw Self.usage("-o slab_chunk_max: \(chunk) bytes do not divide the largest item, \(itemBytesMax)")
            }
            guard Self.usualPageBytes % chunk == 0 else {
                throw Self.usage("-o slab_chunk_max: \(chunk) bytes do not divide a page of \(Self.usualPageBytes)")
            }
        }
        if let least = slabSizes.first, least < chunkSpaceBytesMin {
            throw Self.usage("-o slab_sizes: \(least) is under the least space, \(chunkSpaceBytesMin)")
        }
    }

    private func checkSegments() throws(StartError) {
        let isOther = evictionName != EvictionPolicy.segmented.name && evictionName != ServerSettings().evictionName
        if isMemcachedMode, isOther {
            throw Self.usage("--eviction \(evictionName): memcached_mode has memcached's eviction")
        }
        guard hotPercent + warmPercent <= 80 else {
            throw Self.usage("-o hot_lru_pct and warm_lru_pct together cannot be over 80")
        }
        guard temporaryTTLSeconds == nil || lruMaintainer else {
            throw Self.usage("-o temporary_ttl needs lru_maintainer")
        }
    }

    private func checkTLS(remarks: inout [String]) throws(StartError) {
        guard tls.isEnabled else { return }
        guard TLSLibrary.isThere else { throw Self.usage("-Z: this server was built without TLS") }
        // Who only asks a server has none of its own, and looks at none.
        guard tls.chainPath != nil || checksHealth else {
            throw Self.usage("-Z needs a certificate: -o ssl_chain_cert=FILE")
        }
        guard tcpPort != 0 else { throw Self.usage("-Z: TLS needs a TCP port, and -p is 0") }
        if unixSocketPath != nil {
            remarks.append("-Z: connections to a Unix socket are not encrypted")
        } else if tls.authoritiesPath == nil {
            remarkOnUnknownClients(&remarks)
        }
    }

    /// Addresses at which clients need a certificate, and none is good.
    private func remarkOnUnknownClients(_ remarks: inout [String]) {
        let securities = Set(
            effectiveListenAddresses.map { (try? ListenAddress(parsing: $0))?.security ?? standardSecurity })
        if securities.contains(.standard), tls.verifyMode >= 2 {
            remarks.append("-o ssl_verify_mode=\(tls.verifyMode) without ssl_ca_cert: no client can get in")
        }
        if securities.contains(.mutual) {
            remarks.append("-l mtls: without -o ssl_ca_cert: no client can get in there")
        }
    }

    private static func usage(_ message: String) -> StartError { StartError(message, status: ExitStatus.usage) }
}
