import MartletStore

/// Every bound of the server in one place: queues, buffers, batches and retries. Bounds of the wire itself (key length,
/// line length, tokens of a meta command) live in MartletProtocol; bounds of the store in MartletStore.
package enum Limits {
    // Input

    /// The most one read from a socket brings, not counting what belongs straight into a large value.
    package static let readBytesMax = 64 << 10
    /// Up to this size, unfinished input is moved in front of the next read; larger input stays, and reads append to
    /// it.
    package static let movedOutBytesMax = 4 << 10
    /// The least room an appending read gets.
    package static let appendedReadBytesMin = 16 << 10
    /// The most bytes of one unfinished command that a connection keeps between two reads. A machine that leaves more
    /// unconsumed while it wants input has its connection closed. Long key lists are why this is more than a line.
    package static let unfinishedBytesMax = 1 << 20
    /// Commands carried out for one connection before the others get their turn; the default of `-R`.
    package static let commandsPerTurnDefault = 64

    // Turns taken together

    /// Connections of one `TurnGroup`: enough for what each step needs to be in the processor's caches for all but the
    /// first.
    static let groupTurnsMax = 16
    /// From so many requests, or bytes of input, nobody is added to a group: what it has prefetched should still be
    /// there when it is carried out.
    static var groupRequestsFull: Int { StoreSession.prefetchCountMax - batchCountMax }
    static let groupInputBytesFull = 8 << 10
    /// Size of a worker's read buffer: a group's input, the last of which may be as large as a read may be.
    static let readBufferBytes = groupInputBytesFull + readBytesMax
    /// With more input than this, or requests than a batch has, a turn may take long: nobody's reply waits for it.
    static let groupedInputBytesMax = 2 << 10
    /// Replies that wait to be sent together with others, and all of them. Larger ones are sent at once.
    static let asideReplyBytesMax = 4 << 10
    static let asideBytesMax = 16 << 10

    // Execution

    /// Requests of one batch, and keys of one slice of a key list: as many as are prefetched together.
    package static var batchCountMax: Int { StoreSession.batchCountMax }
    /// Keys answered for one connection before the others get their turn.
    package static let keysPerTurnMax = 4096
    /// A longer line of keys is answered as it arrives.
    package static let listWindowBytes = 32 << 10
    /// A value up to this size is waited for in the connection's input; a larger one goes where it belongs as it comes.
    package static let waitedValueBytesMax = 16 << 10
    /// How long a value may lack room, because unfinished ones hold all they may, before it is refused.
    package static let roomlessSecondsMax: UInt32 = 10
    /// While values lack room, one that arrives may not need longer than this for all of it (64 KiB in a second for
    /// 1 MiB), but none has to bring more than this in a second.
    package static let uploadSecondsMax = 16
    package static let uploadBytesPerSecondMax = 1 << 20
    /// Looks, a second apart, over which that is judged. Who is fast over one such time only is found in the next,
    /// which ends before `roomlessSecondsMax`.
    package static let uploadLooks = 4
    /// Those too slow that a worker closes in one second.
    package static let slowUploadsMax = 4
    /// Data blocks of refused commands are swallowed up to this size, or twice the largest item if that is more; a
    /// longer one costs the client its connection.
    package static let swallowBytesMin = 64 << 20
    /// More than an item needs besides key and value.
    package static let itemOverheadBytesMax = 64

    /// Buckets of the table told to one connection before the others get their turn.
    package static let dumpedBucketsPerTurnMax = 256

    /// Connections, or prefixes of keys, told to one connection before the others get their turn; and how many prefixes
    /// of other workers are looked for meanwhile.
    package static let statisticsPerTurnMax = 160
    static let prefixLooksPerTurnMax = 4096
    /// With more prefixes than these the binary protocol, which tells them in one piece, tells none.
    package static let prefixesInOnePieceMax = 2048

    /// What the system must have for the answer to a rare command. Less than what the C library returns to the system
    /// at once, so that it is there for the answer.
    package static let answerMemoryBytes = 96 << 10

    // Logging in

    /// How long a client may take to log in.
    package static let loginSecondsMax: UInt32 = 30
    /// Refused tokens that end a connection.
    package static let loginFailuresMax = 8
    /// Refused tokens that one address may send in a burst, over all its connections; after that there is one a second.
    package static let loginDebtSecondsMax: UInt32 = 64
    /// Rounds of a slow hash between two turns of others: about a millisecond.
    package static let hashRoundsPerTurn = 1024

    // Output

    /// From this many pending bytes, values sent in place included, `OutputBuffer.isFull` tells the machine to pause.
    /// This and `readBytesMax` become a fourth, then a sixteenth, when a fourth and then half of the budget for
    /// connection buffers is used.
    package static let outputBytesFull = 256 << 10
    /// The most bytes one `OutputBuffer.reserve` may ask for.
    package static let reserveBytesMax = 64 << 10
    /// Initial size of a worker's reply buffer: what `isFull` allows, one more reservation, and replies set aside. Only
    /// administrative replies outgrow it; it falls back to this size when they are sent.
    package static let outputBytesInitial = outputBytesFull + reserveBytesMax + asideBytesMax
    /// The size at which a reply buffer stops growing: its connection is closed instead.
    package static let outputBytesMax = 16 << 20
    /// Leases a reply buffer has room for at first. Leased values are larger than 2 KiB, so `isFull` comes before.
    package static let leaseCountInitial = 160
    /// Pieces given to the kernel by one `sendmsg`.
    package static let outputPiecesMax = 256

    /// Sessions that OpenSSL keeps with `ssl_session_cache`, of clients that take no tickets: about a kilobyte each,
    /// more with a client's certificate.
    package static let tlsSessionsKeptMax = 1024
    /// What a TLS session keeps of a packet that the socket took in part, or that has come in part.
    package static let packetBytesMax = 17 << 10
    /// What a handshake keeps: a packet, and room for a message, of which certificates have 24 KB at most and a hello
    /// 16.
    package static let handshakeBytesMax = 48 << 10

    /// What all connections together may keep besides the cache when the settings do not say: unfinished commands and
    /// replies that were not taken.
    package static let connectionBufferBytesDefault = 32 << 20
    /// What a server needs besides the cache and connection buffers: prefixes (`prefixBytesMax`) and kept sessions of
    /// TLS (`tlsSessionsKeptMax`) are in it.
    static let programBytesUsual = 16 << 20
    /// What OpenSSL keeps for each connection.
    static let tlsSessionBytesUsual = 14 << 10
    /// Who holds no more of it than this is not closed for those who do, while an eighth more than the budget suffices.
    package static let littleBufferBytes = 4 << 10
    /// Connections closed to make room in that budget for one that needs it.
    package static let budgetVictimsMax = 4
    /// A connection may be closed for the budget when its client has taken nothing for this many seconds; or, while
    /// others wait for it, when nothing has come of its large value for as long.
    package static let stalledSecondsMin: UInt32 = 2

    // Connections

    /// Sockets that are listened at: a connection has the number of its own in 16 bits.
    package static let listeningSocketsMax = Int(UInt16.max)
    /// Accepted sockets waiting for one worker.
    package static let inboxCapacity = 1024
    /// Sockets accepted before the listener looks at anything else.
    package static let acceptsPerTurn = 64
    /// How long the listener rests when it is out of descriptors or all inboxes are full.
    package static let acceptPauseMilliseconds: Int64 = 10
    /// Descriptors that the server itself may have open besides the connections, with `threadCount` workers: standard
    /// streams, listeners, and a loop with its wakeup per thread.
    package static func ownDescriptorsMax(threadCount: Int) -> Int { 48 + 8 * threadCount }
    /// Input dropped from a connection that is being closed, and how long it may take to close its half.
    package static let drainedBytesMax: Int32 = 8 << 20
    package static let drainingSecondsMax: UInt32 = 5

    /// How long a handshake of TLS may take, or a change of keys that finds no room to be answered.
    package static let negotiatingSecondsMax = 10
    /// Turns of handshakes before a worker looks again at who else is due: each may compute for a millisecond.
    static let negotiationsPerRoundMax = 4

    // Datagrams

    /// Datagrams answered before the worker looks at its connections.
    static let datagramsPerTurn = 16
    /// Bytes of replies to them after which it does, too. A megabyte in datagrams takes some five milliseconds, this
    /// much a third of one.
    package static let datagramTurnBytesMax = 64 << 10
    /// From this many bytes on, a reply to a datagram that goes on is not sent at all.
    package static let datagramReplyBytesMax = 1 << 20
    /// More than one datagram holds.
    package static let commandsPerDatagramMax = 1 << 16
    /// Send buffer asked for a UDP socket; the system may give less.
    static let datagramSendBytes: Int32 = 8 << 20

    // The log

    /// Lines that clients may bring about in a second: of all with `-v`, and of commands, replies and connections with
    /// `-vv`.
    package static let logLinesPerSecondMax = 10
    package static let verboseLogLinesPerSecondMax = 1000
    /// Bytes of those with `-vv`: a disk takes a while to fill with them.
    package static let verboseLogBytesPerSecondMax = 64 << 10
    /// The longest line: what a pipe takes without waiting if it has room (PIPE_BUF).
    package static let logLineBytesMax = 4 << 10

    // Memory

    /// Bytes that may count as used from the start, for test suites: as much as `-m` may be.
    package static let presetBytesMax = 256 << 30

    // Maintenance

    /// How long the maintainer rests after a pass, and after one that left something to do. A pass that finds nothing
    /// due costs some microseconds; so expired items go soon after the clock has come to their second.
    package static let maintenancePauseMilliseconds = 200
    package static let maintenanceBusyPauseMilliseconds = 20

    /// The same while a page of `memcached_mode` waits for something in it: the pace of memcached's mover.
    package static let movePauseMilliseconds = 5

    // Watching

    /// Connections that may watch at the same time.
    package static let watchersMax = 20
    /// How long the announcer rests between two looks at what there is to tell.
    static let announcerPauseMillisecondsMax = 50
    /// Events of one observer that are told before the next observer's.
    static let announcedEventsMax = 4096
    /// Reads of what a watcher sends, which is forgotten, one after the other.
    static let watcherReadsMax = 16
    /// What the key prefixes that are counted for `stats detail` take, those of all workers together; prefixes that
    /// come later are not counted.
    package static let prefixBytesMax = 4 << 20

    // The admin endpoint

    /// Connections to it, bytes of a request's head and body, how long a client may be silent, and how long it may take
    /// from one whole request to the next: to send it, and to read the reply before.
    package static let adminConnectionsMax = 64
    static let adminHeaderBytesMax = 8 << 10
    static let adminBodyBytesMax = 1 << 10
    static let adminSilentSecondsMax = 5
    static let adminRequestSecondsMax = 10
    /// Those of all connections and of as many that are on their way out.
    package static let adminDescriptorsMax = 2 * adminConnectionsMax
    /// Figures this old are told again: whoever asks more often gets the same ones.
    static let sampleMillisecondsMax = 250
    /// Seconds of history.
    static let historySecondsMax = 900
    /// What one worker may have to tell between two looks of the admin thread, and how often it looks for keys.
    static let meterRingBytes = 64 << 10
    static let meterPauseMilliseconds: Int64 = 100
    /// What is taken of one worker in one look.
    static let meterEventsMax = 1024
    /// Turns a second up to which a worker looks into all of them.
    static let turnsAllSampledMax = 2000
    /// Keys that are counted, and slow turns that are remembered.
    static let countedKeysMax = 1024
    static let slowTurnsMax = 100
    /// A worker that has been in one round for so long is taken to be stuck.
    static let stuckSecondsMin = 10

    // Stopping

    /// How long a graceful stop waits for requests under way.
    package static let gracefulStopSecondsMax: UInt32 = 5
}
