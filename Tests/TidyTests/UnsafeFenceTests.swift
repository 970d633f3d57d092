import Testing

/// Pointers live behind a fence. Outside of it, memory is a handle, a lease, a reservation, or bytes lent to a closure.
@Suite("Tidy: the unsafe fence")
struct UnsafeFenceTests {
    /// Folders, or single files, in which an `Unsafe` type may be named.
    static let inside = [
        "Sources/MartletStore/",
        // The tokeniser and the writers.
        "Sources/MartletProtocol/",
        "Sources/MartletEvent/",
        // Requests and replies, where byte buffers lend their memory to the protocol's writers and parser.
        "Sources/MartletClient/Wire/",
        "Sources/MartletServer/Connection/",
        // A client's sockets.
        "Sources/martletctl/Connection/",
        "Sources/MartletServer/Execution/",
        // Datagrams in the worker's buffer, and the socket's addresses.
        "Sources/MartletServer/Datagram/",
        // Its commands get their words from the connection's buffer and write into it.
        "Sources/MartletServer/Administration/",
        // One thread writing and others reading; requests in the worker's buffer.
        "Sources/MartletServer/Measurement/",
        // Rings between threads, and what the store calls back with.
        "Sources/MartletServer/Observation/",
        // Counters lie in raw memory, one thread writing and others reading.
        "Sources/MartletServer/CommandCounters.swift",
        "Sources/MartletServer/WorkerCounters.swift",
        "Sources/MartletServer/ServerContext.swift",
        // Threads, inboxes, sockets and loops: what C calls back into.
        "Sources/MartletServer/Worker.swift",
        "Sources/MartletServer/Worker+",
        "Sources/MartletServer/WorkerInbox.swift",
        "Sources/MartletServer/Listener.swift",
        "Sources/MartletServer/ListeningSocket",
        "Sources/MartletServer/ResolvedAddresses.swift",
        "Sources/MartletServer/MainLoop.swift",
        "Sources/MartletServer/Maintainer.swift",
        "Sources/MartletServer/Server.swift",
        "Sources/MartletServer/ServerThread.swift",
        // Workers and connections without threads.
        "Sources/MartletServer/SteppedServer.swift",
    ]

    @Test("Unsafe types are named only where they belong")
    func fence() {
        let findings = Repository.shared.swiftFiles(in: "Sources").filter(isOutside).flatMap(unsafeNames)

        #expect(findings.isEmpty, "\(listed(findings))")
    }

    @Test("Whoever goes round the checker says why, on the line itself, the one before or the one behind")
    func reasons() {
        let findings = Repository.shared.swiftFiles(in: "Sources", "LoadTest").flatMap(unexplained)

        #expect(findings.isEmpty, "\(listed(findings))")
    }

    @Test("The rules find what they are meant to find")
    func teeth() {
        let outside = SwiftFile(path: "Sources/martletd/A.swift", text: "let a: UnsafeRawPointer\n// Unsafe\n")
        let silent = SwiftFile(path: "a.swift", text: "\nextension A: @unchecked Sendable {}\n")
        let explained = SwiftFile(path: "a.swift", text: "// Reason: b.\nnonisolated(unsafe) var a = 1\n")

        #expect(isOutside(outside))
        #expect(unsafeNames(outside).map(\.line) == [1])
        #expect(unexplained(silent).map(\.line) == [2])
        #expect(unexplained(explained).isEmpty)
    }

    private func isOutside(_ file: SwiftFile) -> Bool { !Self.inside.contains { file.path.hasPrefix($0) } }

    private func unsafeNames(_ file: SwiftFile) -> [Finding] {
        file.names.filter { $0.name.hasPrefix("Unsafe") || $0.name == "unsafeBitCast" }
            .map { Finding(path: file.path, line: $0.line, what: $0.name) }
    }

    private func unexplained(_ file: SwiftFile) -> [Finding] {
        file.codeLines.indices.compactMap { index in
            let code = file.codeLines[index]
            guard code.contains("@unchecked Sendable") || code.contains("nonisolated(unsafe)") else { return nil }
            let neighbours = [index - 1, index, index + 1].filter(file.lines.indices.contains)
            if neighbours.contains(where: { file.lines[$0].contains("//") }) { return nil }
            return Finding(path: file.path, line: index + 1, what: "no reason given")
        }
    }
}
