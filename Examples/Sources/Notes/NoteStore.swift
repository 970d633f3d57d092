import GRDB
import Synchronization

/// The notes in SQLite: slow, right, and asked as seldom as can be.
public final class NoteStore: Sendable {
    private let database: any DatabaseWriter
    private let reads = Atomic<Int>(0)

    /// - Parameter path: Of the database; nil for one in memory.
    public init(path: String? = nil) throws {
        database = if let path { try DatabasePool(path: path) } else { try DatabaseQueue() }
        try database.write { database in
            try database.create(table: Note.databaseTableName, options: .ifNotExists) { table in
                table.autoIncrementedPrimaryKey("id")
                table.column("text", .text).notNull()
            }
        }
    }

    /// How often the database was asked.
    public var readCount: Int { reads.load(ordering: .relaxed) }

    public func note(_ id: Int64) async throws -> Note? {
        reads.add(1, ordering: .relaxed)
        return try await database.read { try Note.fetchOne($0, key: id) }
    }

    /// Those that there are, in one question.
    public func notes(_ ids: [Int64]) async throws -> [Note] {
        reads.add(1, ordering: .relaxed)
        return try await database.read { try Note.fetchAll($0, keys: ids) }
    }

    public func add(_ text: String) async throws -> Note {
        try await database.write { database in
            try database.execute(sql: "INSERT INTO note (text) VALUES (?)", arguments: [text])
            return Note(id: database.lastInsertedRowID, text: text)
        }
    }

    /// False if there is no such note.
    public func change(_ note: Note) async throws -> Bool {
        try await database.write { database in
            guard try note.exists(database) else { return false }
            try note.update(database)
            return true
        }
    }

    public func remove(_ id: Int64) async throws -> Bool {
        try await database.write { try Note.deleteOne($0, key: id) }
    }
}
