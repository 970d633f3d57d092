import LoadSimulation
import LoadWorkload
import Testing

@Suite("Simulation: requests and text forms")
struct RequestTests {
    @Test("A key has as many bytes as are written of it", arguments: ["20", "1", "5-9", "etc"])
    func keyBytes(text: String) throws {
        for prefix in ["", "user:"] {
            let keys = try KeySpace(prefix: prefix, length: KeyLength(parsing: text))
            let place = UnsafeMutableRawPointer.allocate(byteCount: KeySpace.roomBytes, alignment: 8)
            defer { place.deallocate() }
            for key in [0, 9, 10, 12_345, 1 << 40, 7 | KeySpace.counterBit, 77 | 33 << 48] as [UInt64] {
                #expect(keys.byteCount(of: key) == keys.write(key, at: place))
            }
        }
    }

    @Test("Without times in the trace, the rate makes the seconds")
    func seconds() throws {
        let workload = RequestScript.reads(keys: 100, count: 1000, sizes: .fixed(10))
        var stream = try RequestStream(workload, requestsPerSecond: 100)
        var seconds: [UInt32: Int] = [:]

        while try stream.fill() {
            for request in stream.batch.requests { seconds[request.second, default: 0] += 1 }
        }

        #expect(seconds.count == 10)
        #expect(seconds.values.allSatisfy { $0 == 100 })
        #expect(seconds.keys.min() == 2)
    }

    @Test("Every kind of operation is simulated, and deletes and conditional stores do what they say")
    func kinds() {
        let policy = RequestScript.rules()
        let requests: [SimulatedRequest] = [
            .init(.replace, key: 1, valueBytes: 10), .init(.read, key: 1, valueBytes: 10),
            .init(.add, key: 1, valueBytes: 10), .init(.read, key: 1, valueBytes: 10),
            .init(.replace, key: 1, valueBytes: 5000), .init(.add, key: 1, valueBytes: 20),
            .init(.delete, key: 1, valueBytes: 10), .init(.delete, key: 1, valueBytes: 10),
            .init(.read, key: 1, valueBytes: 10), .init(.store, key: 2, valueBytes: 2 << 20),
        ]

        let result = RequestScript.replay(requests, policy, megabytes: 4)

        #expect(result.counts.reads == 3)
        #expect(result.counts.misses == 2)
        #expect(result.counts.stores == 3)
        #expect(result.counts.refused == 1)
        #expect(result.items == 0)
    }

    @Test("A large value takes a head and parts, and gives all of them back")
    func large() {
        let requests = (0..<200).map { SimulatedRequest(.store, key: $0 % 7, valueBytes: 100_000 + 1000 * $0) }

        for name in ["martlet", "martlet:mover=marginal", "lru", "memcached"] {
            guard let policy = try? CachePolicy(parsing: name) else { continue }
            let result = RequestScript.replay(requests, policy, megabytes: 16)
            #expect(result.counts.refused == 0)
            #expect(result.items == 7)
        }
    }

    @Test(
        "What is no policy or rule is refused with a sentence",
        arguments: [
            "arc", "martlet:", "martlet:factor", "martlet:factor=0.5", "martlet:mover=some", "memcached:factor=2",
            "martlet:unheard=1", "martlet:charge=maybe",
        ])
    func refusals(text: String) {
        #expect(throws: WorkloadError.self) { try CachePolicy(parsing: text) }
    }

    @Test("Every rule that can be named can be set")
    func rules() throws {
        for name in MartletRules.names {
            let values = ["1", "2", "64", "4096", "yes", "none"]
            #expect(values.contains { (try? CachePolicy(parsing: "martlet:\(name)=\($0)")) != nil }, "\(name)")
        }
    }
}
