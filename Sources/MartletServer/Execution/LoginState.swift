/// What a connection keeps until its client has logged in, in raw memory of the machine.
struct LoginState: ~Copyable {
    /// Bytes of the token that the latest line has announced, CR LF included; nil while a line is waited for.
    var tokenBytes: Int?
    /// A token that is being checked.
    var check: LoginCheck?
    /// The check has begun: its address was asked for it (`LoginPace`).
    var hasBegun = false
    /// Whose turns for slices of slow hashes it waits for (`HashTurns`), and when it last asked.
    var queuedIn: ExecutorPointer?
    var askedRound = 0
    var failures = 0
    /// Whose tries these are.
    let network: UInt64?

    /// A token is awaited or being checked.
    var isInsideToken: Bool { tokenBytes != nil || check != nil }
}

extension UnsafeMutablePointer where Pointee == LoginState {
    static func make(of network: UInt64?) -> Self {
        let state = Self.allocate(capacity: 1)
        state.initialize(to: LoginState(network: network))
        return state
    }

    /// The check is over, or its connection.
    func leaveTurns() {
        guard let executor = pointee.queuedIn else { return }
        pointee.queuedIn = nil
        executor.pointee.hashTurns.leave(self)
    }

    /// Before its executor ends.
    func destroy() {
        leaveTurns()
        deinitialize(count: 1)
        deallocate()
    }
}
