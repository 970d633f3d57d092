import Foundation
import MartletClient
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Testing

extension ClientTests {
    /// Servers found by their names.
    @Suite("DNS")
    struct DNSTests {
        @Test("Addresses of a name become servers, and follow it")
        func addresses() async throws {
            let names = try await NameServer()
            names.set("cache.example", .address, [.address("127.0.0.3"), .address("127.0.0.1")])
            let source = TopologySource.dns(
                "cache.example", port: 7, interval: .milliseconds(5), resolver: names.resolver)
            let cache = CacheFixture.client(for: ["/nowhere"])
            let following = Task { await cache.follow(source) }

            #expect(await eventually { cache.ring.servers.map(\.name) == ["127.0.0.1:7", "127.0.0.3:7"] })
            let epoch = cache.epoch
            names.set("cache.example", .address, [.address("127.0.0.1"), .address("127.0.0.3"), .address("127.0.0.2")])
            #expect(await eventually { cache.ring.servers.count == 3 })
            #expect(cache.epoch == epoch + 1)

            following.cancel()
            await following.value
            await cache.shutDown()
            await names.stop()
        }

        @Test("Services of a name become servers with the names of their targets; IPv6 where there is nothing else")
        func services() async throws {
            let names = try await NameServer()
            names.set(
                "_memcached._tcp.cache.example", .service,
                [.service(target: "b.cache.example", port: 11211), .service(target: "a.cache.example", port: 11212)])
            names.set("six.example", .address6, [.address("fd00:0:0:0:0:0:0:7")])
            let services = TopologySource.dnsServices("_memcached._tcp.cache.example", resolver: names.resolver)
            let none = Topology(epoch: 4, servers: [])

            let topology = try await services.fetch(none)
            #expect(topology.epoch == 5)
            #expect(topology.servers.map(\.name) == ["a.cache.example:11212", "b.cache.example:11211"])
            #expect(try await services.fetch(topology).epoch == 5)
            let six = try await TopologySource.dns("six.example", resolver: names.resolver).fetch(none)
            #expect(six.servers.map(\.name) == ["fd00:0:0:0:0:0:0:7:11211"])
            await names.stop()
        }

        @Test("Numbers in names are in the order of their size, so that a StatefulSet grows at the end of the list")
        func order() async throws {
            let names = try await NameServer()
            func set(_ pods: Int) {
                names.set(
                    "pods.example", .service,
                    (0..<pods).map { .service(target: "cache-\($0).example", port: 11211) }.reversed())
            }
            let source = TopologySource.dnsServices("pods.example", resolver: names.resolver)
            set(9)
            let nine = try await source.fetch(Topology(epoch: 0, servers: []))
            set(12)
            let twelve = try await source.fetch(nine)
            #expect(twelve.servers.map(\.name) == (0..<12).map { "cache-\($0).example:11211" })
            #expect(Array(twelve.servers.prefix(9)) == nine.servers)

            // Runs of digits anywhere, zeros in front of them, and numbers that fit into no integer.
            let long = String(repeating: "9", count: 40)
            let sorted = ["a-2-10", "a-02-11", "a-10-1", "a-\(long)-1", "a-1\(long)", "b"]
            names.set("mixed.example", .service, sorted.reversed().map { .service(target: "\($0).example", port: 1) })
            let mixed = try await TopologySource.dnsServices("mixed.example", resolver: names.resolver).fetch(nine)
            #expect(mixed.servers.map(\.name) == sorted.map { "\($0).example:1" })
            names.set("addresses.example", .address, ["10.0.0.10", "10.0.0.9"].map { .address($0) })
            let addresses = try await TopologySource.dns("addresses.example", resolver: names.resolver).fetch(nine)
            #expect(addresses.servers.map(\.name) == ["10.0.0.9:11211", "10.0.0.10:11211"])
            await names.stop()
        }

