import Foundation
import MartletServer
import ServerTesting
import Testing

@Suite("martletctl: dump and load")
struct DumpTests {
    /// Stores items of many sizes, flags and lives.
    private func fill(_ server: TestServer, count: Int = 600) throws {
        let client = try server.client()
        for index in 0..<count {
            let value = String(repeating: "v\(index)\r\n", count: index % 40 + (index % 97 == 0 ? 4000 : 0))
            let life = index % 3 == 0 ? 0 : 1000 + index
            try client.send("set key:\(index) \(index * 7) \(life) \(value.utf8.count)\r\n\(value)\r\n")
            #expect(try client.receiveText(8) == "STORED\r\n")
        }
        #expect(try Program("set", "-s", server.address, "with blank", "v").status == 0)
    }

    /// Everything of a server, but for lives: a line for each item.
    private func contents(_ server: TestServer) throws -> [String] {
        let keys = try Program("keys", "-s", server.address).output.split(separator: "\n").map(String.init)
        return try Program(["get", "--json", "-s", server.address] + keys.filter { !$0.contains("\\x") }).output
            .split(separator: "\n").map { line in
                String(line).replacing(/"ttl_seconds":[0-9]+/, with: "alive")
            }.sorted()
    }

    @Test("what is loaded from a dump is what was dumped")
    func roundTrip() throws {
        let source = try TestServer()
        let target = try TestServer()
        try fill(source)
        let place = try TemporaryPlace()

        let dump = try Program("dump", "-s", source.address, place.path("a"))
        let load = try Program("load", "-s", target.address, place.path("a"), "--verify")

        #expect(dump.status == 0, "\(dump.errors)")
        #expect(load.status == 0, "\(load.errors)")
        let loaded = try contents(target)
        #expect(try contents(source) == loaded)
        #expect(
            try Program("load", "-s", target.address, place.path("a"), "--resume").errors.hasPrefix("0 items stored"))
    }

    @Test("items go straight to other servers, each to its own")
    func copy() throws {
        let source = try TestServer()
        let one = try TestServer()
        let two = try TestServer()
        try fill(source)

        let copy = try Program("dump", "-s", source.address, "--to", "\(one.address),\(two.address)", "--verify")

        #expect(copy.status == 0, "\(copy.errors)")
        let copied = try (contents(one) + contents(two)).sorted()
        #expect(try contents(source) == copied)
        #expect(try !contents(one).isEmpty)
        #expect(try !contents(two).isEmpty)
    }

    @Test("a dump that was cut anywhere goes on, and is refused as it is", arguments: [0, 10, 20, 30, 5001, -5])
    func resume(cut: Int) throws {
        let source = try TestServer()
        let target = try TestServer()
        try fill(source)
        let path = try TemporaryPlace()
        let file = path.path("a")
        #expect(try Program("dump", "-s", source.address, file).status == 0)
        let whole = try Data(contentsOf: URL(fileURLWithPath: file))
        try whole.prefix(cut < 0 ? whole.count + cut : cut).write(to: URL(fileURLWithPath: file))

        #expect(try Program("load", "-s", target.address, file).errors.contains("incomplete"))
        let resumed = try Program("dump", "-s", source.address, file, "--resume")
        let load = try Program("load", "-s", target.address, file)

        #expect(resumed.status == 0, "\(resumed.errors)")
        #expect(load.status == 0, "\(load.errors)")
        let loaded = try contents(target)
        #expect(try contents(source) == loaded)
        #expect(try Program("dump", "-s", source.address, file, "--resume").errors.contains("is complete"))
    }

    @Test("a server that cannot be asked, or does not tell its keys, leaves a dump as it was")
    func failureKeepsDump() throws {
        let silent = try TestServer { $0.allowsDump = false }
        let gone = try RefusingPort()
        let place = try TemporaryPlace()
        let file = place.path("keep")
        try Data("precious".utf8).write(to: URL(fileURLWithPath: file))

        for address in [silent.address, gone.address] {
            let dump = try Program("dump", "-s", address, file)

            #expect(dump.status != 0)
            #expect(try String(contentsOf: URL(fileURLWithPath: file), encoding: .utf8) == "precious")
            #expect(!FileManager.default.fileExists(atPath: file + ".part"))
        }
    }

    @Test("a dump is beside the file until it is whole, and goes on from there")
    func unfinished() throws {
        let source = try TestServer()
        try fill(source)
        let place = try TemporaryPlace()
        let file = place.path("a")
        let part = URL(fileURLWithPath: file + ".part")
        #expect(try Program("dump", "-s", source.address, file).status == 0)
        let whole = try Data(contentsOf: URL(fileURLWithPath: file))
        try Data("an older one".utf8).write(to: URL(fileURLWithPath: file))
        let down = try RefusingPort()

        for size in [0, 5001, whole.count] {
            try whole.prefix(size).write(to: part)
            if size < whole.count {
                #expect(try Program("dump", "-s", down.address, file, "--resume").status != 0)
                #expect(try Data(contentsOf: URL(fileURLWithPath: file)) == Data("an older one".utf8))
                #expect(try Data(contentsOf: part).count == size)
            }

            let resumed = try Program("dump", "-s", source.address, file, "--resume")

            #expect(resumed.status == 0, "\(resumed.errors)")
            #expect(resumed.errors.contains("is complete") == (size == whole.count))
            #expect(!FileManager.default.fileExists(atPath: part.path))
            let target = try TestServer()
            #expect(try Program("load", "-s", target.address, file, "--verify").status == 0)
            try Data("an older one".utf8).write(to: URL(fileURLWithPath: file))
        }
    }

    @Test("a dump that is resumed before it began begins")
    func resumeNothing() throws {
        let source = try TestServer()
        try fill(source, count: 20)
        let place = try TemporaryPlace()

        let dump = try Program("dump", "-s", source.address, place.path("a"), "--resume")

        #expect(dump.status == 0, "\(dump.errors)")
        #expect(dump.errors.hasPrefix("21 items, "))
        try Data("shopping list\n".utf8).write(to: URL(fileURLWithPath: place.path("b")))
        #expect(try Program("dump", "-s", source.address, place.path("b"), "--resume").errors.contains("is no dump"))
    }

    @Test("only its owner may read a dump, whoever could read what was there before")
    func mode() throws {
        let source = try TestServer()
        try fill(source, count: 5)
        let place = try TemporaryPlace()
        for name in ["a", "a.part"] {
            try Data("old".utf8).write(to: URL(fileURLWithPath: place.path(name)))
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: place.path(name))
        }

        #expect(try Program("dump", "-s", source.address, place.path("a")).status == 0)

        let attributes = try FileManager.default.attributesOfItem(atPath: place.path("a"))
        #expect(attributes[.posixPermissions] as? Int == 0o600)
    }

    @Test("a link stays one, and a device stays a device")
    func otherFiles() throws {
        let source = try TestServer()
        try fill(source, count: 5)
        let place = try TemporaryPlace()
        try Data("old".utf8).write(to: URL(fileURLWithPath: place.path("a")))
        try FileManager.default.createSymbolicLink(atPath: place.path("link"), withDestinationPath: place.path("a"))
        try FileManager.default.createSymbolicLink(atPath: place.path("null"), withDestinationPath: "/dev/null")

        #expect(try Program("dump", "-s", source.address, place.path("link")).status == 0)
        #expect(try Program("dump", "-s", source.address, place.path("null")).status == 0)

        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: place.path("link")) == place.path("a"))
        #expect(try Data(contentsOf: URL(fileURLWithPath: place.path("a"))).starts(with: "martlet dump 2 ".utf8))
        #expect(try FileManager.default.contentsOfDirectory(atPath: place.path("")).sorted() == ["a", "link", "null"])
    }

    @Test("what is dumped, read back or looked at is not taken for used", arguments: ["dump", "copy", "get"])
    func bystander(way: String) throws {
        let source = try TestServer()
        let target = try TestServer()
        #expect(try Program("set", "-s", source.address, "a", "v").status == 0)
        let place = try TemporaryPlace()

        switch way {
        case "dump": #expect(try Program("dump", "-s", source.address, place.path("a")).status == 0)
        case "copy":
            #expect(try Program("dump", "-s", source.address, "--to", target.address, "--verify").status == 0)
        default: #expect(try Program("get", "-s", source.address, "a").output == "v")
        }

        for server in way == "copy" ? [source, target] : [source] {
            #expect(try Program("keys", "-s", server.address, "--json").output.contains(#""fetched":false"#))
        }
    }

    @Test("a batch on which the server has hung up is stored over another connection")
    func idle() throws {
        let source = try TestServer()
        for index in 0..<600 { #expect(try source.client().exchange("set \(index) 0 0 1\r\nx\r\n", "STORED\r\n")) }
        let place = try TemporaryPlace()
        #expect(try Program("dump", "-s", source.address, place.path("a")).status == 0)
        // Says one thing on each connection.
        let fickle = try FakeServer { _ in Array("MN\r\n".utf8) }

        let load = try Program("load", "-s", fickle.address, place.path("a"))

        #expect(load.status == 0, "\(load.errors)")
        #expect(load.errors.hasPrefix("600 items stored"))
    }

    @Test("a byte that has changed is noticed")
    func damage() throws {
        let source = try TestServer()
        try fill(source, count: 20)
        let place = try TemporaryPlace()
        let file = URL(fileURLWithPath: place.path("a"))
        #expect(try Program("dump", "-s", source.address, file.path).status == 0)
        let whole = try Data(contentsOf: file)
        let target = try TestServer()

        let first = try #require(whole.firstIndex(of: 0x0A)) + 1
        for position in stride(from: first, to: whole.count, by: whole.count / 8) {
            var damaged = whole
            damaged[position] ^= 4
            try damaged.write(to: file)
            #expect(try Program("load", "-s", target.address, file.path).status != 0, "\(position)")
        }
    }

    @Test("dumps behind one another are all loaded, and nothing else behind an end is")
    func joined() throws {
        let target = try TestServer()
        let one = DumpText.file("YQ== 0 - 1", value: "x")
        let two = DumpText.file("Yg== 0 - 2", value: "yy")

        let both = try Program("load", "-s", target.address, "-", input: one + two)

        #expect(both.status == 0, "\(both.errors)")
        #expect(both.errors.hasPrefix("2 items stored"), "\(both.errors)")
        #expect(try Program("get", "-s", target.address, "b").output == "yy")
        for (rest, reason) in [
            ("shopping list\n", "is no dump"), ("x", "is no dump"), ("martlet du", "behind 1 items"),
            (String(two.dropLast(8)), "behind 2 items"),
        ] {
            let load = try Program("load", "-s", target.address, "-", input: one + rest)

            #expect(load.status == 1)
            #expect(load.errors.contains(reason), "\(load.errors)")
        }
    }

    @Test("an interrupted dump goes on only with the same servers and filter, and within a day")
    func resumeOther() throws {
        let source = try TestServer()
        let other = try TestServer()
        try fill(source, count: 20)
        let place = try TemporaryPlace()
        let file = place.path("a")
        let words = ["dump", "-s", source.address, "--prefix", "key:", file]
        #expect(try Program(words).status == 0)
        let cut = String(decoding: try Data(contentsOf: URL(fileURLWithPath: file)).dropLast(5), as: UTF8.self)
        func resume(_ text: String, _ words: [String]) throws -> Program {
            try? FileManager.default.removeItem(atPath: file)
            try Data(text.utf8).write(to: URL(fileURLWithPath: file + ".part"))
            return try Program(words + ["--resume"])
        }

        for others in [["dump", "-s", other.address, "--prefix", "key:", file], ["dump", "-s", source.address, file]] {
            let program = try resume(cut, others)
            #expect(program.status == 1)
            #expect(program.errors.contains("was begun with -s \(source.address) --prefix key:, and not"))
        }
        let old = "martlet dump 2 1000" + String(cut.drop { $0 != "\n" })
        #expect(try resume(old, words).errors.contains("only --force goes on with it"))
        #expect(try resume(old, words + ["--force"]).status == 0)
        #expect(try resume(cut, words).status == 0)
    }

    @Test("a length that is wrong is found before it is believed", arguments: ["9999999999", "1", "100"])
    func damagedLength(length: String) throws {
        let place = try TemporaryPlace()
        let server = try TestServer()
        let file = DumpText.file("YQ== 0 - 10", value: "0123456789").replacing(" 10 ", with: " \(length) ")
        try Data(file.utf8).write(to: URL(fileURLWithPath: place.path("a")))

        let load = try Program("load", "-s", server.address, place.path("a"))

        #expect(load.errors.contains("item 1 is damaged: its line's sum is wrong"), "\(load.errors)")
    }

    @Test("what the other server refuses is named and left out, and the rest goes on", arguments: ["copy", "load"])
    func refused(way: String) throws {
        let source = try TestServer { $0.itemBytesMax = 1 << 20 }
        let target = try TestServer { $0.itemBytesMax = 64 << 10 }
        let other = try TestServer { $0.itemBytesMax = 1 << 20 }
        let place = try TemporaryPlace()
        for (key, count) in [("a", 10), ("large", 200_000), ("b", 10), ("larger", 300_000), ("c", 60_000)] {
            let words = ["set", "-s", source.address, key]
            #expect(try Program(words, input: String(repeating: "x", count: count)).status == 0)
        }

        func copied(_ address: String) throws -> Program {
            if way == "copy" { return try Program("dump", "-s", source.address, "--to", address, "--verify") }
            #expect(try Program("dump", "-s", source.address, place.path("a")).status == 0)
            return try Program("load", "-s", address, place.path("a"), "--verify")
        }
        let program = try copied(target.address)

        #expect(program.status == 1)
        for key in ["large", "larger"] {
            #expect(program.errors.contains("\(key): SERVER_ERROR object too large for cache\n"), "\(program.errors)")
        }
        #expect(program.errors.contains("3 items stored, 3 read back and equal, 2 refused"), "\(program.errors)")
        #expect(
            try Set(Program("keys", "-s", target.address).output.split(separator: "\n")) == ["a", "b", "c"])
        #expect(try copied(other.address).status == 0)
    }

    @Test("a value that is much too large for the server is named and not sent, and the rest goes on")
    func refusedUnsent() throws {
        let source = try TestServer { $0.itemBytesMax = 4 << 20 }
        let target = try TestServer { $0.itemBytesMax = 1 << 20 }
        for (key, count) in [("a", 10), ("huge", 2 << 20), ("b", 10)] {
            let words = ["set", "-s", source.address, key]
            #expect(try Program(words, input: String(repeating: "x", count: count)).status == 0)
        }

        let copy = try Program("dump", "-s", source.address, "--to", target.address, "--verify")

        #expect(copy.status == 1)
        let reason = "huge: its 2097152 bytes are more than the server's largest item has, 1048576\n"
        #expect(copy.errors.contains(reason), "\(copy.errors)")
        #expect(copy.errors.contains("2 items stored, 2 read back and equal, 1 refused"), "\(copy.errors)")
    }

    @Test("what has expired since the dump is left out")
    func expired() throws {
        let place = try TemporaryPlace()
        let server = try TestServer()
        try Data(DumpText.file("YQ== 0 1001 1", value: "x").utf8).write(to: URL(fileURLWithPath: place.path("a")))

        let load = try Program("load", "-s", server.address, place.path("a"))

        #expect(load.errors.contains("1 expired since the dump"))
        #expect(try contents(server).isEmpty)
    }
}
