import Glibc

// hot-path-check PROGRAM [RULES] [--verbose]
//
// No allocation, no reference counting and no look-up of types on the way from a readable socket to the reply, by the
// compiled code's own testimony. It disassembles a release build and walks its direct calls from the functions named as
// roots in `hot-path.txt`, not entering those named as cold: these must be `@inline(never)`, or they are part of their
// callers. Reaching a forbidden function, code between known functions, or a call through a pointer nobody vouches for
// is a finding, printed with the way to it. A rule that matches no function is an error: the code has moved on without
// it.
//
// What an imported function does is not seen; `allocation-check` counts that in a running server.

exit(HotPathReport.run(CommandLine.arguments))
