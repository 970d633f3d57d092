import Foundation
import GRDB
import LoadEngine

/// SQLite in a scratch folder: where no PostgreSQL is installed. It runs in the driver's own process, so that a query
/// costs no way there and back; what a cache buys in front of it is less than in front of a server.
package final class SQLiteDatabase: RowDatabase {
    package let name: String
    private let folder: ScratchFolder

    package init() throws(LoadError) {
        let folder = try ScratchFolder()
        self.folder = folder
        name = try Self.guarded {
            let queue = try DatabaseQueue(path: folder.path + "/rows.sqlite", configuration: Self.configuration)
            return try queue.inDatabase { database in
                _ = try String.fetchOne(database, sql: "PRAGMA journal_mode = WAL")
                return "SQLite "
                    + (try String.fetchOne(database, sql: "SELECT sqlite_version()") ?? "of unknown version")
            }
        }
    }

    deinit { stop() }

    /// The scratch folder's path.
    package var path: String { folder.path }

    package func stop() { folder.remove() }

    package func fill(_ table: RowTable, _ endRequest: EndRequest) throws(LoadError) {
        let session = try SQLiteSession(path: folder.path + "/rows.sqlite", table)
        try session.fill(endRequest)
    }

    package func session(_ table: RowTable) throws(LoadError) -> any RowSession {
        try SQLiteSession(path: folder.path + "/rows.sqlite", table)
    }

    static var configuration: Configuration {
        var configuration = Configuration()
        configuration.busyMode = .timeout(10)
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = OFF") }
        return configuration
    }

    /// Runs `body`, whose errors become sentences.
    static func guarded<Result>(_ body: () throws -> Result) throws(LoadError) -> Result {
        do {
            return try body()
        } catch let error as LoadError {
            throw error
        } catch {
            throw .circumstances("The database SQLite fails: \(error)")
        }
    }
}

/// One connection to the file. Belongs to one thread.
final class SQLiteSession: RowSession {
    private let queue: DatabaseQueue
    private let table: RowTable
    private var copy: [UInt8] = []

    init(path: String, _ table: RowTable) throws(LoadError) {
        self.table = table
        queue = try SQLiteDatabase.guarded {
            try DatabaseQueue(path: path, configuration: SQLiteDatabase.configuration)
        }
    }

    func read(_ key: UInt64, into value: inout [UInt8]) throws(LoadError) {
        value.removeAll(keepingCapacity: true)
        try SQLiteDatabase.guarded {
            try queue.inDatabase { database in
                let statement = try database.cachedStatement(
                    sql: "SELECT value FROM rows WHERE key = ? ORDER BY part")
                let rows = try Row.fetchCursor(statement, arguments: [Int64(key)])
                while let row = try rows.next() {
                    try row.withUnsafeData(atIndex: 0) { if let part = $0 { value.append(contentsOf: part) } }
                }
            }
        }
    }

    func update(_ key: UInt64, version: UInt32) throws(LoadError) {
        table.write(key, version: version, into: &copy)
        try SQLiteDatabase.guarded {
            try queue.inTransaction(.immediate) { database in
                for part in 0..<table.partCount {
                    let range = table.range(ofPart: part, count: copy.count)
                    try database.execute(
                        sql: "UPDATE rows SET value = ? WHERE key = ? AND part = ?",
                        arguments: [Data(copy[range]), Int64(key), part])
                }
                return .commit
            }
        }
    }

    func fill(_ endRequest: EndRequest) throws(LoadError) {
        try SQLiteDatabase.guarded {
            try queue.inTransaction { database in
                try database.execute(
                    sql:
                        "CREATE TABLE rows (key INTEGER, part INTEGER, value BLOB, PRIMARY KEY (key, part)) WITHOUT ROWID"
                )
                let insert = try database.makeStatement(sql: "INSERT INTO rows VALUES (?, ?, ?)")
                var value: [UInt8] = []
                for key in 0...table.keyCount {
                    table.write(key, version: RowTable.firstVersion, into: &value)
                    for part in 0..<table.partCount {
                        let range = table.range(ofPart: part, count: value.count)
                        try insert.execute(arguments: [Int64(key), part, Data(value[range])])
                    }
                    if key % 1024 == 0 { try endRequest.check() }
                }
                return .commit
            }
            // With an empty log readers share one lock; else they would take turns for the right to mark their place in
            // it.
            try queue.inDatabase { _ = try $0.checkpoint(.truncate) }
        }
    }
}
