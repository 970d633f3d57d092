import Glibc
import LoadEngine

/// A PostgreSQL of the scenario's own: made in a scratch folder, reached through a Unix socket in it and through
/// nothing else, ended and removed with everything in it.
///
///     folder/            given to the unprivileged user, closed to everybody else
///       cluster/         what initdb makes
///       .s.PGSQL.5432    the socket
///       initdb.log, postgres.log
///
/// What is written need not survive: no fsync, no vacuuming by itself in the middle of a measurement.
package final class PostgresServer: RowDatabase {
    package let name: String
    private let folder: ScratchFolder
    // Reason: only whoever made the server starts and stops; other threads make sessions, which do not touch it.
    nonisolated(unsafe) private let program: DatabaseProgram
    private let library: PostgresLibrary

    private static let startSecondsMax = 60.0
    /// For the end that does not wait for sessions.
    private static let stopSecondsMax = 10.0
    /// Connections beside the clients'.
    private static let spareConnections = 10

    /// Makes and starts it, with room for `clientCount` clients. Throws with nothing left behind.
    package init(
        _ installation: PostgresInstallation, library: PostgresLibrary, clientCount: Int, _ endRequest: EndRequest
    ) throws(LoadError) {
        let folder = try ScratchFolder()
        let program: DatabaseProgram
        do throws(LoadError) {
            program = try Self.start(installation, folder, clientCount: clientCount, endRequest)
        } catch {
            folder.remove()
            throw error
        }
        do throws(LoadError) {
            let session = try Self.awaitSession(library, folder, program, endRequest)
            name = "PostgreSQL \(session.serverVersion)"
        } catch {
            program.stop(SIGINT, seconds: Self.stopSecondsMax)
            folder.remove()
            throw error
        }
        self.folder = folder
        self.program = program
        self.library = library
    }

    deinit { stop() }

    /// The scratch folder's path and the server's process id, for whoever wants to see that they go.
    package var traces: (path: String, process: pid_t?) { (folder.path, program.process) }

    package func stop() {
        program.stop(SIGINT, seconds: Self.stopSecondsMax)
        folder.remove()
    }

    // MARK: Start

    private static func start(
        _ installation: PostgresInstallation, _ folder: ScratchFolder, clientCount: Int, _ endRequest: EndRequest
    ) throws(LoadError) -> DatabaseProgram {
        let socketBytes = "\(folder.path)/.s.PGSQL.5432".utf8.count
        guard socketBytes <= ServerAddress.pathBytesMax else {
            throw .circumstances(
                "\(folder.path) is too long for the database's socket (\(socketBytes) bytes, at most "
                    + "\(ServerAddress.pathBytesMax)): set TMPDIR to a shorter folder.")
        }
        var user: UnprivilegedUser?
        if getuid() == 0 {
            guard let found = UnprivilegedUser.find() else {
                throw .circumstances("PostgreSQL is not to be run by root, and there is no user postgres or nobody.")
            }
            try folder.give(to: found)
            user = found
        }
        let cluster = "\(folder.path)/cluster"
        let initdb = try DatabaseProgram(
            [
                installation.initdb, "-D", cluster, "-U", PostgresSession.user, "-A", "trust", "-E", "UTF8",
                "--locale=C",
                "--no-sync",
            ], user: user, folder: folder, log: "initdb.log")
        do throws(LoadError) {
            try initdb.wait(seconds: startSecondsMax, endRequest)
        } catch {
            throw LoadError(error.cause, "\(installation.initdb) was ended. \(error.description)")
        }
        guard initdb.hasSucceeded else {
            throw .circumstances("\(installation.initdb) \(initdb.ending ?? "is gone")")
        }
        let settings = [
            "listen_addresses=", "unix_socket_directories=\(folder.path)", "unix_socket_permissions=0700",
            "max_connections=\(clientCount + spareConnections)", "fsync=off", "synchronous_commit=off",
            "full_page_writes=off", "autovacuum=off", "max_wal_size=4GB",
        ]
        return try DatabaseProgram(
            [installation.postgres, "-D", cluster] + settings.flatMap { ["-c", $0] }, user: user, folder: folder,
            log: "postgres.log")
    }

    /// Tries until it answers.
    private static func awaitSession(
        _ library: PostgresLibrary, _ folder: ScratchFolder, _ program: DatabaseProgram, _ endRequest: EndRequest
    ) throws(LoadError) -> PostgresSession {
        let deadline = MonotonicTime.now() + UInt64(startSecondsMax * 1e9)
        while true {
            if let ending = program.ending { throw .circumstances("PostgreSQL did not start: it \(ending)") }
            do throws(LoadError) {
                return try PostgresSession(library, folder: folder.path)
            } catch {
                guard MonotonicTime.now() < deadline else {
                    throw .circumstances("PostgreSQL did not start within \(startSecondsMax) s: \(error.description)")
                }
            }
            try endRequest.sleep(nanoseconds: 20_000_000)
        }
    }

    // MARK: Rows

    package func session(_ table: RowTable) throws(LoadError) -> any RowSession {
        let session = try PostgresSession(library, folder: folder.path)
        try session.prepare(table)
        return session
    }

    package func fill(_ table: RowTable, _ endRequest: EndRequest) throws(LoadError) {
        let session = try PostgresSession(library, folder: folder.path)
        try session.execute("CREATE TABLE rows (key bigint, part integer, value bytea, PRIMARY KEY (key, part))")
        // Compressing would cost queries time that rows of text or numbers do not cost; stamped bytes do not shrink
        // anyway.
        try session.execute("ALTER TABLE rows ALTER COLUMN value SET STORAGE EXTERNAL")
        try session.copy(table, endRequest)
        try session.execute("VACUUM ANALYZE rows")
        // Now rather than in the middle of a measurement.
        try session.execute("CHECKPOINT")
    }
}
