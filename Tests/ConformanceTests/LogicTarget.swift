import MartletServer
import MartletStore

/// Parser and executor alone: no socket, no thread, the clock moved by hand.
///
/// Does what a worker does for its connections, with an input that never has more than what was sent.
final class LogicTarget: ConformanceTarget {
    let flavour = ServerFlavour.martlet

    /// One connection.
    private struct Line: ~Copyable {
        var machine = ConnectionMachine()
        /// Sent and not consumed yet.
        var input: [UInt8] = []
        /// Answered and not received yet.
        var output: [UInt8] = []
        var isClosed = false
    }

    private let context: UnsafeMutablePointer<ServerContext>
    private let counters: UnsafeMutablePointer<WorkerCounters>
    private let executor: UnsafeMutablePointer<Executor>
    private let output: UnsafeMutablePointer<OutputBuffer>
    private var lines: [String: UnsafeMutablePointer<Line>] = [:]
    private let commandsMax: Int

    init(options: [String], commandsMax: Int = Limits.commandsPerTurnDefault) throws {
        self.commandsMax = commandsMax
        let settings = try ConformanceSettings.parse(options)
        let clock = ServerClock(manualWithWall: ConformanceSettings.wallSeconds)
        let second = clock.second
        let store = try CacheStore(settings: settings.storeSettings, secret: (11, 12), now: second)
        context = .allocate(capacity: 1)
        context.initialize(to: ServerContext(settings: settings, store: store, clock: clock))
        counters = .allocate(capacity: 1)
        counters.initialize(to: WorkerCounters())
        context.pointee.workerCounters = [counters]
        executor = .allocate(capacity: 1)
        executor.initialize(to: Executor(session: store.makeSession(), counters: counters, server: context))
        executor.pointee.setNow(second)
        output = .allocate(capacity: 1)
        output.initialize(to: OutputBuffer())
    }

    deinit {
        for name in Array(lines.keys) { close(name) }
        output.deinitialize(count: 1)
        output.deallocate()
        executor.deinitialize(count: 1)
        executor.deallocate()
        context.pointee.store.destroy()
        context.deinitialize(count: 1)
        context.deallocate()
        counters.deinitialize(count: 1)
        counters.deallocate()
    }

    func open(_ connection: String) {
        close(connection)
        let line = UnsafeMutablePointer<Line>.allocate(capacity: 1)
        line.initialize(to: Line())
        lines[connection] = line
    }

    func close(_ connection: String) {
        guard let line = lines.removeValue(forKey: connection) else { return }
        line.deinitialize(count: 1)
        line.deallocate()
    }

    func send(_ bytes: [UInt8], on connection: String) {
        guard let line = lines[connection], !line.pointee.isClosed else { return }
        var rest = bytes[...]
        while !rest.isEmpty, !line.pointee.isClosed {
            if line.pointee.input.isEmpty {
                let place = line.pointee.machine.valueDestination()
                let count = min(place.count, rest.count)
                if count > 0 {
                    place.copyBytes(from: rest.prefix(count))
                    line.pointee.machine.advanceValue(count)
                    rest = rest.dropFirst(count)
                    run(line)
                    continue
                }
            }
            line.pointee.input += rest
            rest = []
            run(line)
        }
    }

    /// Lets the machine work until it wants input.
    private func run(_ line: UnsafeMutablePointer<Line>) {
        while true {
            let step = line.pointee.input.withUnsafeMutableBytes { input in
                line.pointee.machine.receive(input, executor: executor, output: output, commandsMax: commandsMax)
            }
            line.pointee.input.removeFirst(step.consumedBytes)
            if step.disposition == .closeSilently { output.pointee.removeAll() }
            output.pointee.forEachPiece { line.pointee.output += $0 }
            output.pointee.removeAll()
            switch step.disposition {
            case .wantsInput: return
            case .yield, .outputFull: continue
            case .close, .closeSilently:
                line.pointee.isClosed = true
                return
            }
        }
    }

    func receive(on connection: String) -> [UInt8]? {
        guard let line = lines[connection], !line.pointee.output.isEmpty else { return nil }
        defer { line.pointee.output = [] }
        return line.pointee.output
    }

    func isClosed(_ connection: String) -> Bool { lines[connection]?.pointee.isClosed ?? true }

    func advance(seconds: UInt32) -> Bool {
        context.pointee.clock.advance(seconds: seconds)
        executor.pointee.setNow(context.pointee.clock.second)
        return true
    }
}
