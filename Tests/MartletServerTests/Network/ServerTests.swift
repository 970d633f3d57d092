import Glibc
import MartletServer
import Testing

@Suite("A server in this process")
struct ServerTests {
    @Test("answers over TCP and stops")
    func answers() throws {
        let server = try TestServer()
        let client = try server.client()

        #expect(try client.exchange("nonsense\r\n", "ERROR\r\n"))

        server.stop()
        #expect(try client.receiveAll().isEmpty)
    }

    @Test("closes after quit, with all replies before it sent")
    func quits() throws {
        let server = try TestServer()
        let client = try server.client()

        try client.send("nonsense\r\nnonsense\r\nquit\r\nnonsense\r\n")

        #expect(String(decoding: try client.receiveAll(), as: UTF8.self) == "ERROR\r\nERROR\r\n")
    }
}
