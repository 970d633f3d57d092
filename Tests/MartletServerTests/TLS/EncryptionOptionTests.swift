#if TLS

import MartletServer
import Testing

@Suite("TLS: options")
struct EncryptionOptionTests {
    private static func settings(_ words: String) throws -> ServerSettings {
        guard case .run(let settings, _) = try CommandLineParser.parse(words.split(separator: " ").map(String.init))
        else { throw StartError("printed", status: 0) }
        return settings
    }

    private static func status(_ words: String) -> Int32? {
        do {
            _ = try settings(words)
            return nil
        } catch let error as StartError {
            return error.status
        } catch {
            return -1
        }
    }

    @Test("say what memcached's say")
    func values() throws {
        let list =
            "ssl_chain_cert=/c,ssl_key=/k,ssl_verify_mode=3,ssl_keyformat=2,ssl_ciphers=HIGH,ssl_ca_cert=/a,"
            + "ssl_wbuf_size=64,ssl_session_cache,ssl_kernel_tls,ssl_min_version=3"

        let tls = try Self.settings("--enable-ssl -o \(list)").tls

        #expect(tls.isEnabled && tls.keepsSessions && tls.usesKernel)
        #expect([tls.chainPath, tls.keyPath, tls.authoritiesPath, tls.ciphers] == ["/c", "/k", "/a", "HIGH"])
        #expect([tls.verifyMode, tls.keyFormat, tls.writeBytesMax, tls.minimumVersion] == [3, 2, 65_536, 3])
        #expect(tls.verifyBits == 7)
        #expect(tls.minimumVersionName == "tlsv1.3")
    }

    @Test(
        "are refused with memcached's status",
        arguments: [
            ("-Z", 64), ("-Z -p 0 -o ssl_chain_cert=/c", 64), ("-o ssl_verify_mode=4", 1), ("-o ssl_verify_mode", 1),
            ("-o ssl_verify_mode=x", 1), ("-o ssl_min_version=4", 1), ("-o ssl_ciphers", 1), ("-o ssl_ca_cert=", 1),
            ("-o ssl_keyformat=3", 64), ("-o ssl_wbuf_size=0", 1),
        ])
    func refusals(words: String, status: Int32) {
        #expect(Self.status(words) == status)
    }

    @Test("need no certificate where a server is only asked")
    func asking() throws {
        #expect(try Self.settings("--healthcheck -Z -p 11311").tls.isEnabled)
    }

    @Test(
        "are remarked upon where no client can get in",
        arguments: [
            ("-o ssl_verify_mode=2", ["-o ssl_verify_mode=2 without ssl_ca_cert: no client can get in"]),
            ("-o ssl_verify_mode=3 -l *", ["-o ssl_verify_mode=3 without ssl_ca_cert: no client can get in"]),
            ("-l btls:127.0.0.1,mtls:10.0.0.1", ["-l mtls: without -o ssl_ca_cert: no client can get in there"]),
            ("-o ssl_verify_mode=2,ssl_ca_cert=/a -l mtls:127.0.0.1", []), ("-o ssl_verify_mode=1", []),
            ("-o ssl_verify_mode=2 -l btls:127.0.0.1", []), ("-o ssl_verify_mode=0 -l 127.0.0.1", []),
        ] as [(String, [String])])
    func unknownClients(words: String, expected: [String]) throws {
        let all = "-Z -o ssl_chain_cert=/c \(words)".split(separator: " ").map(String.init)
        guard case .run(_, let remarks) = try CommandLineParser.parse(all) else {
            Issue.record("A text is printed in place of a start.")
            return
        }

        #expect(remarks == expected)
    }

    @Test("mean nothing without -Z")
    func withoutSwitch() throws {
        #expect(try !Self.settings("-o ssl_chain_cert=/c,ssl_verify_mode=2").tls.isEnabled)
    }

    @Test(
        "name files that must be good when the server starts",
        arguments: [
            ("ssl_chain_cert=/nonexistent", "Error loading the certificate chain: /nonexistent : error:"),
            ("ssl_chain_cert=CHAIN,ssl_key=/nonexistent", "Error loading the key: /nonexistent : error:"),
            ("ssl_chain_cert=CHAIN", "Error loading the key: "),
            ("ssl_chain_cert=CHAIN,ssl_key=KEY,ssl_ca_cert=/no", "Error loading the CA certificate: /no : error:"),
            ("ssl_chain_cert=CHAIN,ssl_key=KEY,ssl_ciphers=none", "Error setting the provided cipher(s): none"),
            ("ssl_chain_cert=CHAIN,ssl_key=KEY,ssl_keyformat=2", "Error loading the key: "),
        ])
    func badFiles(list: String, sentence: String) throws {
        let certificates = try Certificates()
        let words = list.replacing("CHAIN", with: certificates.server.certificate)
            .replacing("KEY", with: certificates.server.key)
        let settings = try Self.settings("-Z -p -1 -o \(words)")

        let error = #expect(throws: StartError.self) { try Server(settings: settings) }

        #expect(error?.status == ExitStatus.usage)
        #expect(error?.message.hasPrefix(sentence) == true)
    }

    @Test("want TLS for the prefixes of -l")
    func prefixes() throws {
        var settings = ServerSettings()
        settings.tcpPort = -1
        for prefix in ["notls", "btls", "mtls"] {
            settings.listenAddresses = ["\(prefix):127.0.0.1"]
            let server = try Server(settings: settings)

            let error = #expect(throws: StartError.self) { try server.start() }

            #expect(error?.status == ExitStatus.system)
        }
    }

    @Test("are told to whoever looks for them in the help text")
    func help() {
        #expect(OptionHelp.text(.help).contains("--enable-ssl"))
    }
}

#endif
