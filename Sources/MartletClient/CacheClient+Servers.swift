extension CacheClient {
    /// What each server says of itself, `stats` and a word or two behind it: `items`, `slabs`, `settings`, `conns`.
    ///
    ///     for (server, statistics) in await cache.statistics() { print(server, try statistics.get()["curr_items"] ?? "") }
    ///
    /// Over connections of their own, made for this and closed again.
    ///
    /// - Returns: By the servers' names, all that are on the ring.
    public func statistics(_ words: String = "") async -> [String: Result<[String: String], CacheError>] {
        guard words.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }), words.utf8.count <= 200 else {
            let error = CacheError(.refused, "\"\(words.prefix(200))\" is no kind of statistics")
            return core.cluster.topology.nodes.reduce(into: [:]) { $0[$1.server.name] = .failure(error) }
        }
        let replies = await askServers(words.isEmpty ? "stats\r\n" : "stats \(words)\r\n")
        return replies.mapValues { reply in
            reply.map { text in
                var statistics: [String: String] = [:]
                for line in text.split(whereSeparator: \.isNewline) {
                    let parts = line.split(separator: " " as Character, maxSplits: 2, omittingEmptySubsequences: false)
                    guard parts.count >= 2, parts[0] == "STAT" else { continue }
                    statistics[String(parts[1])] = parts.count > 2 ? String(parts[2]) : ""
                }
                return statistics
            }
        }
    }

    /// Empties all servers: everything in them, of every namespace and whoever stored it. To empty a namespace only,
    /// use `droppableNamespace`.
    ///
    /// - Returns: The servers that it is not sure for, by their names, and why.
    public func flushServers() async -> [String: CacheError] {
        core.forgetAll()
        // What was read meanwhile may be what was there before.
        defer { core.forgetAll() }
        var failures: [String: CacheError] = [:]
        for (server, reply) in await askServers("flush_all\r\n") {
            if case .failure(let error) = reply { failures[server] = error }
        }
        return failures
    }

    /// The whole reply of each server to a line.
    private func askServers(_ command: String) async -> [String: Result<String, CacheError>] {
        let (configuration, timeout, eventLoops) = (core.configuration, timeout, core.cluster.eventLoops)
        return await withTaskGroup(of: (String, Result<String, CacheError>).self) { group in
            for node in core.cluster.topology.nodes {
                let server = node.server
                group.addTask {
                    let conversation = ServerConversation(
                        server: server, timeout: timeout, configuration: configuration, eventLoops: eventLoops)
                    return (server.name, await Self.reply(of: conversation, command))
                }
            }
            return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
    }

    /// Not in the task's closure: see `Migration.outcome`.
    private static func reply(
        of conversation: ServerConversation, _ command: String
    ) async -> Result<String, CacheError> {
        do throws(CacheError) {
            let reply = try await conversation.ask(command)
            guard !ServerConversation.isError(reply) else {
                throw CacheError(.refused, reply.trimmingLineEnd, server: conversation.server.name)
            }
            return .success(reply)
        } catch {
            return .failure(error)
        }
    }
}

extension String {
    fileprivate var trimmingLineEnd: String { String(prefix { !$0.isNewline }) }
}
