import Glibc
import MartletServer
import Testing

/// Which files are good, and what becomes of a bad one.
struct CredentialsTests {
    private func reason(_ text: String) -> String? {
        do throws(Credentials.BadLine) {
            _ = try Credentials(parsing: Array(text.utf8), secret: [1, 2, 3])
            return nil
        } catch {
            return "\(error.number): \(error.reason)"
        }
    }

    @Test(arguments: [
        "foo:bar\n", "foo:bar", "foo:bar\r\nbaaaz:quux\r\n", "foo:\n", "foo:a:b c\n", "foo:bar\nfoo:other\n",
        "foo:\(String(repeating: "p", count: 251))\n",
    ])
    func `a good file is good`(text: String) {
        #expect(reason(text) == nil)
    }

    @Test(arguments: [
        ("", "1: the file is empty"), ("foo\n", "1: not user:password"), ("foo:bar\n\nb:c\n", "2: not user:password"),
        (":bar\n", "1: no name before the colon"), ("a:b\nc", "2: not user:password"),
        ("foo:\(String(repeating: "p", count: 252))\n", "1: longer than 255 bytes"),
        ("foo:$pbkdf2-sha256$1$x\n", "1: not $pbkdf2-sha256$<rounds>$<salt>$<hash>"),
        (String(repeating: "a:b\n", count: 65), "65: more than 64 lines"),
    ])
    func `a bad file says where and why`(text: String, expected: String) {
        #expect(reason(text) == expected)
    }

    @Test func `a file that is not there, or is bad, ends the start`() throws {
        var settings = ServerSettings()
        settings.authFilePath = "/nonexistent/credentials"
        #expect(throws: StartError.self) { _ = try CredentialFile(settings: settings) }

        let file = try TemporaryFile("no colon\n")
        settings.authFilePath = file.path
        #expect(throws: StartError.self) { _ = try CredentialFile(settings: settings) }
    }
}

/// A file that only its owner may read, gone with the test.
final class TemporaryFile {
    let path = "/tmp/martlet-test-\(getpid())-\(UInt64.random(in: 0 ... .max))"

    init(_ text: String) throws { try write(text) }

    init(_ bytes: [UInt8]) throws { try write(bytes) }

    deinit { unlink(path) }

    func write(_ text: String) throws { try write(Array(text.utf8)) }

    func write(_ bytes: [UInt8]) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        try #require(descriptor >= 0)
        _ = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        close(descriptor)
    }
}