        @Test("An answer that empties, a name that is gone and a server that is silent leave the last list in force")
        func failures() async throws {
            let names = try await NameServer()
            names.set("cache.example", .address, [.address("127.0.0.1")])
            let cache = CacheFixture.client(for: ["/nowhere"])
            func follow(_ resolver: DNSResolver) -> Task<Void, Never> {
                let source = TopologySource.dns("cache.example", interval: .milliseconds(5), resolver: resolver)
                return Task { await cache.follow(source) }
            }
            let first = follow(names.resolver)
            #expect(await eventually { cache.ring.servers.map(\.name) == ["127.0.0.1:11211"] })
            #expect(cache.epoch == 1)
            first.cancel()
            await first.value

            for fault in [NameServer.Mood.empty, .unknown, .failing, .garbled, .silent] {
                names.mood = fault
                var resolver = names.resolver
                resolver.attempts = 1
                // A datagram that is no answer is passed over: behind those two nothing comes.
                if fault == .garbled || fault == .silent { resolver.timeout = .milliseconds(200) }
                // What is told from now on: nothing of the fault before this one.
                var events = cache.events.makeAsyncIterator()
                let following = follow(resolver)
                guard case .topologySourceFailed? = await events.next() else {
                    Issue.record("\(fault) was taken for an answer")
                    following.cancel()
                    continue
                }
                following.cancel()
                await following.value
                #expect(cache.ring.servers.map(\.name) == ["127.0.0.1:11211"])
            }
            names.mood = .well
            names.set("cache.example", .address, [.address("127.0.0.2")])
            let last = follow(names.resolver)
            #expect(await eventually { cache.ring.servers.map(\.name) == ["127.0.0.2:11211"] })
            last.cancel()
            await last.value
            await cache.shutDown()
            await names.stop()
        }

        @Test("What does not fit into a datagram comes over TCP")
        func truncated() async throws {
            let names = try await NameServer()
            let many = (0..<300).map { DNSMessage.Answer.address("10.1.\($0 / 256).\($0 % 256)") }
            names.set("many.example", .address, many)

            let answers = try await names.resolver.answers("many.example", .address)

            #expect(answers == many)
            #expect(names.streamCount > 0)
            await names.stop()
        }

        @Test("What comes over TCP and is no answer is a failure at once, and is not waited behind")
        func garbledStream() async throws {
            let names = try await NameServer()
            names.set("many.example", .address, (0..<300).map { .address("10.1.\($0 / 256).\($0 % 256)") })
            names.mood = .garbledStreams
            var resolver = names.resolver
            // Who waits for more is late, and says so.
            resolver.timeout = .seconds(60)
            resolver.attempts = 1

            let error = await #expect(throws: CacheError.self) {
                try await resolver.answers("many.example", .address)
            }

            #expect(error?.code == .protocolViolation)
            #expect(names.streamCount == 1)
            await names.stop()
        }

