import Glibc
import Testing

/// Goal: the answers to every command are what the transcripts say, whoever is asked.
/// Method: each transcript is run against the logic alone, a server in this process, and a server elsewhere if one is
/// named.
@Suite("Conformance")
struct ConformanceTests {
    @Test("The logic alone answers as the transcripts say", arguments: Transcript.names)
    func logic(_ name: String) throws {
        let transcript = try Transcript(named: name)
        let runner = TranscriptRunner(target: try LogicTarget(options: transcript.options))

        for testCase in transcript.cases where testCase.applies(to: .martlet) {
            let difference = try runner.run(testCase)
            #expect(difference == nil, "\(name), \(testCase.name)")
        }
    }

    @Test("The logic alone answers the same with a turn of one command", arguments: Transcript.names)
    func shortTurns(_ name: String) throws {
        let transcript = try Transcript(named: name)
        let runner = TranscriptRunner(target: try LogicTarget(options: transcript.options, commandsMax: 1))

        for testCase in transcript.cases where testCase.applies(to: .martlet) {
            let difference = try runner.run(testCase)
            #expect(difference == nil, "\(name), \(testCase.name)")
        }
    }

    @Test("A server in this process answers as the transcripts say", arguments: Transcript.names)
    func inProcess(_ name: String) throws {
        let transcript = try Transcript(named: name)
        let server = try InProcessServer(options: transcript.options)
        let runner = TranscriptRunner(target: try SocketTarget(server.address))

        for testCase in transcript.cases where testCase.applies(to: .martlet) {
            let difference = try runner.run(testCase)
            #expect(difference == nil, "\(name), \(testCase.name)")
        }
    }

    /// Address and options of a server elsewhere.
    static let elsewhere: SocketTarget.Address? =
        getenv("MARTLET_CONFORMANCE_SERVER").flatMap { SocketTarget.Address(String(cString: $0)) }
    static let elsewhereOptions: [String] =
        getenv("MARTLET_CONFORMANCE_OPTIONS").map { String(cString: $0).split(separator: " ").map(String.init) } ?? []

    // One server answers for all of them, so they take turns.
    @Suite("Elsewhere", .serialized, .enabled(if: elsewhere != nil, "MARTLET_CONFORMANCE_SERVER names no server"))
    struct Elsewhere {
        @Test("A server elsewhere answers as the transcripts say", arguments: Transcript.names)
        func elsewhere(_ name: String) throws {
            let transcript = try Transcript(named: name)
            guard let address = ConformanceTests.elsewhere, transcript.options == ConformanceTests.elsewhereOptions
            else { return }
            let target = try SocketTarget(address)
            let runner = TranscriptRunner(target: target)

            for testCase in transcript.cases where testCase.applies(to: target.flavour) {
                let difference = try runner.run(testCase)
                #expect(difference == nil, "\(name), \(testCase.name)")
            }
        }
    }
}
