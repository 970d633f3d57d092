/// The protocol side of one connection: bytes in, replies out, no socket.
///
/// The worker's contract with it:
/// 1. `receive` is called with the bytes not consumed before, followed by what arrived since, contiguous and writable.
/// 2. While `valueDestination` is not empty, the worker reads the socket straight into it and tells `advanceValue`; bytes
///    behind it come through `receive`. It is asked again after every call, and only trusted until the next one.
/// 3. After `.yield` and `.outputFull`, `receive` is called again even without new input.
/// 4. It lives in the connection's memory and is only used by the connection's worker.
package struct ConnectionMachine: ~Copyable {
    package init() {}

    package mutating func receive(
        _ input: UnsafeMutableRawBufferPointer, executor: UnsafeMutablePointer<Executor>,
        output: UnsafeMutablePointer<OutputBuffer>, commandsMax: Int
    ) -> MachineStep {
        var consumed = 0
        var commands = 0
        while let end = input[consumed...].firstIndex(of: 10) {
            if output.pointee.isFull { return MachineStep(consumedBytes: consumed, .outputFull) }
            if commands == commandsMax { return MachineStep(consumedBytes: consumed, .yield) }
            let line = input[consumed..<end]
            consumed = end + 1
            commands += 1
            if line.starts(with: "quit".utf8) { return MachineStep(consumedBytes: consumed, .close) }
            output.pointee.append("ERROR\r\n")
        }
        return MachineStep(consumedBytes: consumed, .wantsInput)
    }

    /// A value is being received (or swallowed); `stats conns` says so.
    package var isReadingValue: Bool { false }

    /// Where the next bytes of a value that is being read belong; empty when no value is.
    package mutating func valueDestination() -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: nil, count: 0)
    }

    /// The first `count` bytes of `valueDestination` were filled.
    package mutating func advanceValue(_ count: Int) {}
}
