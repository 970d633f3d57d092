import Glibc

// Brings a real server to its limits, one after the other, and looks whether it goes on serving.
//
//     exhaust-check .build/release/martletd [NAME...]
//     exhaust-check .build/release/martletd soak [MINUTES]     everything moving, in six periods (`Soak`)
//
// While each lasts, small requests are made all the time on connections of their own. Afterwards connections,
// descriptors and memory must be what they were before. What the machine does not allow is skipped with a line that
// says so.
//
// The status is 0 when all was shown, 1 when something failed, 2 when something was skipped.

signal(SIGPIPE, SIG_IGN)
let words = Array(CommandLine.arguments.dropFirst())
guard let program = words.first else {
    print("exhaust-check PROGRAM [\(Exhaustion.all.map(\.name).joined(separator: "|"))]...")
    exit(64)
}
if words.count > 1, words[1] == "soak" {
    guard let minutes = Double(words.count > 2 ? words[2] : "60"), minutes >= Soak.minutesMin else {
        print("exhaust-check PROGRAM soak [MINUTES], at least \(Soak.minutesMin)")
        exit(64)
    }
    do {
        try Soak.run(program, minutes: minutes)
        exit(0)
    } catch {
        print("soak: FAILED: \(error)")
        exit(1)
    }
}
if let unknown = words.dropFirst().first(where: { name in !Exhaustion.all.contains { $0.name == name } }) {
    print("exhaust-check: there is no \(unknown), but: \(Exhaustion.all.map(\.name).joined(separator: " ")) soak")
    exit(64)
}
var (failures, skips) = (0, 0)
for exhaustion in Exhaustion.all where words.count == 1 || words.contains(exhaustion.name) {
    do {
        print("\(exhaustion.name): \(try exhaustion.check(program))")
    } catch let skipped as Exhaustion.Skipped {
        skips += 1
        print("\(exhaustion.name): SKIPPED: \(skipped)")
    } catch {
        failures += 1
        print("\(exhaustion.name): FAILED: \(error)")
    }
    fflush(nil)
}
exit(failures > 0 ? 1 : skips > 0 ? 2 : 0)
