import MartletServer

/// One connection to a `LogicServer`: does what a worker does for its connections, with an input that never has more
/// than what was sent.
package final class LogicConnection {
    private let server: LogicServer
    private let machine: UnsafeMutablePointer<ConnectionMachine>
    private let commandsMax: Int
    /// Sent and not consumed yet.
    package private(set) var input: [UInt8] = []
    /// Answered and not taken yet.
    private var replies: [UInt8] = []
    package private(set) var isClosed = false
    /// How the machine ended each of its calls.
    package private(set) var dispositions: [MachineStep.Disposition] = []
    /// The most bytes one call left in the reply buffer, leased values included.
    package private(set) var longestOutput = 0

    init(_ server: LogicServer, commandsMax: Int, network: UInt64?, isDatagram: Bool) {
        self.server = server
        self.commandsMax = commandsMax
        machine = .allocate(capacity: 1)
        let dialect = Dialect(server.context.pointee.settings)
        machine.initialize(to: ConnectionMachine(dialect))
        machine.pointee.isDatagram = isDatagram
        if dialect == .locked { machine.pointee.beginLogin(from: network) }
    }

    deinit {
        machine.deinitialize(count: 1)
        machine.deallocate()
    }

    package var isReadingValue: Bool { machine.pointee.isReadingValue }

    /// Sends bytes in pieces of the lengths that `pieceBytes` gives, each at least 1.
    package func send(_ bytes: [UInt8], pieceBytes: () -> Int) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = min(rest.count, pieceBytes())
            send(rest.prefix(count))
            rest = rest.dropFirst(count)
        }
    }

    /// Sends bytes; a closed connection takes none.
    package func send(_ bytes: some Collection<UInt8>) {
        var rest = Array(bytes)[...]
        while !rest.isEmpty, !isClosed {
            if input.isEmpty {
                let place = machine.pointee.valueDestination()
                let count = min(place.count, rest.count)
                if count > 0 {
                    place.copyBytes(from: rest.prefix(count))
                    machine.pointee.advanceValue(count)
                    rest = rest.dropFirst(count)
                    run()
                    continue
                }
            }
            input += rest
            rest = []
            run()
        }
    }

    package func send(_ text: String) { send(Array(text.utf8)) }

    /// Lets the machine try again after a value lacked room.
    package func retry() { run() }

    /// Sends a text that is looked at in the server's next round only.
    package func sendUnseen(_ text: String) { input += text.utf8 }

    /// Lets the machine try again if it waits for room, or for the next second.
    package func retryIfWaiting() {
        if dispositions.last == .lacksRoom || dispositions.last == .nextSecond { run() }
    }

    /// All replies since the last time.
    package func takeReplies() -> [UInt8] {
        defer { replies = [] }
        return replies
    }

    /// Sends a text and gives all replies to it as one.
    package func ask(_ text: String) -> String {
        send(text)
        return String(decoding: takeReplies(), as: UTF8.self)
    }

    /// Lets the machine work until it wants input.
    private func run() {
        repeat {
            server.executor.pointee.beginRound()
        } while takeTurn()
    }

    /// Lets the machine work once; returns whether it has more to do.
    func takeTurn() -> Bool {
        server.executor.pointee.beginTurn(of: 0)
        let step = input.withUnsafeMutableBytes { input in
            machine.pointee.receive(
                input, executor: server.executor, output: server.output, commandsMax: commandsMax)
        }
        input.removeFirst(step.consumedBytes)
        dispositions.append(step.disposition)
        longestOutput = max(longestOutput, server.output.pointee.byteCount + server.output.pointee.leasedBytes)
        if step.disposition == .closeSilently { server.output.pointee.removeAll() }
        server.output.pointee.forEachPiece { replies += $0 }
        server.output.pointee.removeAll()
        switch step.disposition {
        case .wantsInput, .lacksRoom, .nextSecond, .awaitsAnswer: return false
        case .yield, .goesOn, .outputFull: return true
        case .close, .closeSilently, .watch:
            isClosed = true
            return false
        }
    }
}
