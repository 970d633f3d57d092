import MartletProtocol
import MartletStore

// Execution: from parsed requests to the store and back to bytes.
//
//     ConnectionMachine      keeps a connection in step: lines, data blocks, what is swallowed, when to close
//       RequestBatch         up to 64 requests, their keys hashed and the memory they will touch prefetched
//         Executor           one request: store call, counters, reply
//           +Retrieval       get gets gat gats
//           +Storage         set add replace append prepend cas ms
//           +Changes         touch delete incr decr
//           +MetaGet, +MetaChanges    mg me md ma
//           +Server          version verbosity flush_all stats ...
//
// Goals: wire meets store here and nowhere else; a reply's value, client flags and token come from one hold of the
// item; no allocation and no reference counting for anything but a value too large to wait for in the input.
// Non-goals: sockets, time (a second is passed in), the text of statistics.
//
// Threads: everything here runs on the worker that owns the executor; nothing is shared but what `ServerContext`
// shares.

/// The one place where wire meets store: one per worker, used by all its connections.
package struct Executor: ~Copyable {
    let session: StoreSession
    let counters: UnsafeMutablePointer<WorkerCounters>
    let server: UnsafeMutablePointer<ServerContext>
    /// Room for the requests of one batch.
    let batch: UnsafeMutablePointer<BatchedRequest>
    /// Room for the keys of one slice of a key list.
    let keys: UnsafeMutablePointer<ItemKey>
    /// Room for a decoded base64 key.
    let decodedKey: UnsafeMutableRawPointer
    let time: WireTime
    /// `-C`: every item shows token 0, and no compared token matches.
    let hidesTokens: Bool
    /// Whether clients have to log in.
    package let demandsLogin: Bool
    /// Passwords that this worker has found right.
    var remembered = RememberedPasswords()
    /// Who waits for slices of slow hashes.
    var hashTurns = HashTurns()
    /// The longest refused data block that is skipped; a longer one costs the connection.
    let swallowBytesMax: Int
    /// Replies that a connection may have waiting; only with `read_buf_mem_limit` is there a bound (ReplyShare.swift).
    /// And whether one that has more in a turn is closed.
    package let repliesMax: Int
    let boundsReplies: Bool
    let closesOverReplies: Bool
    /// What this worker sees for those who watch; points to memory of its own.
    package let observer: UnsafeMutablePointer<Observer>
    /// A look-up that fails may be one for the topology.
    let tellsTopology: Bool
    /// Somebody wants to know of requests, as of the beginning of the turn.
    var isWatched = false
    /// What the worker measures, with `--admin`; and whether it looks into the turn.
    var meter: UnsafeMutablePointer<TurnMeter>?
    var isSampled = false

    package init(
        session: StoreSession, counters: UnsafeMutablePointer<WorkerCounters>,
        server: UnsafeMutablePointer<ServerContext>
    ) {
        self.session = session
        self.counters = counters
        self.server = server
        batch = OwnLines.allocate(BatchedRequest.self, count: Limits.batchCountMax)
        keys = OwnLines.allocate(ItemKey.self, count: Limits.batchCountMax)
        decodedKey = .allocate(byteCount: WireLimits.keyBytesMax, alignment: 8)
        time = WireTime(wallOffset: server.pointee.clock.wallOffset)
        demandsLogin = Dialect(server.pointee.settings) == .locked
        hidesTokens = !server.pointee.settings.issuesTokens
        swallowBytesMax = max(Limits.swallowBytesMin, 2 * server.pointee.settings.itemBytesMax)
        repliesMax = ReplyShare.repliesMax(server.pointee.settings)
        boundsReplies = repliesMax != .max
        let commandsMax = server.pointee.settings.commandsPerTurn
        closesOverReplies = commandsMax > repliesMax && commandsMax != Limits.commandsPerTurnDefault
        observer = .make(server)
        tellsTopology = server.pointee.topology.isTold
        session.setListener(observer.listener)
    }

    deinit {
        batch.deallocate()
        keys.deallocate()
        decodedKey.deallocate()
        session.setListener(nil)
        observer.destroy()
    }

    /// Called by the worker before a connection's turn whenever the server second has changed.
    package mutating func setNow(_ second: UInt32) { session.setNow(second) }

    /// Called by the worker at the beginning of a round of turns: one slice of a slow hash may be computed in it.
    @inline(__always)
    package mutating func beginRound() { hashTurns.beginRound() }

    /// Called by the worker before a connection's turn: whose it is, and who watches.
    @inline(__always)
    package mutating func beginTurn(of descriptor: Int32) {
        let wanted = server.pointee.observation.pointee.wanted
        isWatched = !wanted.isEmpty || isSampled
        if _slowPath(isWatched) {
            observer.pointee.wanted = wanted
            observer.pointee.descriptor = descriptor
        }
    }
}

