import ArgumentParser
import Foundation
import MartletClient

/// A server that wants a name and a password (`-Y`) has both from our client, and takes no others.
struct Credentials: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "A server started with -Y takes the right credentials only.")

    @OptionGroup var options: ClientCheck.Options

    func run() async throws { try await Self.check(options) }

    static func check(_ options: ClientCheck.Options) async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "client-check-\(UUID().uuidString).users")
        try "somebody:secret\nme:open\n".write(to: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: file) }
        let fleet: Fleet
        do {
            fleet = try await Fleet(options, arguments: ["-Y", file.path()])
        } catch let finding as Finding {
            return print("credentials: skipped, \(finding)")
        }
        var configuration = CacheConfiguration.patient
        configuration.credentials = CacheCredentials(user: "me", password: "open")
        let right = CacheClient(servers: fleet.addresses(), configuration: configuration)
        let values = Dictionary(uniqueKeysWithValues: (0..<1000).map { (CacheKey("k\($0)"), "v\($0)") })
        let failures = await right.setValues(values)
        let found = await right.values(for: values.keys, as: String.self)
        await right.shutDown()
        try require(
            failures.isEmpty && found.hits == values, "\(failures.first?.value.description ?? "values are missing")")

        var codes: [CacheError.Code] = []
        for credentials in [nil, CacheCredentials(user: "me", password: "wrong")] {
            configuration.credentials = credentials
            let wrong = CacheClient(servers: fleet.addresses(), configuration: configuration)
            do throws(CacheError) {
                try await wrong.setValue("x", for: "k1")
                throw CacheError(.refused, "nobody was refused")
            } catch {
                codes.append(error.code)
            }
            await wrong.shutDown()
        }
        print("credentials: 1000 keys with the right ones; without any, and with wrong ones: \(codes)")
        try require(codes == [.unauthorized, .unauthorized], "expected unauthorized")
    }
}
