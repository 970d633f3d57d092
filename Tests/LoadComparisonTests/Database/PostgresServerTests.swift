import Foundation
import Glibc
import LoadComparison
import LoadEngine
import LoadWorkload
import Testing

/// Starting and ending a PostgreSQL, and what is said when it will not start. The failing ones are scripts in its
/// place.
@Suite("Database: PostgreSQL")
struct PostgresServerTests {
    private let table = RowTable(keyCount: 20, partCount: 3, sizes: .fixed(1000))

    @Test(
        "It holds its rows, takes new versions, and leaves neither process nor folder; who asks it then is told",
        .enabled(if: Postgres.isInstalled, Postgres.skipped))
    func life() throws {
        let server = try PostgresServer(
            PostgresInstallation.find(), library: PostgresLibrary(), clientCount: 1, EndRequest())
        let traces = server.traces
        try server.fill(table, EndRequest())
        var (expected, value): ([UInt8], [UInt8]) = ([], [])
        let session = try server.session(table)
        for key in 0...table.keyCount {
            table.write(key, version: 1, into: &expected)
            try session.read(key, into: &value)
            #expect(value == expected)
        }

        try session.update(7, version: 9)
        table.write(7, version: 9, into: &expected)
        try session.read(7, into: &value)
        #expect(value == expected)
        try session.read(1000, into: &value)
        #expect(value.isEmpty)
        #expect(access(traces.path, F_OK) == 0)
        #expect(try owner(of: #require(traces.process)) != 0)

        server.stop()

        #expect(access(traces.path, F_OK) != 0)
        #expect(kill(try #require(traces.process), 0) != 0)
        let error = #expect(throws: LoadError.self) { try session.read(1, into: &value) }
        #expect(error?.description.contains("PostgreSQL") == true)
        #expect(throws: LoadError.self) { try server.session(table) }
    }

    @Test(
        "When initdb fails, it is quoted, and its folder is gone", .enabled(if: Postgres.isInstalled, Postgres.skipped))
    func initdbFails() throws {
        let scripts = try Scripts(initdb: "pwd; echo 'initdb: error: no luck today' >&2; exit 3", postgres: "")

        let error = #expect(throws: LoadError.self) { try scripts.start() }

        #expect(error?.description.contains("status 3") == true)
        #expect(error?.description.contains("no luck today") == true)
        let folder = try #require(error?.description.firstMatch(of: /\/[^ ]*martlet-load\.[^ ]*/)).output
        #expect(access(String(folder), F_OK) != 0)
    }

    @Test("When postgres ends at once, it is quoted", .enabled(if: Postgres.isInstalled, Postgres.skipped))
    func postgresFails() throws {
        let scripts = try Scripts(initdb: "exit 0", postgres: "echo 'FATAL: out of patience' >&2; exit 1")

        let error = #expect(throws: LoadError.self) { try scripts.start() }

        #expect(error?.description.contains("out of patience") == true, "\(error?.description ?? "no error")")
    }

    @Test(
        "The end that is asked for while initdb runs ends initdb", .enabled(if: Postgres.isInstalled, Postgres.skipped))
    func interrupted() throws {
        let scripts = try Scripts(initdb: "exec sleep 120", postgres: "")
        let endRequest = EndRequest()
        endRequest.request(signal: SIGTERM)
        let start = ContinuousClock.now

        let error = #expect(throws: LoadError.self) { try scripts.start(endRequest) }

        #expect(error?.description.contains("signal 15") == true)
        #expect(ContinuousClock.now - start < .seconds(10))
    }

    /// The user a process runs as.
    private func owner(of process: pid_t) throws -> uid_t {
        var status = stat()
        #expect(stat("/proc/\(process)", &status) == 0)
        return getuid() == 0 ? status.st_uid : 1
    }
}

/// Shell scripts where PostgreSQL's programs are looked for.
private final class Scripts {
    let folder: URL

    init(initdb: String, postgres: String) throws {
        folder = URL(fileURLWithPath: "/tmp/martlet-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o755])
        for (name, script) in [("initdb", initdb), ("postgres", postgres)] {
            let path = folder.appendingPathComponent(name).path
            // By a process of its own: a descriptor of ours could be held by what another test is just starting, and a
            // file that somebody may write to cannot be run.
            let writer = Process()
            writer.executableURL = URL(fileURLWithPath: "/bin/sh")
            writer.arguments = [
                "-c", #"printf '%s\n' "$1" > "$2" && chmod 755 "$2""#, "sh", "#!/bin/sh\n\(script)", path,
            ]
            try writer.run()
            writer.waitUntilExit()
            try #require(writer.terminationStatus == 0)
        }
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    func start(_ endRequest: EndRequest = EndRequest()) throws {
        let installation = try PostgresInstallation.find(folder.path)
        _ = try PostgresServer(installation, library: PostgresLibrary(), clientCount: 1, endRequest)
    }
}
