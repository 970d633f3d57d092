import Glibc

// allocation-check SERVER COUNTER
//
// Starts SERVER with the library COUNTER in front of its allocator and its runtime, sends it the daily work of a cache,
// and fails when a worker allocated or counted references for any of it after a warm-up.

exit(AllocationReport.run(CommandLine.arguments))
