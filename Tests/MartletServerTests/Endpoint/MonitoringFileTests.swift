import Foundation
import MartletServer
import ServerTesting
import Testing

/// The rules of Prometheus and the dashboard of Grafana ask for nothing that the server does not tell.
struct MonitoringFileTests {
    @Test(arguments: ["Docker/prometheus/rules.yml", "Docker/grafana/dashboards/martlet.json"])
    func `every metric asked for is one that the server tells`(_ path: String) throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let text = try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
        let server = try TestServer.withEndpoint()
        let told = try HTTPExchange(server, "/metrics").body
        let families = Set(
            told.split(separator: "\n").filter { $0.hasPrefix("# TYPE ") }.map { String($0.split(separator: " ")[2]) })

        let asked = Set(text.matches(of: /\bmemcached_[a-z0-9_]+/).map { String($0.0) })

        #expect(asked.count > 5)
        for name in asked {
            #expect(families.contains(name) || families.contains(name.replacing("_bucket", with: "")), "\(name)")
        }
    }

    @Test func `the dashboard of Grafana is JSON with a panel for each thing`() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let bytes = try Data(contentsOf: root.appendingPathComponent("Docker/grafana/dashboards/martlet.json"))
        let dashboard = try #require(try JSONSerialization.jsonObject(with: bytes) as? [String: Any])
        let panels = try #require(dashboard["panels"] as? [[String: Any]])

        #expect(panels.count > 10)
        #expect(Set(panels.compactMap { $0["id"] as? Int }).count == panels.count)
        #expect(panels.allSatisfy { ($0["targets"] as? [Any])?.isEmpty == false })
    }

    @Test func `every variable in the files for containers and services stands for an option`() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Docker")
        let files = try #require(FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil))
        var names: Set<String> = []
        for case let file as URL in files {
            guard let text = try? String(contentsOf: file, encoding: .utf8) else { continue }
            names.formUnion(text.matches(of: /\bMARTLETD_[A-Z_]+/).map { String($0.0) })
        }

        #expect(names.count > 10)
        for name in names {
            _ = try CommandLineParser.parse([], in: Surroundings(variables: [name: ""]))
        }
    }
}
