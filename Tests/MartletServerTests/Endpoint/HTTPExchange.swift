import Glibc
import MartletServer
import ServerTesting

/// One request to the admin endpoint, and its reply.
struct HTTPExchange {
    let status: Int
    /// Names in lower case.
    let fields: [String: String]
    let body: String

    /// Asks over a connection of its own.
    init(
        _ server: TestServer, _ path: String, method: String = "GET", fields: [String] = [], host: String = "localhost"
    ) throws {
        let lines = ["\(method) \(path) HTTP/1.1", "Host: \(host)", "Connection: close"] + fields
        try self.init(server, raw: lines.joined(separator: "\r\n") + "\r\n\r\n")
    }

    /// Sends the text as it is, ends its own side of the connection if it `endsThere`, and reads until the endpoint
    /// closes.
    init(_ server: TestServer, raw: String, endsThere: Bool = false) throws {
        let client = try TestClient(port: server.server.adminPort ?? 0)
        try client.send(raw)
        if endsThere { shutdown(client.descriptor, Int32(SHUT_WR)) }
        let text = String(decoding: try client.receiveAll(), as: UTF8.self)
        let end = text.firstRange(of: "\r\n\r\n")
        let head = text[..<(end?.lowerBound ?? text.endIndex)].split(separator: "\r\n")
        status = head.first?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        var fields: [String: String] = [:]
        for line in head.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2 { fields[parts[0].lowercased()] = String(parts[1].drop { $0 == " " }) }
        }
        self.fields = fields
        body = end.map { String(text[$0.upperBound...]) } ?? ""
    }
}

extension TestServer {
    /// A server with an admin endpoint on a port of its own.
    static func withEndpoint(_ change: (inout ServerSettings) -> Void = { _ in }) throws -> TestServer {
        try TestServer {
            $0.adminAddress = "-1"
            change(&$0)
        }
    }
}
