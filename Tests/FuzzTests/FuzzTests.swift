import Foundation
import FuzzTargets
import Testing

/// Each fuzz target over its corpus and over seeded changes of it, in any build. The long run is `./martlet fuzz`.
@Suite("Fuzz targets")
struct FuzzTests {
    /// Tests/FuzzTests/FuzzTests.swift: three steps up.
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Tools/Fuzz")

    static func corpus(_ target: FuzzTarget) throws -> [(name: String, bytes: [UInt8])] {
        let folder = folder.appendingPathComponent("Corpus/\(target.rawValue)")
        return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted().map { name in
            (name, try [UInt8](Data(contentsOf: folder.appendingPathComponent(name))))
        }
    }

    /// Changes of the corpus that are tried: fewer where one takes long.
    private static func changeCount(_ target: FuzzTarget) -> Int {
        switch target {
        case .text, .binary, .negotiated, .login, .datagram, .options: 60
        case .restart: 15
        default: 400
        }
    }

    @Test("hold for their corpus", arguments: FuzzTarget.allCases)
    func corpus(target: FuzzTarget) throws {
        let corpus = try Self.corpus(target)

        #expect(corpus.count >= 2)
        for (name, bytes) in corpus {
            #expect(throws: Never.self, "\(target.rawValue)/\(name)") { try target.check(bytes) }
        }
    }

    @Test("hold for what is made from their corpus", arguments: FuzzTarget.allCases)
    func changes(target: FuzzTarget) throws {
        let dictionary = try String(contentsOf: Self.folder.appendingPathComponent("dictionary.txt"), encoding: .utf8)
        let words = Mutation.words(dictionary)
        var mutation = Mutation(try Self.corpus(target).map(\.bytes), words: words, seed: 20_261_121)

        #expect(words.count > 50)
        for number in 0..<Self.changeCount(target) {
            let input = mutation.next()
            #expect(throws: Never.self, "change \(number): \(input)") { try target.check(input) }
        }
    }

    /// The words are in a value, on a line of their own: the data block hides them. Before, they switched the
    /// comparison off for all that came with them.
    @Test("take only what the server says for a refusal, not what is in values")
    func refusals() {
        let refusal = "ERROR cannot pipeline other commands before metadump\r\n"
        let value = "x\r\n\(refusal)"
        func refuses(_ reply: String) -> Bool { ReplyText(Array(reply.utf8)).refusesDump }

        #expect(refuses("MN\r\n\(refusal)"))
        #expect(!refuses("VALUE a 0 \(value.utf8.count)\r\n\(value)\r\nEND\r\n"))
        #expect(!refuses("VALUE a 0 \(value.utf8.count) 7\r\n\(value)\r\nEND\r\n"))
        #expect(!refuses("VA \(value.utf8.count) t-1\r\n\(value)\r\nMN\r\n"))
        #expect(refuses("VA 1\r\nx\r\n\(refusal)"))
        #expect(!refuses("CLIENT_ERROR \(refusal)"))
        let statistics = "STAT a 1\r\nVA 10\r\nSTAT b 2\r\n\r\nEND\r\n"
        #expect(ReplyText(Array(statistics.utf8)).withoutStatistics == Array("VA 10\r\nSTAT b 2\r\n\r\nEND\r\n".utf8))
    }

    @Test("take words out of a dictionary")
    func words() {
        #expect(Mutation.words("# none\n\"a\\x0d\\\\\"\n\"\"\nb\n") == [[0x61, 0x0d, 0x5c]])
    }
}

/// What fuzzing has found, each by the input that showed it.
@Suite("Findings of fuzz targets")
struct FindingTests {
    private func holds(_ target: FuzzTarget, _ name: String) throws {
        let input = try #require(try FuzzTests.corpus(target).first { $0.name == name })
        #expect(throws: Never.self) { try target.check(input.bytes) }
    }

    /// Room was taken for each page up to it and given back: minutes on a slow disk.
    @Test("a file that nobody closed, and that says it has a page far behind its end, starts at once")
    func pagesBehindTheEnd() throws { try holds(.restart, "pages-behind-the-end") }

    /// `Int(_:)` and the products of them trapped.
    @Test(
        "a file that nobody closed, with sums that agree and counts that no store has, starts empty",
        arguments: ["counts-of-the-head", "more-pages-than-a-number"])
    func counts(name: String) throws { try holds(.restart, name) }

    /// Written out, it was the address without its brackets, and of that the first part.
    @Test("an address at port 0 is no server")
    func addressAtPortZero() throws { try holds(.topology, "address-at-port-0") }
}
