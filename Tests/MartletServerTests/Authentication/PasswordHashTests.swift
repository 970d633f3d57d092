import MartletProtocol
import MartletServer
import Testing

/// The hashes against published vectors: FIPS 180-4's examples by length, RFC 7914's and passlib's for the slow hash.
struct PasswordHashTests {
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
    ])
    func `SHA-256 gives the published digests`(message: String, digest: String) {
        #expect(hex(SHA256.bytes(SHA256.digest(Array(message.utf8)))) == digest)
    }

    @Test func `SHA-256 of every length around a chunk's end is that of the same bytes in one million`() {
        let million = [UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000)

        #expect(
            hex(SHA256.bytes(SHA256.digest(million)))
                == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
        #expect(Set((54...66).map { hex(SHA256.bytes(SHA256.digest(million.prefix($0)))) }).count == 13)
    }

    @Test(arguments: [
        (1, "120fb6cffcf8b32c43e7225256c4f837a86548c92ccc35480805987cb70be17b"),
        (2, "ae4d0c95af6b46d32d0adff928f06dd02a303f8ef3c251dfd6e2d85a95474c43"),
        (4096, "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a"),
    ])
    func `the slow hash gives the published ones`(rounds: Int, hash: String) {
        let made = PasswordHash(of: "password".utf8, rounds: rounds, salt: Array("salt".utf8))

        #expect(made.map { SHA256.hexadecimal($0.hash) } == hash)
    }

    @Test func `a line as passlib makes it is read and written as it was`() {
        let text = "$pbkdf2-sha256$6400$0ZrzXitFSGltTQnBWOsdew$/hzjypjXGy76eQJ.wq7Ru0Kv4648Yyn016wkJ6SXBIs"

        let hash = PasswordHash(parsing: text)

        #expect(hash?.rounds == 6400)
        #expect(hash?.text == text)
        #expect(PasswordHash(of: "password".utf8, rounds: 6400, salt: hash?.salt ?? [])?.text == text)
    }

    @Test(arguments: [
        "", "$pbkdf2-sha256$", "$pbkdf2-sha256$0$c2FsdA$", "$pbkdf2-sha256$1$c2FsdA$c2FsdA",
        "$pbkdf2-sha256$x$0ZrzXitFSGltTQnBWOsdew$Y11AchqV4b0sUisdZd0Xr97KWoymNE0LNNrnEgY4H9M",
        "$pbkdf2-sha256$99999999999$0ZrzXitFSGltTQnBWOsdew$Y11AchqV4b0sUisdZd0Xr97KWoymNE0LNNrnEgY4H9M",
        "$pbkdf2-sha256$6400$0Zrz+itFSGltTQnBWOsdew$Y11AchqV4b0sUisdZd0Xr97KWoymNE0LNNrnEgY4H9M",
        "$pbkdf2-sha256$6400$0ZrzXitFSGltTQnBWOsdew$Y11AchqV4b0sUisdZd0Xr97KWoymNE0LNNrnEgY4H9M$",
    ])
    func `what is no such line is none`(text: String) {
        #expect(PasswordHash(parsing: text) == nil)
    }

    @Test func `two hashes of one password have nothing in common`() throws {
        let first = try #require(PasswordHash(of: "secret".utf8, rounds: 1))
        let second = try #require(PasswordHash(of: "secret".utf8, rounds: 1))

        #expect(first.salt != second.salt)
        #expect(first.text != second.text)
    }

    private func hex(_ bytes: [UInt8]) -> String {
        bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
}
