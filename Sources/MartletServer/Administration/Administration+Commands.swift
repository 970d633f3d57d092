import MartletProtocol
import MartletStore
import Synchronization

/// What an administrative command comes to, besides a reply.
package enum AdministrativeAnswer {
    /// The reply, if the command wants one, is in the output.
    case done
    /// More is to follow, turn by turn.
    case long(any LongAnswer)
    /// The connection becomes a watcher.
    case watch(WatchStreams)
}

/// Commands that look after the server: `slabs`, `lru`, `lru_crawler`, `watch`, `config`, and those for test suites.
///
/// A command whose effect could be missed answers ERROR; one that only sets a knob that the engine does not have is
/// checked, kept for `stats settings` and otherwise without effect, as its option is.
extension Administration {
    /// Who asks, and where.
    package struct Desk {
        let server: Server
        let session: StoreSession
        /// Replies to commands before this one are still to be sent.
        let isPipelined: Bool
        /// memcached would have sent them by now.
        let isBehindSent: Bool

        package init(server: Server, session: StoreSession, isPipelined: Bool, isBehindSent: Bool = false) {
            self.server = server
            self.session = session
            self.isPipelined = isPipelined
            self.isBehindSent = isBehindSent
        }

        /// A dump is refused behind what memcached would not have sent.
        var refusesDumps: Bool { isPipelined && !isBehindSent }

        var shown: ServerSettings { Administration.shownSettings(server) }

        /// Keeps a setting for `stats settings`.
        func keep(_ change: (inout ServerSettings) -> Void) -> String {
            server.pointee.administration.shown.withLock { change(&$0) }
            return "OK"
        }
    }

    /// Answers a command line of class `.administration`; `words` is the line, its first word included.
    @inline(never)
    package static func answerCommand(
        words: UnsafeRawBufferPointer, desk: Desk, output: UnsafeMutablePointer<OutputBuffer>
    ) -> AdministrativeAnswer {
        let words = split(words)
        switch words.first {
        case "lru_crawler":
            if let dump = dump(words.dropFirst(), desk) {
                output.append(.ok)
                return .long(dump)
            }
        case "refresh_certs" where desk.server.pointee.tls != nil && words.last != "noreply":
            return .long(CertificateAnswer())
        case "watch":
            if let streams = watchedStreams(words.dropFirst(), desk) { return .watch(streams) }
        default: break
        }
        if let answer = command(words, desk: desk) { send(answer, output) }
        return .done
    }

    /// The reply to a command line with these words, but for dumps and watchers; `nil` when it wants none.
    package static func command(_ words: [String], desk: Desk) -> StatisticsText? {
        var words = words[...]
        // Nobody watches without an answer.
        let isQuiet = words.last == "noreply" && words.count > 1 && words.first != "watch"
        if isQuiet { words.removeLast() }
        if words.first == "config", !isQuiet { return topologyAnswer(words.dropFirst(), desk.server) }
        let answer =
            switch words.popFirst() {
            case "slabs": slabsAnswer(Array(words), desk)
            case "lru": lruAnswer(Array(words), desk)
            case "lru_crawler": crawlerAnswer(Array(words), desk)
            case "watch": watchRefusal(words, desk)
            case "refresh_certs": refreshAnswer(desk.server)
            case "debugtime": debugTimeAnswer(words, desk.server)
            case "debugitem": debugItemAnswer(words, desk)
            default: "ERROR"
            }
        return isQuiet ? nil : StatisticsText(answer)
    }

    // MARK: watch

    private static func watchedStreams(_ words: ArraySlice<String>, _ desk: Desk) -> WatchStreams? {
        guard desk.server.pointee.settings.allowsWatch, !desk.isPipelined else { return nil }
        return WatchStreams(words: words)
    }

    private static func watchRefusal(_ words: ArraySlice<String>, _ desk: Desk) -> String {
        guard desk.server.pointee.settings.allowsWatch else { return "CLIENT_ERROR watch commands not allowed" }
        return desk.isPipelined ? "ERROR cannot pipeline other commands before watch" : "ERROR"
    }

    // MARK: config

    /// `config get cluster`.
    private static func topologyAnswer(_ words: ArraySlice<String>, _ server: Server) -> StatisticsText {
        guard server.pointee.topology.isTold, words.elementsEqual(["get", "cluster"]) else {
            return StatisticsText("ERROR")
        }
        var text = StatisticsText()
        text.addBytes(server.pointee.topology.payload, named: "CONFIG cluster")
        text.end()
        return text
    }

    /// `VALUE AmazonElastiCache:cluster ...` for a client that gets the topology as a key; its `END` is the caller's.
    @inline(never)
    package static func appendTopology(_ server: Server, _ output: UnsafeMutablePointer<OutputBuffer>) {
        var text = StatisticsText()
        text.addBytes(server.pointee.topology.payload, named: "VALUE \(Topology.key)")
        send(text, output)
    }

    // MARK: refresh_certs

    /// Of a server that has certificates only those get here who want no answer; the others learn what came of it.
    private static func refreshAnswer(_ server: Server) -> String {
        guard TLSLibrary.isThere else { return "ERROR" }
        guard server.askForCertificates() != nil else { return "Error TLS not enabled" }
        return "OK"
    }

    // MARK: debugtime

    /// Moves the clock forward, stops it (`p`) or lets it go on (`r`), for test suites started with
    /// `-o relaxed_privileges`.
    private static func debugTimeAnswer(_ words: ArraySlice<String>, _ server: Server) -> String {
        guard server.pointee.settings.allowsTestCommands, let word = words.first else { return "ERROR" }
        switch word {
        case "p": server.pointee.clock.setPaused(true)
        case "r": server.pointee.clock.setPaused(false)
        default:
            guard let seconds = UInt32(word) else { return "ERROR" }
            server.pointee.clock.advance(seconds: seconds)
        }
        return "OK"
    }

    // MARK: debugitem

    /// Holds an item where it is, for test suites: `lock` and `ref` and their opposites. What is locked can be read and
    /// changed as ever, but is neither evicted nor moved.
    private static func debugItemAnswer(_ words: ArraySlice<String>, _ desk: Desk) -> String {
        let words = Array(words)
        guard desk.server.pointee.settings.allowsTestCommands, words.count == 2 else { return "ERROR" }
        var key = words[1]
        return key.withUTF8 { bytes in
            guard let start = bytes.baseAddress, (1...ItemKey.bytesMax).contains(bytes.count) else { return "ERROR" }
            let session = desk.session
            let key = ItemKey(bytes: start, count: bytes.count, hash: session.hash(start, bytes.count))
            switch words[0] {
            case "lock": return session.setPinned(key, true) ? "OK" : "SERVER_ERROR too many items held"
            case "unlock": return session.setPinned(key, false) ? "OK" : "MISS"
            case "ref": return session.setReferenced(key, true) ? "OK" : "MISS"
            case "unref": return session.setReferenced(key, false) ? "OK" : "MISS"
            default: return "ERROR"
            }
        }
    }

    // MARK: Shared

    static var badFormat: String { "CLIENT_ERROR bad command line format" }
    static var badClass: String { "BADCLASS invalid class id" }

    /// What a ratio or a factor may be at most; not a number is neither more nor less.
    static var fractionMax: Double { 1e9 }

    static func fraction(_ word: String) -> Double? {
        guard let number = Double(word), number >= 0, number <= fractionMax else { return nil }
        return number
    }
}
