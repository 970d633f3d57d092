import FaultSimulation
import Glibc

/// What the command does.
enum SimulationProgram {
    static func run(seconds: Double, firstSeed: UInt64, eventCount: Int) -> Int32 {
        let start = now
        var counts = Simulation.Counts()
        var seed = firstSeed
        repeat {
            let settings = SimulationSettings(seed: seed)
            let events = SimulationEvent.script(settings, count: eventCount)
            guard let simulation = try? Simulation(settings) else {
                print("seed \(seed): the server cannot be made")
                return 1
            }
            do throws(Simulation.Failure) {
                counts += try simulation.run(events)
            } catch {
                tell(settings, events, error)
                return 1
            }
            seed += 1
        } while now - start < seconds
        let elapsed = now - start
        print(
            "\(seed - firstSeed) seeds (\(firstSeed) to \(seed - 1)), \(counts[.commands]) commands in "
                + "\(Int(elapsed * 10) / 10) s: \(Int(Double(counts[.commands]) / elapsed)) a second")
        let others = Simulation.Counts.Kind.allCases.filter { $0 != .commands }
        print(others.map { "\($0.rawValue) \(counts[$0])" }.joined(separator: ", "))
        return 0
    }

    static func replay(_ path: String, seed: UInt64) -> Int32 {
        guard let file = fopen(path, "r") else { return 66 }
        defer { fclose(file) }
        var events: [SimulationEvent] = []
        var line = [CChar](repeating: 0, count: 256)
        while fgets(&line, 256, file) != nil {
            let text = String(
                decoding: line.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if let event = SimulationEvent(text) { events.append(event) }
        }
        guard let simulation = try? Simulation(SimulationSettings(seed: seed), tells: true) else { return 1 }
        do throws(Simulation.Failure) {
            _ = try simulation.run(events)
            print("\(events.count) events: nothing is wrong")
            return 0
        } catch {
            print("event \(error.event): \(error.reason)")
            return 1
        }
    }

    private static func tell(
        _ settings: SimulationSettings, _ events: [SimulationEvent], _ failure: Simulation.Failure
    ) {
        print("seed \(settings.seed), event \(failure.event): \(failure.reason)")
        var shrinker = SimulationShrinker(settings)
        let (fewer, last) = shrinker.shrink(events, failure)
        print("\(fewer.count) of \(events.count) events fail, too: \(last.reason)")
        print("simulate-faults --seed \(settings.seed) --replay FILE, with these lines in FILE:")
        for event in fewer { print(event) }
    }

    private static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
