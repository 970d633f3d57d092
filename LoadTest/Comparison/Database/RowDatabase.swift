import LoadEngine

/// A database that holds a `RowTable`, running: PostgreSQL or SQLite.
package protocol RowDatabase: AnyObject, Sendable {
    /// With its version: `PostgreSQL 15.14`.
    var name: String { get }

    /// Makes the table and its rows, each in its first version; asks `endRequest` now and then.
    func fill(_ table: RowTable, _ endRequest: EndRequest) throws(LoadError)

    /// A connection of its own for one thread.
    func session(_ table: RowTable) throws(LoadError) -> any RowSession

    /// Ends what was started and removes what was written. Sessions must be gone.
    func stop()
}

/// One connection to a database. Belongs to one thread.
package protocol RowSession: AnyObject {
    /// Replaces the content of `value` by the value of `key`: its rows, one behind the other. One query.
    /// A key that has no rows leaves it empty.
    func read(_ key: UInt64, into value: inout [UInt8]) throws(LoadError)

    /// Replaces the rows of `key` by those of another version, all at once.
    func update(_ key: UInt64, version: UInt32) throws(LoadError)
}
