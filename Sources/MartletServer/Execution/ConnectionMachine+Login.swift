import MartletProtocol

/// What is said before a login, as memcached 1.6.45 says it.
///
/// 1. Whatever is no `set` is refused, line by line; so nothing but a `set` has a data block. Key, flags and time of
///    the `set` mean nothing, its value is the token: the name, a space, the password.
/// 2. A line under six bytes or without an end among the first 2048 costs the connection, and so does a token of
///    another protocol. A token of more than 16 KiB is refused unseen.
/// 3. The connection is text from a right token on: commands that lie behind it are carried out.
/// 4. A slow hash is computed a slice per turn, one slice per round of the worker, so that logins hold up nobody else;
///    and by turns among addresses, so that those who guess do not hold up logins of others either (`HashTurns`). What
///    takes no slow hash is decided at once.
/// 5. Who has tried often from one address waits with the next token, unchecked (`LoginPace`).
/// 6. `Limits.loginFailuresMax` refused tokens end the connection, and so do `Limits.loginSecondsMax` without a right
///    one.
extension ConnectionMachine {
    private static let lineBytesMin = 6
    private static let tokenBytesMax: UInt32 = 16384

    private enum LoginStep {
        case wantsInput, goesOn, waits, close, loggedIn
    }

    /// `receive` of a connection that is not logged in.
    @inline(never)
    mutating func receiveLogin(
        _ bytes: UnsafeMutableRawBufferPointer, executor: ExecutorPointer, output: OutputPointer, commandsMax: Int
    ) -> MachineStep {
        let input = UnsafeRawBufferPointer(bytes)
        let state = login ?? .make(of: nil)
        login = state
        var position = 0
        while true {
            switch logIn(state, input, &position, executor, output) {
            case .wantsInput: return MachineStep(consumedBytes: position, .wantsInput)
            case .goesOn: return MachineStep(consumedBytes: position, .goesOn)
            case .waits: return MachineStep(consumedBytes: position, .nextSecond)
            case .close:
                closeReason = .error
                return MachineStep(consumedBytes: position, .close)
            case .loggedIn:
                endLogin()
                dialect = .text
                let rest = UnsafeMutableRawBufferPointer(rebasing: bytes[position...])
                var step = receive(rest, executor: executor, output: output, commandsMax: commandsMax)
                step.consumedBytes &+= position
                return step
            case nil: continue
            }
        }
    }

    /// Takes a line, a token or a slice of a check. Nil: go on with what follows.
    private func logIn(
        _ state: UnsafeMutablePointer<LoginState>, _ input: UnsafeRawBufferPointer, _ position: inout Int,
        _ executor: ExecutorPointer, _ output: OutputPointer
    ) -> LoginStep? {
        guard executor.pointee.server.pointee.hasMemoryForAnswer else { return .close }
        if state.pointee.check != nil { return goOn(state, executor, output) }
        let rest = UnsafeRawBufferPointer(rebasing: input[position...])
        guard let tokenBytes = state.pointee.tokenBytes else {
            return takeLine(state, rest, &position, output)
        }
        guard rest.count >= tokenBytes else { return .wantsInput }
        position &+= tokenBytes
        state.pointee.tokenBytes = nil
        let token = UnsafeRawBufferPointer(rebasing: rest[..<(tokenBytes - 2)])
        guard Self.endsLine(rest.baseAddress.unsafelyUnwrapped + token.count) else {
            output.append(.badLineEnd)
            return nil
        }
        guard let space = token.firstIndex(of: UInt8(ascii: " ")) else {
            output.append(.badTokenFormat)
            return nil
        }
        guard let credentials = executor.pointee.server.pointee.credentialFile.credentials else { return .close }
        state.pointee.check = LoginCheck(
            user: token[..<space], password: token[(space + 1)...], credentials, executor.pointee.remembered)
        return goOn(state, executor, output)
    }

    private func takeLine(
        _ state: UnsafeMutablePointer<LoginState>, _ rest: UnsafeRawBufferPointer, _ position: inout Int,
        _ output: OutputPointer
    ) -> LoginStep? {
        guard let newline = rest.firstIndex(of: 0x0A) else {
            return rest.count > WireLimits.lineBytesMax ? .close : .wantsInput
        }
        if newline < Self.lineBytesMin || newline > WireLimits.lineBytesMax { return .close }
        position &+= newline + 1
        var line = rest[..<newline]
        if line.last == 0x0D { line = line.dropLast() }
        let words = line.split(separator: UInt8(ascii: " "), maxSplits: 5, omittingEmptySubsequences: true)
        guard words.count >= 5, line.first == words[0].first, words[0].elementsEqual("set".utf8),
            let count = Self.number(words[4])
        else {
            output.append(.unauthenticated)
            return nil
        }
        guard count <= Self.tokenBytesMax else {
            output.append(.tokenTooLong)
            return nil
        }
        state.pointee.tokenBytes = Int(count) + 2
        return nil
    }

    private static func number(_ word: Slice<UnsafeRawBufferPointer>) -> UInt32? {
        guard word.count <= 10, word.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
        return UInt32(exactly: word.reduce(UInt64(0)) { $0 * 10 + UInt64($1 - 0x30) })
    }

    /// Rules 4 and 5.
    private func goOn(
        _ state: UnsafeMutablePointer<LoginState>, _ executor: ExecutorPointer, _ output: OutputPointer
    ) -> LoginStep? {
        if !state.pointee.hasBegun {
            let server = executor.pointee.server
            guard server.pointee.loginPace.begin(state.pointee.network, at: executor.session.now) else { return .waits }
            state.pointee.hasBegun = true
        }
        guard let isRight = verdict(state, executor) else { return .goesOn }
        state.leaveTurns()
        state.pointee.check = nil
        state.pointee.hasBegun = false
        executor.counters.pointee.commands.logins.increment()
        if isRight {
            executor.pointee.server.pointee.loginPace.forgive(state.pointee.network)
            output.append(.stored)
            return .loggedIn
        }
        executor.counters.pointee.commands.loginFailures.increment()
        output.append(.authenticationFailure)
        state.pointee.failures += 1
        return state.pointee.failures >= Limits.loginFailuresMax ? .close : nil
    }

    /// Rule 4: at once, or after the slice of this round if it is for this check. Nil while there is more to do.
    private func verdict(_ state: UnsafeMutablePointer<LoginState>, _ executor: ExecutorPointer) -> Bool? {
        if let known = state.pointee.check?.verdictAtOnce(executor.pointee.remembered) ?? nil { return known }
        if state.pointee.queuedIn == nil {
            state.pointee.queuedIn = executor
            executor.pointee.hashTurns.join(state)
        }
        guard executor.pointee.hashTurns.takes(state) else { return nil }
        return state.pointee.check?.advance(Limits.hashRoundsPerTurn, &executor.pointee.remembered) ?? nil
    }

    /// Whether the client has not logged in where it has to.
    var isLocked: Bool { dialect == .locked }

    /// Before the first input of a connection whose client has to log in: where it comes from.
    @inline(never)
    package mutating func beginLogin(from network: UInt64?) { login = .make(of: network) }

    /// Forgets a login that is over.
    @inline(never)
    mutating func endLogin() {
        login?.destroy()
        login = nil
    }
}
