import Glibc

// What the admin endpoint costs the workers, by their processor time.
//
//     admin-check PROGRAM [STARTS] [OPTIONS OF THE SERVER WITH IT...]

signal(SIGPIPE, SIG_IGN)
let words = Array(CommandLine.arguments.dropFirst())
guard let program = words.first, let restarts = Int(words.dropFirst().first ?? "20"), restarts > 1
else {
    print("admin-check PROGRAM [STARTS] [OPTIONS OF THE SERVER WITH IT...]")
    exit(64)
}
do {
    try AdminCheck(program: program, restarts: restarts, options: Array(words.dropFirst(2))).run()
} catch {
    print("admin-check: \(error)")
    exit(1)
}
