import FaultSimulation
import Glibc

// Simulates faults for a while, seed after seed.
//
//     simulate-faults [--seconds 60] [--seed 1] [--events 20000]
//     simulate-faults --seed 7 --replay FILE     the events of FILE, as a failure prints them

var options: [String: String] = [:]
var words = CommandLine.arguments.dropFirst()
while let name = words.popFirst() {
    guard ["--seconds", "--seed", "--events", "--replay"].contains(name), let value = words.popFirst() else {
        print("simulate-faults [--seconds S] [--seed FIRST] [--events COUNT] [--replay FILE]")
        exit(64)
    }
    options[name] = value
}
let first = options["--seed"].flatMap { UInt64($0) } ?? 1
if let path = options["--replay"] { exit(SimulationProgram.replay(path, seed: first)) }
exit(
    SimulationProgram.run(
        seconds: options["--seconds"].flatMap { Double($0) } ?? 60, firstSeed: first,
        eventCount: options["--events"].flatMap { Int($0) } ?? 20_000))
