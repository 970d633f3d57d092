import Glibc
import LoadEngine

/// One connection through libpq. Belongs to one thread.
final class PostgresSession: RowSession {
    /// The database's superuser; no user of the system.
    static let user = "martlet"

    private let library: PostgresLibrary
    private let connection: PostgresLibrary.Connection?
    private var table: RowTable?
    private var copy: [UInt8] = []

    /// Connects through the socket in `folder`. Says everything itself that the environment could say otherwise.
    init(_ library: PostgresLibrary, folder: String) throws(LoadError) {
        self.library = library
        let parameters = [
            ("host", folder), ("port", "5432"), ("user", Self.user), ("dbname", "postgres"), ("password", ""),
            ("sslmode", "disable"), ("gssencmode", "disable"), ("connect_timeout", "10"),
            ("options", "-c statement_timeout=\(Self.queryMillisecondsMax)"), ("client_encoding", "UTF8"),
        ]
        let names = parameters.map { strdup($0.0) } + [nil]
        let values = parameters.map { strdup($0.1) } + [nil]
        defer { for text in names + values { free(text) } }
        connection = library.connect(names.map(PostgresLibrary.text), values.map(PostgresLibrary.text), 0)
        guard library.status(connection) == PostgresLibrary.connectionIsGood else {
            throw failure("cannot be reached")
        }
        // What goes wrong is told once, by an error; notices are not for standard error.
        _ = library.setNoticeProcessor(connection, { _, _ in }, nil)
    }

    deinit { library.finish(connection) }

    /// A query that takes longer has failed.
    private static let queryMillisecondsMax = 30_000

    var serverVersion: String {
        let text = library.parameterStatus(connection, "server_version").map { String(cString: $0) } ?? ""
        return text.split(separator: " ").first.map(String.init) ?? "of unknown version"
    }

    // MARK: Queries

    func prepare(_ table: RowTable) throws(LoadError) {
        self.table = table
        try take(
            library.prepare(connection, "read", "SELECT value FROM rows WHERE key = $1 ORDER BY part", 1, [Self.int8]),
            expecting: PostgresLibrary.commandIsDone)
        try take(
            library.prepare(
                connection, "update", "UPDATE rows SET value = $3 WHERE key = $1 AND part = $2", 3,
                [Self.int8, Self.int4, Self.bytea]), expecting: PostgresLibrary.commandIsDone)
    }

    func read(_ key: UInt64, into value: inout [UInt8]) throws(LoadError) {
        value.removeAll(keepingCapacity: true)
        var bigEndian = key.bigEndian
        let answer = withUnsafeBytes(of: &bigEndian) { key in
            run("read", [key])
        }
        defer { library.clear(answer) }
        guard library.statusOf(answer) == PostgresLibrary.rowsAreThere else { throw failure("cannot be queried") }
        for row in 0..<library.rowCount(answer) {
            let count = Int(library.length(answer, row, 0))
            value.append(contentsOf: UnsafeRawBufferPointer(start: library.value(answer, row, 0), count: count))
        }
    }

    func update(_ key: UInt64, version: UInt32) throws(LoadError) {
        guard let table else { return }
        table.write(key, version: version, into: &copy)
        try execute("BEGIN")
        for part in 0..<table.partCount {
            var bigEndianKey = key.bigEndian
            var bigEndianPart = Int32(part).bigEndian
            let range = table.range(ofPart: part, count: copy.count)
            let answer = withUnsafeBytes(of: &bigEndianKey) { key in
                withUnsafeBytes(of: &bigEndianPart) { part in
                    copy.withUnsafeBytes { run("update", [key, part, UnsafeRawBufferPointer(rebasing: $0[range])]) }
                }
            }
            try take(answer, expecting: PostgresLibrary.commandIsDone)
        }
        try execute("COMMIT")
    }

    func execute(_ statement: String) throws(LoadError) {
        try take(library.execute(connection, statement), expecting: PostgresLibrary.commandIsDone)
    }

    /// Types of parameters, by their numbers in PostgreSQL's catalogue.
    private static let bytea: UInt32 = 17
    private static let int8: UInt32 = 20
    private static let int4: UInt32 = 23

    /// Runs a prepared statement; parameters and answer are binary.
    private func run(_ statement: String, _ parameters: [UnsafeRawBufferPointer]) -> PostgresLibrary.Answer? {
        let values = parameters.map { $0.baseAddress?.assumingMemoryBound(to: CChar.self) }
        let lengths = parameters.map { Int32($0.count) }
        let formats = [Int32](repeating: 1, count: parameters.count)
        return library.executePrepared(connection, statement, Int32(parameters.count), values, lengths, formats, 1)
    }

    private func take(_ answer: PostgresLibrary.Answer?, expecting status: Int32) throws(LoadError) {
        defer { library.clear(answer) }
        guard library.statusOf(answer) == status else { throw failure("refuses a statement") }
    }

    private func failure(_ what: String) -> LoadError {
        let words = library.errorMessage(connection).map { String(cString: $0) } ?? ""
        let line = words.split(whereSeparator: \.isNewline).first ?? "no reason is given"
        return .circumstances("The database PostgreSQL \(what): \(line).")
    }
}

// MARK: - Filling

extension PostgresSession {
    /// Sends all rows of `table` in their first version, in PostgreSQL's binary copy format:
    ///
    ///     "PGCOPY\n\377\r\n\0"  flags 4 B  extension 4 B                          once
    ///     3: 2 B | 8: 4 B, key 8 B | 4: 4 B, part 4 B | count 4 B, value          each row
    ///     -1: 2 B                                                                 at the end
    func copy(_ table: RowTable, _ endRequest: EndRequest) throws(LoadError) {
        try take(
            library.execute(connection, "COPY rows FROM STDIN (FORMAT binary)"),
            expecting: PostgresLibrary.copyMayBegin)
        var value: [UInt8] = []
        copy = Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0] + [UInt8](repeating: 0, count: 8)
        for key in 0...table.keyCount {
            table.write(key, version: RowTable.firstVersion, into: &value)
            for part in 0..<table.partCount {
                let range = table.range(ofPart: part, count: value.count)
                append(Int16(3))
                append(Int32(8))
                append(key)
                append(Int32(4))
                append(Int32(part))
                append(Int32(range.count))
                copy.append(contentsOf: value[range])
            }
            if copy.count >= Self.copyBytesMax {
                try sendCopy()
                try endRequest.check()
            }
        }
        append(Int16(-1))
        try sendCopy()
        guard library.putCopyEnd(connection, nil) == 1 else { throw failure("takes no rows") }
        try take(library.getAnswer(connection), expecting: PostgresLibrary.commandIsDone)
        while let answer = library.getAnswer(connection) { library.clear(answer) }
    }

    private static let copyBytesMax = 256 << 10

    private func append(_ number: some FixedWidthInteger) {
        withUnsafeBytes(of: number.bigEndian) { copy.append(contentsOf: $0) }
    }

    private func sendCopy() throws(LoadError) {
        let sent = copy.withUnsafeBytes { library.putCopyBytes(connection, $0.baseAddress!, Int32($0.count)) }
        guard sent == 1 else { throw failure("takes no rows") }
        copy.removeAll(keepingCapacity: true)
    }
}
