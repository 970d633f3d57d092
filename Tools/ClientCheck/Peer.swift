import Foundation

/// Another client of the same servers: pylibmc, by itself or through nutcracker.
final class Peer {
    private let servers: [String]
    private let isProxied: Bool
    /// Where the proxy listens, if there is one.
    private(set) var proxyPort: UInt16?
    private var proxy: ChildProcess?
    private var proxySettings: URL?

    /// A Python that has pylibmc.
    static let python: String? = ["python3", "/usr/bin/python3"].compactMap { ChildProcess.path(of: $0) }
        .first { (try? ChildProcess.run($0, ["-c", question])) != nil }
    private static let question = "import importlib.util; exit(not importlib.util.find_spec('pylibmc'))"

    /// What has to be installed for it; nil if everything is.
    static func missing(for title: String) -> String? {
        guard python != nil else { return "there is no pylibmc (apt-get install python3-pylibmc)" }
        if title == "nutcracker" && ChildProcess.path(of: "nutcracker") == nil {
            return "nutcracker is not installed (apt-get install nutcracker)"
        }
        return nil
    }

    init(pylibmc fleet: Fleet) throws {
        servers = fleet.ports.map { "127.0.0.1:\($0)" }
        isProxied = false
    }

    init(nutcracker fleet: Fleet, _ weights: [UInt32]) throws {
        let ports = try Fleet.freePorts(2)
        let settings = FileManager.default.temporaryDirectory.appending(path: "client-check-\(UUID().uuidString).yml")
        let lines = fleet.ports.enumerated().map { place, port in
            "   - 127.0.0.1:\(port):\(place < weights.count ? weights[place] : 1)"
        }
        try """
        check:
          listen: 127.0.0.1:\(ports[0])
          hash: md5
          distribution: ketama
          auto_eject_hosts: false
          timeout: 10000
          servers:
        \(lines.joined(separator: "\n"))

        """.write(to: settings, atomically: true, encoding: .utf8)
        proxySettings = settings
        servers = ["127.0.0.1:\(ports[0])"]
        isProxied = true
        proxyPort = ports[0]
        proxy = try ChildProcess(
            "nutcracker",
            [
                "-c", settings.path(), "-a", "127.0.0.1", "-s", "\(ports[1])", "-o", "/dev/null", "-p",
                "\(settings.path()).pid",
            ])
    }

    deinit {
        proxy?.kill()
        if let proxySettings {
            try? FileManager.default.removeItem(at: proxySettings)
            try? FileManager.default.removeItem(atPath: proxySettings.path() + ".pid")
        }
    }

    /// Stores `<prefix> <key>` under every key in the file.
    func store(_ list: String, prefix: String) throws {
        let text = try run("store", list, prefix)
        try require(text == "stored", "the peer could not store: \(text)")
    }

    /// For how many keys in the file it finds `<prefix> <key>`.
    func found(_ list: String, prefix: String) throws -> Int { Int(try run("find", list, prefix)) ?? -1 }

    private func run(_ verb: String, _ list: String, _ prefix: String) throws -> String {
        let text = try ChildProcess.run(
            Self.python ?? "python3",
            ["-c", Self.script, verb, list, prefix, isProxied ? "proxied" : "direct"] + servers)
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Keys and values as bytes, so that pylibmc marks nothing in the client flags.
    private static let script = """
        import sys, time, pylibmc
        verb, path, prefix, way = sys.argv[1:5]
        behaviors = {} if way == "proxied" else {"ketama_weighted": True}
        client = pylibmc.Client(sys.argv[5:], behaviors=behaviors)
        keys = open(path, "rb").read().split(b"\\n")
        for attempt in range(100):
            try:
                client.get(b"ready")
                break
            except pylibmc.Error:
                time.sleep(0.05)
        def value(key): return prefix.encode() + b" " + key
        if verb == "store":
            failed = [key for key in keys if not client.set(key, value(key))]
            print("stored" if not failed else "%d refused" % len(failed))
        else:
            print(sum(1 for key in keys if client.get(key) == value(key)))
        """
}
