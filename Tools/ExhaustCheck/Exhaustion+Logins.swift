import Glibc
import Synchronization

extension Exhaustion {
    /// When a client that has not logged in must have been closed: `Limits.loginSecondsMax` and half as much.
    private static let loginSecondsMax = 45
    /// What somebody may cost who has sent half a login, buffers of the system's not counted.
    private static let halfLoginBytesMax = 4096
    private static let halfLoginCount = 300
    /// Addresses that guess passwords; connections of each, as many as may try at once; and how long.
    private static let guesserCount = 4
    private static let guessesAtOnceMax = 64
    private static let guessingSeconds = 15
    private static let firstGuesser: UInt8 = 10
    /// Users with hashed passwords. Who logs in for the first time has to wait for a hash.
    private static let hashedCount = 6

    /// Clients that send half a login, and clients that guess passwords from other addresses, more often than an address
    /// may. Connections whose guess has to wait stay until it has been looked at, or until they are given up like the
    /// others, though their clients have gone meanwhile.
    static func logins(_ program: String) throws -> String {
        var template = Array("/tmp/martlet-exhaust.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Finding(description: "mkdtemp") }
        let folder = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        defer { _ = system("rm -rf \(folder)") }
        let hashed = (0..<hashedCount).map { "user\($0):secret\($0)\\n" }.joined()
        let made = system(
            "umask 077; (printf '\(hashed)' | \(program) --hash-password && echo plain:word) >\(folder)/users")
        try require(made == 0, "\(program) --hash-password makes no hashes")
        let port = try Endpoint.freePort()
        let options = ["-l", "127.0.0.1", "-p", "\(port)", "-Y", "\(folder)/users", "-t", "2", "-c", "2000"]
        var endpoint = Endpoint.port(port)
        endpoint.login = "plain word"
        return try serve(program, options, at: endpoint) { server in
            let before = try server.state()
            let alone = try loginMicroseconds(server, from: 2, "user0 secret0")
            let start = Peer.now
            let (halves, bytes) = try sendHalves(server, before)
            let (longest, refusals) = try guess(server, alone)
            // From elsewhere at once.
            try logIn(server, from: 2, "user0 secret0", secondsMax: 1)
            try logIn(server, from: 2, "plain word", secondsMax: 1)
            try awaitEnds(of: halves, server, since: start, downTo: before.connections)
            // When a second has paid for one more try.
            try logIn(server, from: firstGuesser, "user1 secret1", secondsMax: 5)
            return "\(halfLoginCount) halves of a login, \(bytes) bytes each, given up; \(guesserCount) addresses that "
                + "guess with \(guessesAtOnceMax) connections each for \(guessingSeconds) s, \(refusals) refused; a first "
                + "login, \(alone / 1000) ms alone, takes \(longest / 1000) ms beside them"
        }
    }

    /// How long somebody waits who sends a right login.
    private static func loginMicroseconds(
        _ server: ServerUnderCheck, from number: UInt8, _ login: String
    ) throws -> Int {
        let start = Peer.now
        let peer = try Peer(server.endpoint.from(number))
        peer.send(login: login)
        let reply = peer.receive(until: "\r\n")
        try require(
            reply == "STORED\r\n", "a right login from 127.0.0.\(number) was answered \(reply.debugDescription)")
        try peer.expect("mn\r\n", "MN\r\n")
        return Peer.now - start
    }

    private static func logIn(
        _ server: ServerUnderCheck, from number: UInt8, _ login: String, secondsMax: Int
    ) throws {
        let microseconds = try loginMicroseconds(server, from: number, login)
        try require(
            microseconds <= secondsMax * 1_000_000,
            "with nobody guessing any more a login from 127.0.0.\(number) took \(microseconds / 1000) ms")
    }

    /// Those who send a part of a login and no more, and what each of them costs.
    private static func sendHalves(
        _ server: ServerUnderCheck, _ before: ServerUnderCheck.State
    ) throws -> (halves: [Peer], bytes: Int) {
        let parts = ["", "set lo", "set login 0 0 10\r\n", "set login 0 0 13\r\nuser1 sec", "get a\r\n"]
        let halves = try (0..<halfLoginCount).map { number in
            let peer = try Peer(server.endpoint.from(3))
            peer.send(parts[number % parts.count])
            return peer
        }
        try server.await("curr_connections", atLeast: before.connections + halfLoginCount)
        let bytes = try (server.state().residentBytes - before.residentBytes) / halfLoginCount
        try require(
            bytes <= halfLoginBytesMax,
            "\(bytes) bytes for each of \(halfLoginCount) halves of a login; allowed are \(halfLoginBytesMax)")
        return (halves, bytes)
    }

    // MARK: Guessing

    /// Returns the longest that somebody else's login took meanwhile, and how many guesses of each address were refused.
    private static func guess(_ server: ServerUnderCheck, _ alone: Int) throws -> (longest: Int, refusals: [Int]) {
        let start = Peer.now
        let guessers = (0..<guesserCount).map {
            Guesser(server.endpoint.from(firstGuesser + UInt8($0)), connectionCount: guessesAtOnceMax)
        }
        defer { for guesser in guessers { guesser.stop() } }
        let longest = try logInBesideGuessers(server, alone)
        while Peer.now - start < guessingSeconds * 1_000_000 { usleep(10_000) }
        for guesser in guessers { guesser.stop() }
        let answers = guessers.map(\.answers)
        try require(answers.allSatisfy { $0.others.isEmpty }, "who guesses was answered \(answers.map(\.others))")
        let refusals = answers.map(\.refusals)
        try require(refusals.allSatisfy { $0 > 0 }, "of each one's guesses were refused \(refusals): no trial")
        // As many at once, and one a second.
        let seconds = (Peer.now - start) / 1_000_000
        try require(
            refusals.allSatisfy { $0 <= guessesAtOnceMax + seconds + 2 },
            "in \(seconds) s so many guesses of each address were answered: \(refusals)")
        return (longest, refusals)
    }

    /// Somebody logs in for the first time with one password after the other, and with a plain one between them. Returns
    /// the longest that it took.
    ///
    /// One hash takes turns with one of each guessing address, perhaps on a single processor; behind all their
    /// connections it would take many times as long as this allows.
    private static func logInBesideGuessers(_ server: ServerUnderCheck, _ alone: Int) throws -> Int {
        usleep(1_000_000)
        var longest = 0
        for number in 1..<hashedCount {
            let hashed = try loginMicroseconds(server, from: 2, "user\(number) secret\(number)")
            let allowed = 1_000_000 + 4 * (guesserCount + 1) * alone
            try require(
                hashed <= allowed,
                "beside those who guess a first login took \(hashed / 1000) ms, alone \(alone / 1000); allowed are "
                    + "\(allowed / 1000)")
            longest = max(longest, hashed)
            let plain = try loginMicroseconds(server, from: 2, "plain word")
            try require(plain <= 1_000_000, "beside those who guess a plain login took \(plain / 1000) ms")
        }
        return longest
    }

    /// They stay, and are closed in time; and so is whoever else has not logged in.
    private static func awaitEnds(
        of halves: [Peer], _ server: ServerUnderCheck, since start: Int, downTo before: Int
    ) throws {
        func requireInTime() throws {
            try require(
                Peer.now - start < loginSecondsMax * 1_000_000,
                "after \(loginSecondsMax) s clients are still waited for that do not log in")
            usleep(10_000)
        }
        for half in halves { while half.takeArrived() != "" { try requireInTime() } }
        while try server.statistic("", "curr_connections") ?? 0 > before { try requireInTime() }
    }
}

/// Connections of one address that guess passwords, each as soon as it has been told about the guess before, and that
/// come anew when they are closed.
private final class Guesser: Sendable {
    struct Answers {
        var refusals = 0
        /// What is no refusal.
        var others: [String] = []
    }

