/// What a connection's machine did with its input, and what it wants next.
package struct MachineStep: BitwiseCopyable {
    @frozen
    package enum Disposition: UInt8, BitwiseCopyable {
        /// All complete commands are carried out. Call again when more bytes are there.
        case wantsInput
        /// The turn's commands are used up, and there may be more to do. Call again after other connections had a turn,
        /// with the unconsumed bytes (also when there are none).
        case yield
        /// The machine has work left, of a kind that others should not have to wait for. Call again in the next round,
        /// with the unconsumed bytes (also when there are none).
        case goesOn
        /// The output is full. Call again when it is sent, with the unconsumed bytes (also when there are none).
        case outputFull
        /// A large value is arriving, and unfinished ones hold all they may. Call again when one of them has ended, or
        /// when the second has changed, with the unconsumed bytes.
        case lacksRoom
        /// The client has to wait. Call again when the second has changed, with the unconsumed bytes.
        case nextSecond
        /// The answer is being worked out by another thread. Call again when the worker has been told of it, with the
        /// unconsumed bytes.
        case awaitsAnswer
        /// The connection becomes a watcher, of the streams that the machine names: there is no output, and no further
        /// call, unless that cannot be. Then it goes on as after `.yield`.
        case watch
        /// Close once the output is sent. No further call.
        case close
        /// Close at once; the output of this turn is dropped. No further call.
        case closeSilently
    }

    /// Bytes at the front of the input that the machine needs no more. The rest is given again, in front of new bytes.
    package var consumedBytes: Int
    package var disposition: Disposition

    package init(consumedBytes: Int, _ disposition: Disposition) {
        self.consumedBytes = consumedBytes
        self.disposition = disposition
    }
}
