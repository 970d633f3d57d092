import MartletProtocol
import Testing

@Suite("Request parser: what is understood")
struct RequestParserTests {
    @Test("A get names its key")
    func singleGet() {
        let line = ParsedLine("get alpha\r\nget beta\r\n")

        #expect(line.outcome == .request)
        #expect(line.request.command == .get)
        #expect(line.keys == ["alpha"])
        #expect(line.request.lineBytes == 11)
    }
}
