import Glibc
import LoadEngine

/// The cache that the scenario asks: one that is there, or one that it starts and ends itself.
final class CacheServer {
    let connector: SocketConnector
    let version: String
    private let started: DatabaseProcess?
    private let folder: ScratchFolder?

    private static let startSecondsMax = 30.0
    private static let stopSteps = [(signal: SIGTERM, seconds: 5.0), (SIGKILL, 5)]

    init(_ place: CachePlace, answerSecondsMax: Int, _ endRequest: EndRequest) throws(LoadError) {
        switch place {
        case .address(let address):
            (started, folder) = (nil, nil)
            var connector = try SocketConnector(address)
            close(try connector.settle(seconds: Double(answerSecondsMax)))
            self.connector = connector
            version = try CacheConnection(connector, keys: .plain, seconds: answerSecondsMax).version()
        case .command(let command):
            let port = try Self.freePort()
            let words = command.replacing("{port}", with: "\(port)").split(separator: " ").map(String.init)
            let folder = try ScratchFolder()
            let process = try DatabaseProcess(
                [try Self.path(of: words[0])] + words.dropFirst(), user: nil, folder: Self.currentFolder,
                output: folder.path + "/cache.log")
            do throws(LoadError) {
                connector = try SocketConnector(ServerAddress(.host("127.0.0.1", port: port)))
                version = try Self.awaitVersion(connector, process, folder, command, endRequest)
            } catch {
                process.stop(Self.stopSteps)
                folder.remove()
                throw error
            }
            (started, self.folder) = (process, folder)
        }
    }

    deinit { stop() }

    /// Ends the cache if it was started here.
    func stop() {
        // A paused one is woken for it.
        started?.signal(SIGCONT)
        started?.stop(Self.stopSteps)
        folder?.remove()
    }

    private static func awaitVersion(
        _ connector: SocketConnector, _ process: DatabaseProcess, _ folder: ScratchFolder, _ command: String,
        _ endRequest: EndRequest
    ) throws(LoadError) -> String {
        let deadline = MonotonicTime.now() + UInt64(startSecondsMax * 1e9)
        while true {
            if let status = process.exitStatus {
                throw .circumstances(
                    "The cache '\(command)' ended with status \(status): \(folder.lastWords(of: "cache.log"))")
            }
            do throws(LoadError) {
                return try CacheConnection(connector, keys: .plain, seconds: 5).version()
            } catch {
                guard MonotonicTime.now() < deadline else {
                    throw .circumstances("The cache '\(command)' does not answer: \(error.description)")
                }
            }
            try endRequest.sleep(nanoseconds: 20_000_000)
        }
    }

    private static var currentFolder: String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        return getcwd(&buffer, buffer.count).map { String(cString: $0) } ?? "/"
    }

    /// A program by its path, or looked for where the shell would.
    private static func path(of program: String) throws(LoadError) -> String {
        if program.contains("/") { return program }
        let folders = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
        for folder in folders.split(separator: ":") where access("\(folder)/\(program)", X_OK) == 0 {
            return "\(folder)/\(program)"
        }
        throw .usage("The program '\(program)' is not in the search path.")
    }

    /// A port that nobody listens on just now.
    private static func freePort() throws(LoadError) -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var bytes = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            // Safe: the kernel reads and writes a socket address of these bytes.
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, bytes) == 0 ? getsockname(descriptor, $0, &bytes) : -1
            }
        }
        guard status == 0 else {
            throw .circumstances("The system gives no free port: \(String(cString: strerror(errno))).")
        }
        return UInt16(bigEndian: address.sin_port)
    }
}
