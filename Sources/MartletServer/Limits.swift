/// Every bound of the server in one place: queues, buffers, batches and retries. Bounds of the wire itself (key length,
/// line length, tokens of a meta command) live in MartletProtocol; bounds of the store in MartletStore.
package enum Limits {
    // Input

    /// Size of a worker's read buffer: the most one read from a socket brings.
    package static let readBytesMax = 64 << 10
    /// The most bytes of one unfinished command that a connection keeps between two reads. A machine that leaves more
    /// unconsumed while it wants input has its connection closed. Long key lists are why this is more than a line.
    package static let unfinishedBytesMax = 1 << 20
    /// Commands carried out for one connection before the others get their turn; the default of `-R`.
    package static let commandsPerTurnDefault = 64

    // Output

    /// From this many pending bytes, values sent in place included, `OutputBuffer.isFull` tells the machine to pause.
    package static let outputBytesFull = 256 << 10
    /// The most bytes one `OutputBuffer.reserve` may ask for.
    package static let reserveBytesMax = 64 << 10
    /// Initial size of a worker's reply buffer: what `isFull` allows and one more reservation. Only administrative
    /// replies outgrow it; it falls back to this size when they are sent.
    package static let outputBytesInitial = outputBytesFull + reserveBytesMax
    /// The size at which a reply buffer stops growing: its connection is closed instead.
    package static let outputBytesMax = 16 << 20
    /// Leases a reply buffer has room for at first. Leased values are larger than 2 KiB, so `isFull` comes before.
    package static let leaseCountInitial = 160
    /// Pieces given to the kernel by one `sendmsg`.
    package static let outputPiecesMax = 256
}
