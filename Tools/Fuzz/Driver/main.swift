import CFuzzer
import FuzzTargets
import Glibc

// Runs one fuzz target.
//
//     martlet-fuzz TARGET FILE...                   looks at these inputs, in any build
//     martlet-fuzz TARGET [libFuzzer's arguments]   in the build of `./martlet fuzz`

let words = CommandLine.arguments.dropFirst()
guard let name = words.first, let target = FuzzTarget(rawValue: name) else {
    print("targets: \(FuzzTarget.allCases.map(\.rawValue).joined(separator: " "))")
    exit(words.isEmpty ? 0 : 64)
}
FuzzProgram.target = target
var arguments = ([CommandLine.arguments[0]] + words.dropFirst()).map { strdup($0) } + [nil]
let status = cfuzzer_run(Int32(arguments.count - 1), &arguments, FuzzProgram.check)
if status >= 0 { exit(status) }

// Built without libFuzzer.
for path in words.dropFirst() where !path.hasPrefix("-") {
    guard let input = FuzzProgram.bytes(path) else {
        print("\(path) cannot be read")
        exit(66)
    }
    FuzzProgram.look(input)
    print("\(path): nothing found")
}