    private let isStopping = Atomic<Bool>(false)
    private let told = Mutex(Answers())
    private let thread = Mutex<BackgroundThread?>(nil)

    private static let refusal = "CLIENT_ERROR authentication failure\r\n"
    private static let pauseMicroseconds: UInt32 = 5000

    init(_ endpoint: Endpoint, connectionCount: Int) {
        thread.withLock { $0 = BackgroundThread { self.run(endpoint, connectionCount) } }
    }

    private func run(_ endpoint: Endpoint, _ connectionCount: Int) {
        var peers = [Peer?](repeating: nil, count: connectionCount)
        var number = 0
        while !isStopping.load(ordering: .relaxed) {
            for index in peers.indices {
                switch peers[index]?.takeArrived() {
                case nil where peers[index] != nil: continue
                case nil, "": peers[index] = try? Peer(endpoint)
                case Self.refusal: told.withLock { $0.refusals += 1 }
                case let other?: told.withLock { $0.others.append(other) }
                }
                peers[index]?.send(login: "user\(number % 7) wrong\(number)")
                number += 1
            }
            usleep(Self.pauseMicroseconds)
        }
    }

    func stop() {
        isStopping.store(true, ordering: .relaxed)
        thread.withLock { $0.take() }?.join()
    }

    /// When it has stopped.
    var answers: Answers { told.withLock(\.self) }
}
