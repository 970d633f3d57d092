import ArgumentParser
import LoadEngine
import LoadWorkload

/// A trace to replay instead of drawing operations.
struct TraceOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Replay a trace: lines 'op key size ttl', Twitter's cache traces or a 'watch fetchers mutations' log; plain, "
                + ".zst or .gz; - for standard input. Each key sees its requests in order.", valueName: "file"))
    var trace: String?

    @Option(
        help: "numbered, twitter or watch, where the trace's first line does not tell.",
        transform: { try TraceFormat(parsing: $0) })
    var traceFormat: TraceFormat?

    @Option(
        name: [.customShort("T"), .long],
        help: "Play so many copies of the trace in turns, with keys of their own and shifted in time.")
    var copies = 1

    @Option(help: "Replay a trace that has times at its own pace, so many times as fast; else as fast as possible.")
    var speed: Double?

    @Flag(help: "Do not store what a replayed get misses.")
    var noStoreOnMiss = false

    func validate() throws {
        if trace == nil, speed != nil || copies != 1 || traceFormat != nil || noStoreOnMiss {
            throw ValidationError("--speed, --copies, --trace-format and --no-store-on-miss need --trace.")
        }
    }

    /// The folder of the trace, where its files of sizes may lie.
    var folder: String? {
        trace.flatMap { path in path.lastIndex(of: "/").map { String(path[..<$0]) } }
    }

    /// Makes the settings replay the trace, if there is one.
    func apply(to settings: inout LoadSettings) throws {
        guard let trace else { return }
        if settings.fills { throw ValidationError("--fill has no meaning with --trace.") }
        var replay = TraceReplay(path: trace)
        replay.format = traceFormat
        replay.copies = copies
        replay.storesOnMiss = !noStoreOnMiss
        settings.workload.operationCount = settings.requestCount
        settings.requestCount = nil
        let summary: TraceSummary?
        do {
            summary = try settings.workload.replay(replay)
        } catch {
            // What is wrong with a file is not the command line's fault.
            throw LoadError.circumstances(error.message)
        }
        if let speed {
            if case .arriving = settings.pace { throw ValidationError("--rate and --speed exclude each other.") }
            if let summary, summary.spanNanoseconds == 0 {
                throw ValidationError("trace \(trace) has no times, so that --speed has no meaning; use --rate.")
            }
            settings.pace = .timed(speed: speed)
        }
    }
}
