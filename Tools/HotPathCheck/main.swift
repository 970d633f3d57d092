import Glibc

// hot-path-check PROGRAM
//
// Walks the call graph of a release build from where a request's bytes arrive to where its reply is written, and fails
// when that reaches an allocation, reference counting or anything else of the runtime that a steady server must not
// need. Indirect calls and what happens inside libraries are invisible to it; `allocation-check` counts those.

exit(HotPathReport.run(CommandLine.arguments))
