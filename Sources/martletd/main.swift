import Glibc

// Everything is in ServerProcess: code at this level would belong to the main actor, and its callbacks could not be
// called from other threads.
exit(ServerProcess.run(Array(CommandLine.arguments.dropFirst())))
