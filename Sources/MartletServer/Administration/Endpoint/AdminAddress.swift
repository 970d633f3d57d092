import Glibc

/// Where the admin endpoint listens: `port` on the loopback addresses, or one address as `-l` understands it, with a
/// port.
enum AdminAddress {
    static func open(_ text: String) throws(StartError) -> [ListeningSocket] {
        var settings = ServerSettings()
        settings.listenBacklog = Limits.adminConnectionsMax
        do throws(StartError) {
            if let port = Int(text) {
                guard (-1...65535).contains(port), port != 0 else {
                    throw StartError("\"\(text)\" is not a port", status: ExitStatus.usage)
                }
                settings.tcpPort = port
            } else {
                _ = try parse(text)
                settings.listenAddresses = [text]
            }
            return try ListeningSocket.openTCP(settings)
        } catch {
            // The parser speaks of the option that it is usually for.
            let message = error.message.hasPrefix("-l: ") ? String(error.message.dropFirst(4)) : error.message
            throw StartError("--admin: \(message)", status: error.status)
        }
    }

    private static func parse(_ text: String) throws(StartError) -> ListenAddress {
        guard !text.contains(",") else {
            throw StartError("\"\(text)\": there is one address, or * for all", status: ExitStatus.usage)
        }
        let address = try ListenAddress(parsing: text)
        guard address.security == nil, address.dialect == nil, !text.hasPrefix("tag") else {
            throw StartError(
                "\"\(text)\": no prefix has a meaning here: it is HTTP, and not encrypted", status: ExitStatus.usage)
        }
        guard address.port != nil else {
            throw StartError("\"\(text)\": the port is missing", status: ExitStatus.usage)
        }
        return address
    }

    /// Where somebody on this machine reaches it; nil if the text says nothing that can be.
    static func near(_ text: String) -> (host: String?, port: UInt16)? {
        if let port = Int(text) { return UInt16(exactly: port).map { ("127.0.0.1", $0) } }
        guard let address = try? parse(text), let port = address.port, port > 0 else { return nil }
        return (address.host, port)
    }

    static func isLoopback(_ socket: ListeningSocket) -> Bool {
        let name = socket.name.split(separator: ":", maxSplits: 1).last.map(String.init) ?? ""
        return AdminAccess.isLoopback(host: name)
    }

    /// Whether only this machine reaches it, as far as the text tells: a name may stand for anything.
    fileprivate static func isLoopback(_ text: String) -> Bool {
        if Int(text) != nil { return true }
        // What is no address ends the start, and needs no remark.
        guard let address = try? parse(text) else { return true }
        guard let host = address.host else { return false }
        return AdminAccess.isLoopback(host: host.contains(":") ? "[\(host)]" : host)
    }
}

extension ServerSettings {
    /// A sentence if there is no endpoint for what is said of it, or if everybody who reaches it may read what it tells.
    package var adminRemark: String? {
        guard let adminAddress else {
            guard samplesKeys || adminTokenPath != nil || slowRequestMilliseconds != Self().slowRequestMilliseconds
            else { return nil }
            return "--top-keys, --slow-request and --admin-token-file say nothing without --admin"
        }
        guard adminTokenPath == nil, !AdminAddress.isLoopback(adminAddress) else { return nil }
        return "--admin \(adminAddress): whoever reaches it may read figures and addresses of clients"
            + (samplesKeys ? ", keys too" : "") + "; with --admin-token-file only who has the token"
    }
}

/// The word that requests have to bear. Read at the start, and again on SIGHUP.
enum AdminToken {
    private static let bytesMin = 8

    /// nil without a file. An empty or short word is an error: whoever names a file wants to be safe.
    static func read(_ settings: ServerSettings) throws(StartError) -> [UInt8]? {
        guard let path = settings.adminTokenPath else { return nil }
        guard let text = SmallFile.text(path) else {
            let reason = ServerLog.reason(errno)
            throw StartError("--admin-token-file: \(path) cannot be read: \(reason)", status: ExitStatus.failure)
        }
        let word = text.prefix { !$0.isWhitespace }
        guard word.utf8.count >= bytesMin else {
            throw StartError(
                "--admin-token-file: \(path): the word is shorter than \(bytesMin) bytes", status: ExitStatus.failure)
        }
        SmallFile.remarkOnRights(path, option: "--admin-token-file")
        return Array(word.utf8)
    }
}
