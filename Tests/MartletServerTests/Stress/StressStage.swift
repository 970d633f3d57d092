import Glibc
import MartletServer
import ServerTesting
import StoreTesting
import Synchronization

/// What all parts of one run share: the server, its files, and how far the others are.
final class StressStage: @unchecked Sendable {
    // Unchecked because of the server: its parts use only what any thread may use. The rest never changes.

    /// `MARTLET_STRESS_SEED`, and of `MARTLET_STRESS_OPERATIONS` a part of the steps.
    static let seed = UInt64(setting("MARTLET_STRESS_SEED") ?? 1)
    static let operations = setting("MARTLET_STRESS_OPERATIONS") ?? 20_000

    static let token = "ann secret"
    /// Whether it is let in changes from reading to reading.
    static let changingToken = "bob other"
    static let megabytes = 32

    let server: TestServer
    let folder: TemporaryFolder
    let plainPort: UInt16
    /// nil without TLS.
    let encryptedPort: UInt16?
    /// Puts other certificates in the place of those that are there.
    let replaceCertificates: (Int) throws -> Void
    private let running = Atomic<Int>(0)

    init(
        _ server: TestServer, _ folder: TemporaryFolder, isEncrypted: Bool = false,
        replaceCertificates: @escaping (Int) throws -> Void = { _ in }
    ) {
        self.server = server
        self.folder = folder
        self.replaceCertificates = replaceCertificates
        let ports = server.context.pointee.listeningSockets.map(\.port)
        plainPort = ports[0]
        encryptedPort = isEncrypted ? ports[1] : nil
    }

    /// What every server of these runs has.
    static func settings(_ settings: inout ServerSettings, _ folder: TemporaryFolder) {
        settings.threadCount = 3
        settings.memoryBytes = megabytes << 20
        settings.authFilePath = "\(folder.path)/users"
        settings.clusterFilePath = "\(folder.path)/nodes"
        settings.samplesKeys = false
    }

    /// Files as they are at their `version`, in the place of those before.
    static func writeFiles(_ folder: TemporaryFolder, version: Int) {
        let users = "ann:secret\n" + (version % 2 == 0 ? "bob:other\n" : "cid:third\n")
        let nodes = (0...version % 5).map { "node\($0):\(11211 + version % 7)\n" }.joined()
        for (name, text) in [("users", users), ("nodes", nodes)] {
            let path = "\(folder.path)/\(name)"
            guard let file = fopen(path + ".new", "w") else { continue }
            fputs(text, file)
            fclose(file)
            chmod(path + ".new", 0o600)
            rename(path + ".new", path)
        }
    }

    private static func setting(_ name: String) -> Int? { getenv(name).flatMap { Int(String(cString: $0)) } }

    // MARK: Those who set the pace

    var runningCount: Int { running.load(ordering: .acquiring) }

    func begin(_ count: Int) { running.store(count, ordering: .releasing) }

    func end() { running.wrappingSubtract(1, ordering: .acquiringAndReleasing) }

    // MARK: The server

    var second: UInt32 { server.context.pointee.clock.second }

    func advance() {
        server.context.pointee.clock.advance(seconds: 1)
        server.server.tick()
    }

    /// The longest row of buckets among some stripes.
    var bucketCount: Int { (0..<64).map { server.context.pointee.store._bucketCount(ofStripe: $0) }.max() ?? 0 }

    /// A connection that is logged in.
    func conversation() throws -> StressConversation {
        let conversation = StressConversation(try TestClient(port: plainPort))
        try conversation.logIn()
        return conversation
    }
}

/// One thread's part in a run, and what it found wrong.
class StressPart: @unchecked Sendable {
    // Unchecked: used by its thread, and looked at when that has ended.

    let stage: StressStage
    var random: SplitMix
    let number: Int
    private(set) var faults: [String] = []
    /// What happened, by name.
    var counts: [String: Int] = [:]

    init(_ stage: StressStage, number: Int) {
        self.stage = stage
        self.number = number
        random = SplitMix(seed: StressStage.seed << 8 | UInt64(number))
    }

    func fault(_ reason: String) {
        if faults.count < 5 { faults.append("\(type(of: self)) \(number): \(reason)") }
    }

    /// An error that comes out of it is a fault.
    func play() throws {}

    final func run() {
        do { try play() } catch { fault("\(error)") }
    }
}
