import Foundation
import Hummingbird
import HummingbirdTesting
import MartletClient
import Notes
import Testing

/// The web service, asked as its clients ask it.
@Suite("Notes", .enabled(if: CacheServerUnderTest.server != nil, "MARTLET_SERVER names no server"))
struct NotesTests {
    private static func run(_ body: @Sendable @escaping (any TestClientProtocol, NoteStore) async throws -> Void)
        async throws
    {
        try await CacheServerUnderTest.run { cache in
            let store = try NoteStore()
            let application = Application(router: notesRouter(store, cache: cache))
            try await application.test(.router) { try await body($0, store) }
        }
    }

    private static func text(_ client: any TestClientProtocol, _ uri: String) async throws -> String {
        try await client.execute(uri: uri, method: .get) { String(buffer: $0.body) }
    }

    private static func note(_ client: any TestClientProtocol, _ uri: String) async throws -> Note {
        try JSONDecoder().decode(Note.self, from: Data(try await text(client, uri).utf8))
    }

    private static func notes(_ client: any TestClientProtocol, _ uri: String) async throws -> [Note] {
        try JSONDecoder().decode([Note].self, from: Data(try await text(client, uri).utf8))
    }

    private static func write(_ text: String) -> ByteBuffer { ByteBuffer(string: "{\"text\":\"\(text)\"}") }

    @Test("However often a note is read, the database is asked once; a change is seen at once")
    func readsAndChanges() async throws {
        try await Self.run { client, store in
            try await client.execute(uri: "/notes", method: .post, body: Self.write("first")) { response in
                #expect(response.status == .created)
            }
            for _ in 0..<5 { #expect(try await Self.note(client, "/notes/1") == Note(id: 1, text: "first")) }
            #expect(store.readCount == 1)

            try await client.execute(uri: "/notes/1", method: .put, body: Self.write("second")) { response in
                #expect(response.status == .ok)
            }
            #expect(try await Self.note(client, "/notes/1") == Note(id: 1, text: "second"))
            try await client.execute(uri: "/notes/1", method: .delete) { #expect($0.status == .noContent) }
            try await client.execute(uri: "/notes/1", method: .get) { #expect($0.status == .notFound) }
        }
    }

    @Test("That there is no such note is remembered, until there is one")
    func absence() async throws {
        try await Self.run { client, store in
            for _ in 0..<5 {
                try await client.execute(uri: "/notes/1", method: .get) { #expect($0.status == .notFound) }
            }
            #expect(store.readCount == 1)
            try await client.execute(uri: "/notes", method: .post, body: Self.write("here")) { _ in }
            #expect(try await Self.note(client, "/notes/1") == Note(id: 1, text: "here"))
        }
    }

    @Test("Many notes cost one question, and those that are cached none")
    func many() async throws {
        try await Self.run { client, store in
            for number in 1...5 {
                try await client.execute(uri: "/notes", method: .post, body: Self.write("n\(number)")) { _ in }
            }
            #expect(try await Self.notes(client, "/notes?ids=1,3,99").map(\.id) == [1, 3])
            #expect(store.readCount == 1)
            let all = try await Self.notes(client, "/notes?ids=5,3,1")
            #expect(all == [5, 3, 1].map { Note(id: $0, text: "n\($0)") })
            #expect(store.readCount == 2)
            #expect(try await Self.notes(client, "/notes?ids=5,3,1") == all)
            #expect(store.readCount == 2)
            try await client.execute(uri: "/notes?ids=", method: .get) { #expect($0.status == .badRequest) }
        }
    }

    @Test("A hundred requests at once for a note that is not cached ask the database once")
    func crowd() async throws {
        try await Self.run { client, store in
            try await client.execute(uri: "/notes", method: .post, body: Self.write("hot")) { _ in }
            try await withThrowingTaskGroup { group in
                for _ in 0..<100 { group.addTask { try await Self.note(client, "/notes/1") } }
                for try await note in group { #expect(note == Note(id: 1, text: "hot")) }
            }
            #expect(store.readCount == 1)
        }
    }

    @Test("Drafts are kept, and one that is not there is told")
    func drafts() async throws {
        try await Self.run { client, _ in
            try await client.execute(uri: "/drafts/mine", method: .put, body: ByteBuffer(string: "a thought")) {
                response in
                #expect(response.status == .noContent)
            }
            #expect(try await Self.text(client, "/drafts/mine") == "a thought")
            try await client.execute(uri: "/drafts/yours", method: .get) { #expect($0.status == .notFound) }
        }
    }
}
