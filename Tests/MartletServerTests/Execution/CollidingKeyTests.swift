import ExecutionTesting
import MartletProtocol
import MartletServer
import StoreTesting
import Testing

/// Goal: who makes keys collide has to know the server's secret. Method: such keys go to a server through its protocol,
/// and what a request then goes through is counted: buckets of its chain, and keys compared. Steps, not time: they are
/// the same on every machine.
@Suite("Keys crafted to collide, at a server")
struct CollidingKeyTests {
    private static let crafted = (0..<8000).map { StoreFixture.collidingKey($0) }

    private static let random: [[UInt8]] = {
        var random = SplitMix(seed: 3)
        return (0..<crafted.count).map { _ in
            (0..<16).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        }
    }()

    /// Stores the keys, and gives the steps of a look-up: the most, and on average.
    private func steps(_ keys: some Collection<[UInt8]>, secret: (UInt64, UInt64)) throws -> (most: Int, mean: Double) {
        let server = try LogicServer(secret: secret)
        let connection = server.connect()
        for key in keys { connection.send("ms \(Base64.text(of: key)) 1 b q\r\n1\r\n") }
        #expect(connection.ask("mn\r\n") == "MN\r\n")
        #expect(server.context.pointee.store.itemCount == keys.count)
        let steps = keys.map { key in
            server.context.pointee.store._stepCount(
                key.withUnsafeBytes { server.session.hash($0.baseAddress!, $0.count) })
        }
        return (steps.max() ?? 0, Double(steps.reduce(0, +)) / Double(steps.count))
    }

    @Test("each is a chain's length of work to the server whose secret they were made with")
    func knownSecret() throws {
        let count = 1000

        let found = try steps(Self.crafted.prefix(count), secret: StoreFixture.secret)

        #expect(found.mean > Double(count))
    }

    @Test("are as cheap as any keys to a server with another secret")
    func unknownSecret() throws {
        var random = SplitMix(seed: 29)
        let usual = try steps(Self.random, secret: StoreFixture.secret)

        for _ in 0..<3 {
            let found = try steps(Self.crafted, secret: (random.next(), random.next()))

            #expect(found.mean < 1.2 * usual.mean, "\(found) where usual is \(usual)")
            #expect(found.most <= usual.most + 4)
        }
    }
}
