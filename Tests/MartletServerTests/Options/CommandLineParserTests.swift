import MartletServer
import Testing

/// Command lines in, settings or a sentence out.
struct CommandLineParserTests {
    private func settings(_ words: String...) throws -> ServerSettings { try parsed(words).0 }

    private func parsed(_ words: [String]) throws -> (ServerSettings, [String]) {
        guard case .run(let settings, let remarks) = try CommandLineParser.parse(words) else {
            Issue.record("A text is printed in place of a start.")
            return (ServerSettings(), [])
        }
        return (settings, remarks)
    }

    private func failure(_ words: String...) -> StartError? {
        do throws(StartError) {
            _ = try CommandLineParser.parse(words)
            return nil
        } catch {
            return error
        }
    }

    // MARK: Spelling

    @Test(arguments: [
        ["-t", "3"], ["-t3"], ["--threads", "3"], ["--threads=3"], ["--thr=3"], ["-Mt3"], ["-t", " 3"], ["-t1", "-t3"],
    ])
    func `an argument may be joined, apart, behind an equals sign, or given again`(_ words: [String]) throws {
        #expect(try parsed(words).0.threadCount == 3)
    }

    @Test func `joined letters each count`() throws {
        let settings = try settings("-vvMC")

        #expect(settings.verbosity == 2)
        #expect(!settings.evicts)
        #expect(!settings.issuesTokens)
    }

    @Test func `sub-options may share a list or have their own`() throws {
        let settings = try settings("-o", "idle_timeout=9,no_maxconns_fast", "-ohot_lru_pct=30,")

        #expect(settings.idleTimeoutSeconds == 9)
        #expect(!settings.rejectsOverLimit)
        #expect(settings.hotPercent == 30)
    }

    @Test func `verbose alone of the long names may carry a value that is not used`() throws {
        #expect(try settings("--verbose=3").verbosity == 1)
        #expect(failure("--daemon=1")?.status == 1)
    }

    @Test(arguments: [",", "", " ", ",,"])
    func `a list without an address ends the start with a sentence`(_ list: String) {
        let failure = failure("-l", list)

        #expect(failure?.status == 1)
        #expect(failure?.message.hasSuffix("names no address") == true)
    }

    @Test func `a text that is empty ends the start with a sentence`() {
        #expect(failure("-s", "")?.message == "-s: the value is empty")
    }

