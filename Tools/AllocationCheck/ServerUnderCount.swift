import Glibc

/// A server started with the counter in front of its libraries, and one connection to it.
final class ServerUnderCount {
    struct Failure: Error, CustomStringConvertible { let description: String }

    let counts: AllocationCounts
    private let folder: String
    private let process: pid_t
    private let connection: Int32

    init(program: String, counter: String) throws {
        var template = Array("/tmp/martlet-allocations.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure(description: "no temporary folder") }
        folder = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        guard let counts = AllocationCounts(path: folder + "/counts") else {
            throw Failure(description: "no file for the counts")
        }
        self.counts = counts
        process = try Self.start(program, counter: counter, folder: folder)
        do {
            connection = try Self.connect(to: folder + "/socket", process: process)
        } catch {
            kill(process, SIGTERM)
            throw error
        }
    }

    deinit {
        close(connection)
        kill(process, SIGTERM)
        var status: Int32 = 0
        waitpid(process, &status, 0)
        unlink(folder + "/counts")
        rmdir(folder)
    }

    private static func start(_ program: String, counter: String, folder: String) throws -> pid_t {
        let path = counter.hasPrefix("/") ? counter : "./" + counter
        let words = [program, "-u", "root", "-s", folder + "/socket", "-t", "1"]
        let variables = ["LD_PRELOAD=\(path)", "MARTLET_ALLOCATION_COUNTS=\(folder)/counts"]
        var process: pid_t = 0
        let status = withCStrings(words) { words in
            withCStrings(variables) { posix_spawn(&process, program, nil, nil, words, $0) }
        }
        guard status == 0 else { throw Failure(description: "cannot start \(program)") }
        return process
    }

    private static func withCStrings<Result>(
        _ texts: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        var pointers = texts.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        return pointers.withUnsafeMutableBufferPointer { body($0.baseAddress!) }
    }

    /// The socket appears when the server listens; until then there is nothing to wait on but time.
    private static func connect(to path: String, process: pid_t) throws -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        for _ in 0..<6000 {
            let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            let answer = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            if answer == 0 { return descriptor }
            close(descriptor)
            usleep(10_000)
        }
        throw Failure(description: "the server does not listen")
    }

    /// Sends `request` and waits until a reply that ends with `ending` is complete. Returns the reply.
    @discardableResult
    func exchange(_ request: [UInt8], ending: String) throws -> [UInt8] {
        var sent = 0
        while sent < request.count {
            let count = request.withUnsafeBytes { send(connection, $0.baseAddress! + sent, request.count - sent, 0) }
            guard count > 0 else { throw Failure(description: "the server hangs up") }
            sent += count
        }
        var reply: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while !reply.suffix(ending.utf8.count).elementsEqual(ending.utf8) {
            let count = recv(connection, &piece, piece.count, 0)
            guard count > 0 else { throw Failure(description: "the server hangs up") }
            reply += piece[..<count]
        }
        return reply
    }
}