        @Test("Short names are looked for in the search domains, and settings are read")
        func searching() async throws {
            let resolver = DNSResolver(
                settings:
                    "# a remark\nnameserver 127.0.0.53\nnameserver ::1\nsearch a.example b.example\noptions ndots:2 edns0\n"
            )
            #expect(resolver.servers.count == 2)
            #expect(resolver.candidates("x.y") == ["x.y.a.example", "x.y.b.example", "x.y"])
            #expect(resolver.candidates("x.y.z") == ["x.y.z", "x.y.z.a.example", "x.y.z.b.example"])
            #expect(resolver.candidates("x.") == ["x."])
            #expect(DNSResolver(settings: "").servers.count == 1)

            let names = try await NameServer()
            names.set("short.b.example", .address, [.address("127.0.0.9")])
            var own = names.resolver
            own.searchDomains = ["a.example", "b.example"]
            #expect(try await own.answers("short", .address) == [.address("127.0.0.9")])
            await #expect(throws: CacheError.self) { try await own.answers("a..b", .address) }
            await #expect(throws: CacheError.self) {
                try await own.answers(String(repeating: "x", count: 64) + ".example", .address)
            }
            await names.stop()
        }

        @Test("A search domain without an answer is passed over, but not forgotten")
        func failingDomain() async throws {
            let names = try await NameServer()
            names.set("short.b.example", .address, [.address("127.0.0.9")])
            var own = names.resolver
            own.searchDomains = ["a.example", "b.example"]
            own.attempts = 1
            names.set(.failing, for: "short.a.example")
            #expect(try await own.answers("short", .address) == [.address("127.0.0.9")])
            // It may be where nobody answers.
            names.set(.failing, for: "other.a.example")
            await #expect(throws: CacheError.self) { try await own.answers("other", .address) }
            #expect(try await own.answers("unheard", .address).isEmpty)

            // A datagram that is no answer is passed over, too. The one that answers has as little time as the one that
            // does not.
            for fault in [NameServer.Mood.garbled, .silent] {
                for name in ["short", "other"] { names.set(fault, for: "\(name).a.example") }
                var found: [DNSMessage.Answer] = []
                for limit in CacheFixture.limits where found.isEmpty {
                    own.timeout = limit
                    found = (try? await own.answers("short", .address)) ?? []
                    let hasty = own
                    await #expect(throws: CacheError.self) { try await hasty.answers("other", .address) }
                }
                #expect(found == [.address("127.0.0.9")])
            }
            await names.stop()
        }

        @Test("Who is cancelled waits for no name server")
        func cancelled() async throws {
            let names = try await NameServer()
            names.mood = .silent
            var resolver = names.resolver
            resolver.timeout = .seconds(600)
            let asking = Task { [resolver] in try await resolver.answers("a.example", .address) }
            #expect(await eventually { names.questionCount > 0 })

            asking.cancel()

            let error = await #expect(throws: CacheError.self) { try await asking.value }
            #expect(error?.code == .cancelled)
            await names.stop()
        }

        @Test("Broken messages are no answers, and never a trap")
        func hostile() {
            var random = SplitMix(seed: 5)
            let good = NameServer.reply(
                to: DNSMessage.question("a.example", .service, number: 7) ?? [],
                [.service(target: "b.example", port: 9), .service(target: "c.example", port: 10)], code: 0,
                isWhole: true)
            let whole = DNSMessage(good, to: "A.example", .service, number: 7)
            #expect(whole?.answers.count == 2)
            #expect(DNSMessage(good, to: "a.example", .service, number: 8) == nil)
            #expect(DNSMessage(good, to: "b.example", .service, number: 7) == nil)
            #expect(DNSMessage(good, to: "a.example", .address, number: 7) == nil)
            for _ in 0..<5000 {
                var wrong = Array(good.prefix(Int(random.next() % UInt64(good.count + 1))))
                for _ in 0..<random.next() % 5 where !wrong.isEmpty {
                    wrong[Int(random.next() % UInt64(wrong.count))] = UInt8(truncatingIfNeeded: random.next())
                }
                _ = DNSMessage(wrong, to: "a.example", .service, number: 7)
            }
            // A name that points at itself, behind a question that is right.
            let loop = Array(good.prefix(27)) + [0xC0, 27, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4]
            #expect(DNSMessage(loop, to: "a.example", .service, number: 7) == nil)
        }

        @Test("The last good list is kept on disk, and taken when the source does not answer")
        func memory() async throws {
            let path = FileManager.default.temporaryDirectory.appending(path: "martlet-\(UUID().uuidString).json")
                .path()
            defer { try? FileManager.default.removeItem(atPath: path) }
            let servers = [
                CacheServer(host: "a.example", port: 11212, weight: 3), CacheServer(unixSocket: "/tmp/x", weight: 2),
                CacheServer(name: "named", address: .tcp(host: "10.0.0.1", port: 5)),
            ]
            let first = CacheFixture.client(for: ["/nowhere"])
            let good = TopologySource(interval: .milliseconds(1)) { _ in Topology(epoch: 41, servers: servers) }
            let following = Task { await first.follow(good, rememberedAt: path) }
            #expect(await eventually { FileManager.default.fileExists(atPath: path) })
            following.cancel()
            await following.value

            let second = CacheFixture.client(for: ["/nowhere"])
            let broken = TopologySource(interval: .seconds(60)) { _ in throw CacheError(.serverDown) }
            let trying = Task { await second.follow(broken, rememberedAt: path) }
            #expect(await eventually { second.epoch == 41 })
            #expect(second.ring.fingerprint == first.ring.fingerprint)
            #expect(second.ring.servers == servers.map(\.node))
            trying.cancel()
            await trying.value

            try Data("{\"epoch\": 50, \"servers\": [{}]}".utf8).write(to: URL(filePath: path))
            let third = CacheFixture.client(for: ["/nowhere"])
            let last = Task { await third.follow(good, rememberedAt: path) }
            #expect(await eventually { third.epoch == 41 })
            last.cancel()
            await last.value
            for cache in [first, second, third] { await cache.shutDown() }
        }
    }
}