    @Test func `what is wrong is named, and what would do`() {
        #expect(failure("-m", "1g")?.message == "-m: \"1g\" is not a number of megabytes from 1 to 262144")
        #expect(failure("-t", "x")?.message == "-t: \"x\" is not a number from 1 to 255")
        #expect(
            failure("-o", "slab_chunk_max=1m")?.message
                == "-o slab_chunk_max: \"1m\" is not a number of kilobytes from 1 to 1024")
        #expect(failure("-o", "bogus")?.message == "Illegal suboption \"bogus\"; -h lists them")
    }

    @Test func `words that are no options, and all behind two hyphens, are remarked upon`() throws {
        let (settings, remarks) = try parsed(["stray", "-t2", "--", "-t3"])

        #expect(settings.threadCount == 2)
        #expect(remarks.count == 2)
    }

    @Test(arguments: [
        (["-h", "-t", "0"], OptionArgument.PrintedText.help), (["-vvV"], .version), (["--license"], .license),
    ])
    func `a text ends the start before later mistakes`(_ words: [String], _ text: OptionArgument.PrintedText) throws {
        guard case .print(let printed) = try CommandLineParser.parse(words) else {
            Issue.record("The server would start.")
            return
        }

        #expect(printed == text)
    }

    @Test func `the first mistake counts when it comes before a text`() {
        #expect(failure("-t", "0", "-h")?.status == 1)
    }

    // MARK: Mistakes

    @Test(
        arguments: [
            (["-Q"], 1), (["--nosuch"], 1), (["--m", "3"], 1), (["-t"], 1), (["--threads"], 1), (["-t", "0"], 1),
            (["-t", "abc"], 1), (["-c", "0"], 1), (["-c", "-1"], 1), (["-R", "0"], 1), (["-f", "1"], 1),
            (["-f", "nan"], 1),
            (["-n", "0"], 1), (["-N", "0"], 1), (["-N", "5"], 64), (["-a", "999"], 1), (["-b", "-1"], 1),
            (["-p", "65536"], 64), (["-p", "abc"], 64), (["-p", "-2"], 64), (["-m", "0"], 64), (["-m", "abc"], 64),
            (["-m", "9223372036854775807"], 64), (["-I", "1000"], 64), (["-I", "256m"], 64), (["-I", "2g"], 64),
            (["-I", "99999999999999999999m"], 64), (["-m", "4096", "-I", "1025m"], 64), (["-B", "http"], 64),
            (["-s", ""], 1),
            (["-o", "nosuch"], 1), (["-o", "nosuch=1"], 1), (["-o", ",,modern"], 1), (["-o", "hashpower"], 1),
            (["-o", "hashpower=11"], 1), (["-o", "hashpower=33"], 1), (["-o", "slab_automove=3"], 1),
            (["-o", "slab_automove_ratio=0"], 1), (["-o", "slab_automove_window=2"], 1),
            (["-o", "tail_repair_time=9"], 1),
            (["-o", "hash_algorithm=md5"], 1), (["-o", "lru_crawler_sleep=1000001"], 1), (["-o", "hot_lru_pct=80"], 1),
            (["-o", "hot_lru_pct=50,warm_lru_pct=40"], 64), (["-o", "hot_max_factor=0"], 1),
            (["-o", "idle_timeout"], 1),
            (["-o", "slab_chunk_max=2000"], 1), (["-o", "slab_chunk_max=3"], 64), (["-o", "slab_sizes=100-90"], 64),
            (["-o", "temporary_ttl=5,no_lru_maintainer"], 64),
        ] as [([String], Int32)])
    func `a mistake ends the start with memcached's status`(_ words: [String], _ status: Int32) {
        do throws(StartError) {
            _ = try CommandLineParser.parse(words)
            Issue.record("\(words) is accepted.")
        } catch {
            #expect(error.status == status)
            #expect(!error.message.isEmpty)
        }
    }

    @Test func `what is not offered ends the start with its sentence`() throws {
        for option in OptionTable.options {
            guard case .notOffered(let sentence) = option.standing, let letter = option.letter else { continue }
            let error = try #require(failure("-\(letter)", "x"))
            #expect(error.status == 64)
            #expect(error.message.hasSuffix(sentence))
        }
        for option in OptionTable.extended {
            guard case .notOffered(let sentence) = option.standing else { continue }
            for text in [option.name, "\(option.name)=x"] {
                let error = try #require(failure("-o", text))
                #expect(error.status == 64)
                #expect(error.message.hasPrefix("-o \(option.name): "))
                #expect(error.message.hasSuffix(sentence))
            }
        }
    }

    // MARK: Values

    @Test(arguments: [("4096", 4096), ("512k", 512 << 10), ("512K", 512 << 10), ("2m", 2 << 20), ("8M", 8 << 20)])
    func `the largest item may be given in bytes, k or m`(_ text: String, _ bytes: Int) throws {
        #expect(try settings("-I", text).itemBytesMax == bytes)
    }

    @Test func `the largest item may be half of the memory`() throws {
        #expect(try settings("-I", "32m").itemBytesMax == 32 << 20)
        #expect(failure("-I", "33m")?.status == 64)
    }

    @Test func `addresses are collected`() throws {
        let settings = try settings("-l", "127.0.0.1,[::1]:5", "-l", "127.0.0.1", "-l", "localhost:7")

        #expect(settings.listenAddresses == ["127.0.0.1", "[::1]:5", "localhost:7"])
    }

    @Test func `more addresses than there can be sockets end the start with a sentence`() throws {
        let addresses = (0..<65_536).map { "10.0.\($0 >> 8).\($0 & 255)" }
        let most = addresses.dropLast().joined(separator: ",")

        #expect(try settings("-l", most, "-l", most).listenAddresses == addresses.dropLast())
        #expect(failure("-l", most, "-l", addresses[65_535])?.message == "-l: more than 65535 addresses")
    }

    @Test func `without -l the server listens on the loopback addresses`() throws {
        #expect(try settings().effectiveListenAddresses == ["127.0.0.1", "[::1]"])
    }

    @Test func `a UDP port moves the TCP port only when that is not given`() throws {
        let (moved, remarks) = try parsed(["-U", "4000"])

        #expect(moved.tcpPort == 4000)
        #expect(remarks == [])
        #expect(try settings("-U", "4000", "-p", "5000").tcpPort == 5000)
        #expect(try settings("-U", "0").tcpPort == 11211)
    }

    @Test func `a mask is octal`() throws {
        #expect(try settings("-a", "0755").unixSocketMode == 0o755)
    }

    @Test func `no_modern takes back what memcached 1_4 had not`() throws {
        let settings = try settings("-o", "no_modern")

        #expect(!settings.slabReassign && settings.slabAutomove == 0 && !settings.rejectsOverLimit)
        #expect(!settings.lruCrawler && !settings.lruMaintainer && !settings.lruSegmented)
        #expect(settings.isMemcachedMode && settings.wantsWholePages)
    }

    @Test func `every offered option accepts a value of its kind`() throws {
        for option in OptionTable.options where !option.isNotOffered && (option.letter != "Z" || TLSLibrary.isThere) {
            guard var words = Self.example(option) else { continue }
            if option.letter == "Z" { words += ["-o", "ssl_chain_cert=x"] }
            #expect(throws: Never.self, "\(words)") { try CommandLineParser.parse(words) }
        }
        for option in OptionTable.extended where !option.isNotOffered {
            let value = Self.value(option).map { "=\($0)" } ?? ""
            #expect(throws: Never.self, "\(option.name)") {
                try CommandLineParser.parse(["-o", option.name + value])
            }
        }
    }

    @Test func `names of files mean the same from another folder`() throws {
        let words =
            ["-s", "socket", "-e", "../items", "-P", "/run/pid", "-Y", "users", "--cluster-file", "nodes"]
            + [
                "--admin-token-file", "token", "-o",
                "ssl_chain_cert=c.pem,ssl_key=c.key,ssl_ca_cert=a.pem,ssl_ciphers=x",
            ]
        guard case .run(var settings, _) = try CommandLineParser.parse(words) else { return }

        settings.makePathsAbsolute(in: "/place")

        #expect(settings.unixSocketPath == "/place/socket")
        #expect(settings.memoryFilePath == "/place/../items")
        #expect(settings.pidFilePath == "/run/pid")
        #expect(settings.authFilePath == "/place/users")
        #expect(settings.clusterFilePath == "/place/nodes")
        #expect(settings.adminTokenPath == "/place/token")
        #expect(settings.tls.chainPath == "/place/c.pem")
        #expect(settings.tls.keyPath == "/place/c.key")
        #expect(settings.tls.authoritiesPath == "/place/a.pem")
        #expect(settings.tls.ciphers == "x")
        #expect(settings.userName == nil)
    }

    @Test func `every row that takes a file is one of a file`() {
        for option in OptionTable.options + OptionTable.extended where option.placeholder == "<file>" {
            if case .file = option.argument { continue }
            Issue.record("\(option.spelling)")
        }
    }

    private static func example(_ option: Option) -> [String]? {
        guard let letter = option.letter else { return ["--\(option.name)"] + (value(option).map { [$0] } ?? []) }
        return ["-\(letter)"] + (value(option).map { [$0] } ?? [])
    }

    private static func value(_ option: Option) -> String? {
        switch option.argument {
        case .number(_, let range, _), .numberIfGiven(_, let range, _), .checkedNumber(let range):
            // The least memory and the most NAPI ids depend on other options.
            option.name == "memory-limit" ? "64" : String(max(range.lowerBound, min(range.upperBound, 4)))
        case .fraction(_, let above, _): String(above + 0.5)
        case .octal: "700"
        case .size: "1m"
        case .choice(_, let names): names[0]
        case .text, .file, .texts, .byte, .ignoredText: "x"
        case .ascending: "100-200-400"
        case .extended: "modern"
        default: nil
        }
    }
}
