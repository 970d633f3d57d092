import MartletClient
import MartletRing
import Testing

extension ClientTests {
    /// Real processes that are paused and killed, one of five after the other, while others ask.
    @Suite("Server processes that fail")
    struct ProcessTests {
        @Test("Each is paused, resumed, killed and started again: nothing stale, nothing wrong, and all recovers")
        func rolling() async throws {
            var servers = try (0..<5).map { _ in try ServerProcess() }
            let cache = CacheFixture.client(for: servers.map(\.path)) {
                $0.operationTimeout = .milliseconds(400)
                $0.connectTimeout = .milliseconds(400)
                $0.probeDelay = .milliseconds(20)
                $0.probeDelayMax = .milliseconds(100)
            }
            let ring = cache.ring
            let keys = (0..<200).map { CacheKey("k\($0)") }
            let all = Dictionary(uniqueKeysWithValues: keys.map { ($0, $0.description) })
            #expect(await eventually { await cache.setValues(all).isEmpty })
            let answers = Count()
            let load = Task {
                await withTaskGroup { group in
                    for worker in 0..<4 { group.addTask { await Self.read(cache, worker, answers) } }
                }
            }

            for index in servers.indices {
                let own = keys.filter { ring.server(for: $0.description) == index }
                let name = servers[index].path

                servers[index].pause()
                #expect(await eventually { await !Self.isUp(cache, own[0]) })
                // Removed meanwhile, as far as the database knows.
                await #expect(throws: CacheError.self) { try await cache.removeValue(for: own[0]) }
                let before = await answers.value
                #expect(await eventually { await answers.value > before + 50 })
                servers[index].resume()
                #expect(await eventually { await Self.isUp(cache, own[1]) }, "\(name)")
                #expect(await Self.answer(cache, own[0]) == nil)
                // A store that was late at first and done then may have left its key to be removed: a miss, nothing
                // else.
                let kept = await Self.answer(cache, own[1])
                #expect(kept == nil || kept == own[1].description)

                servers[index].kill()
                #expect(await eventually { await !Self.isUp(cache, own[1]) })
                servers[index] = try ServerProcess(path: name)
                #expect(await eventually { await Self.isUp(cache, own[1]) })
                #expect(await Self.answer(cache, own[1]) == nil)
                #expect(await eventually { await cache.setValues(all).isEmpty })
            }
            load.cancel()
            await load.value
            let isWhole = await eventually {
                _ = await cache.setValues(all)
                return await cache.values(for: keys, as: String.self).hits == all
            }
            #expect(isWhole)
            await cache.shutDown()
        }

        /// Whether its server answers.
        private static func isUp(_ cache: CacheClient, _ key: CacheKey) async -> Bool {
            (try? await cache.touchValue(for: key, timeToLive: nil)) != nil
        }

        /// What its server answers, as soon as it does: on a busy machine it may be late, and count as down for a while.
        private static func answer(_ cache: CacheClient, _ key: CacheKey) async -> String? {
            var found: String?
            let isAnswered = await eventually {
                do { found = try await cache.value(for: key, as: String.self) } catch { return false }
                return true
            }
            #expect(isAnswered)
            return found
        }

        /// Asks until cancelled; what comes belongs to the key, or there is an error within the deadline and some.
        private static func read(_ cache: CacheClient, _ worker: Int, _ answers: Count) async {
            var random = SplitMix(seed: UInt64(worker))
            let clock = ContinuousClock()
            while !Task.isCancelled {
                let key = CacheKey("k\(random.next() % 200)")
                let start = clock.now
                do {
                    let value = try await cache.value(for: key, as: String.self)
                    #expect(value == nil || value == key.description)
                    await answers.add()
                } catch {
                    await Task.yield()
                }
                // Twice, because a retrieval is asked again; and a loaded machine, on which this tells only that there
                // is an end.
                #expect(clock.now - start < .seconds(4))
            }
        }
    }
}
