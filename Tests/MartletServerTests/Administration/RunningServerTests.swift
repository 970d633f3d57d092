import Foundation
import MartletServer
import Testing

/// Which server `--healthcheck` finds among the processes, told by a folder that looks as the system's does.
struct RunningServerTests {
    private final class Processes {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("martlet-\(UUID().uuidString)")

        init() throws { try add("self", [], files: "ours") }

        deinit { try? FileManager.default.removeItem(at: folder) }

        func add(_ name: String, _ words: [String], environment: [String]? = nil, files: String? = nil) throws {
            let own = folder.appendingPathComponent(name)
            try FileManager.default.createDirectory(
                at: own.appendingPathComponent("ns"), withIntermediateDirectories: true)
            try Data(words.map { $0 + "\0" }.joined().utf8).write(to: own.appendingPathComponent("cmdline"))
            if let environment {
                try Data(environment.map { $0 + "\0" }.joined().utf8).write(to: own.appendingPathComponent("environ"))
            }
            guard let files else { return }
            try FileManager.default.createSymbolicLink(
                atPath: own.appendingPathComponent("ns/mnt").path, withDestinationPath: "mnt:[\(files)]")
        }

        var found: RunningServer? { RunningServer.find(in: folder.path) }
    }

    @Test func `process 1 goes first, with its words and its variables`() throws {
        let processes = try Processes()
        try processes.add(
            "1", ["/usr/local/bin/martletd", "--container", "-P", "", "-p", "1"], environment: ["A=b=c", "nothing"])
        try processes.add("7", ["martletd", "-p", "7"])

        let found = try #require(processes.found)

        #expect(found.identifier == 1)
        #expect(found.words == ["--container", "-P", "", "-p", "1"])
        #expect(found.environment == ["A": "b=c"])
    }

    @Test(arguments: [
        ["/sbin/docker-init", "--", "martlet-entrypoint"], ["sh", "-c", "martletd -p 7"], ["/pause"], [],
    ])
    func `behind an init it is the one server there is`(first: [String]) throws {
        let processes = try Processes()
        try processes.add("1", first)
        try processes.add("7", ["martletd", "-p", "7"])
        try processes.add("8", ["martletd", "--healthcheck"])
        try processes.add("9", ["sh"])

        let found = try #require(processes.found)

        #expect(found.identifier == 7 && found.words == ["-p", "7"] && found.environment.isEmpty)
    }

    @Test func `of several it is that of the same container`() throws {
        let processes = try Processes()
        try processes.add("1", ["/pause"])
        try processes.add("7", ["martletd", "-p", "7"], files: "theirs")
        try processes.add("8", ["martletd", "-p", "8"], files: "ours")
        #expect(processes.found?.identifier == 8)

        try processes.add("9", ["martletd", "-p", "9"], files: "ours")
        #expect(processes.found == nil)
    }

    @Test func `there may be none`() throws {
        let processes = try Processes()
        try processes.add("1", ["init"])

        #expect(processes.found == nil)
        #expect(RunningServer.find(in: "/nowhere") == nil)
    }
}
