/// Where the admin endpoint listens.
enum AdminAddress {
    /// `port` on the loopback addresses, or what `-l` understands, with a port.
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
                let address = try ListenAddress(parsing: text)
                guard address.port != nil else {
                    throw StartError("-l: \"\(text)\": the port is missing", status: ExitStatus.usage)
                }
                settings.listenAddresses = [text]
            }
            return try ListeningSocket.openTCP(settings)
        } catch {
            // The parser speaks of the option that it is usually for.
            let message = error.message.hasPrefix("-l: ") ? String(error.message.dropFirst(4)) : error.message
            throw StartError("--admin: \(message)", status: error.status)
        }
    }

    static func isLoopback(_ socket: ListeningSocket) -> Bool {
        let name = socket.name.split(separator: ":", maxSplits: 1).last.map(String.init) ?? ""
        return AdminAccess.isLoopback(host: name)
    }
}

/// The word that requests have to bear.
enum AdminToken {
    private static let bytesMin = 8

    /// nil without a file. An empty or short word is an error: whoever names a file wants to be safe.
    static func read(_ settings: ServerSettings) throws(StartError) -> [UInt8]? {
        guard let path = settings.adminTokenPath else { return nil }
        guard let text = SmallFile.text(path) else {
            throw StartError("--admin-token-file: \(path) cannot be read", status: ExitStatus.failure)
        }
        let word = text.prefix { !$0.isWhitespace }
        guard word.utf8.count >= bytesMin else {
            throw StartError(
                "--admin-token-file: \(path): the word is shorter than \(bytesMin) bytes", status: ExitStatus.failure)
        }
        return Array(word.utf8)
    }
}
