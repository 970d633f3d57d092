/// What a connection keeps until its client has logged in, in raw memory of the machine.
struct LoginState: ~Copyable {
    /// Bytes of the token that the latest line has announced, CR LF included; nil while a line is waited for.
    var tokenBytes: Int?
    /// A token that is being checked.
    var check: LoginCheck?
    var failures = 0
}

extension UnsafeMutablePointer where Pointee == LoginState {
    static func make() -> Self {
        let state = Self.allocate(capacity: 1)
        state.initialize(to: LoginState())
        return state
    }

    func destroy() {
        deinitialize(count: 1)
        deallocate()
    }
}