typealias ExecutorPointer = UnsafeMutablePointer<Executor>
typealias OutputPointer = UnsafeMutablePointer<OutputBuffer>

extension UnsafeMutablePointer where Pointee == Executor {
    var session: StoreSession { pointee.session }

    /// Whether replies are logged.
    var isLogged: Bool { pointee.isWatched && pointee.observer.pointee.wanted.contains(.log) }

    /// This worker's counters of commands.
    var counters: UnsafeMutablePointer<WorkerCounters> { pointee.counters }

    /// The server second for an expiry the client sent.
    @inline(__always)
    func second(_ exptime: Int32) -> UInt32 { pointee.time.second(exptime, now: pointee.session.now) }

    /// A token as clients see it.
    @inline(__always)
    func shown(_ token: UInt64) -> UInt64 { pointee.hidesTokens ? 0 : token }

    /// A token to compare with. 0 matches nothing, and when tokens are hidden nothing does.
    func comparable(_ token: UInt64) -> ComparedToken {
        token == 0 || pointee.hidesTokens ? .noItem : .exactly(token)
    }

    /// The same for `md`, where a token matches what the item shows, 0 too; nil if that is any item's.
    func comparedShown(_ token: UInt64) -> ComparedToken? {
        guard pointee.hidesTokens else { return .exactly(token) }
        return token == 0 ? nil : .noItem
    }

    /// The key of a request as the store wants it: hashed, and decoded if it came in base64 (then valid until the next
    /// call). `hash` is the key's hash if it did not.
    @inline(__always)
    func key(_ request: Request, _ line: UnsafeRawPointer, hash: UInt64) -> ItemKey {
        if request.flags.contains(.binaryKey) { return decodedKey(request, line) }
        return ItemKey(bytes: line + Int(request.key.offset), count: Int(request.key.count), hash: hash)
    }

    @inline(never)
    private func decodedKey(_ request: Request, _ line: UnsafeRawPointer) -> ItemKey {
        let bytes = pointee.decodedKey
        let count = request.decodeKey(in: line, into: bytes)
        return ItemKey(bytes: bytes, count: count, hash: pointee.session.hash(bytes, count))
    }

    /// Carries out a request that has neither a key list nor a data block. Returns whether the connection goes on.
    func execute(
        _ request: Request, _ line: UnsafeRawPointer, hash: UInt64, _ output: OutputPointer
    ) -> Bool {
        switch request.command {
        case .metaGet: metaGet(request, line, key(request, line, hash: hash), output)
        case .metaDelete: metaDelete(request, line, key(request, line, hash: hash), output)
        case .metaArithmetic: metaArithmetic(request, line, key(request, line, hash: hash), output)
        case .metaDebug: metaDebug(request, line, key(request, line, hash: hash), output)
        case .metaNoop: output.append(.metaNoop)
        case .touch: touch(request, key(request, line, hash: hash), output)
        case .delete: delete(request, key(request, line, hash: hash), output)
        case .incr, .decr: arithmetic(request, key(request, line, hash: hash), output)
        default: return executeServerCommand(request, line, output)
        }
        return true
    }
}

extension UnsafeMutablePointer where Pointee == OutputBuffer {
    /// Appends one of the fixed replies.
    func append(_ reply: FixedReply) {
        let start = pointee.reserve(FixedReply.bytesMax)
        pointee.advance(to: ReplyWriter.fixed(reply, at: start))
    }

    /// Appends one of the fixed replies unless the client asked for none.
    @inline(__always)
    func append(_ reply: FixedReply, unless isQuiet: Bool) {
        if !isQuiet { append(reply) }
    }
}
