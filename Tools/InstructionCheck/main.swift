import Glibc

// instruction-check MICROBENCH BASELINE [--record]
//
// Counts the instructions of each kind of request under valgrind, and fails when one is more than three percent away
// from BASELINE, in either direction: what became cheaper is recorded, too, so that it does not get lost again
// unnoticed.

exit(InstructionReport.run(Array(CommandLine.arguments.dropFirst())))
