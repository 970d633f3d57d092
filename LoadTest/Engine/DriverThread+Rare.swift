import LoadWorkload
import MartletProtocol

/// Replies off the beaten track, and what is noted about the wrong ones.
extension UnsafeMutablePointer where Pointee == DriverThread {
    /// Judges a line by the protocol's own parser. Bytes used, 0 when it is not there whole, -1 when it makes the
    /// connection useless.
    func answerRarely(
        _ connection: UnsafeMutablePointer<Connection>, _ request: UnsafeMutablePointer<Outstanding>,
        _ bytes: UnsafeRawPointer, _ count: Int
    ) -> Int {
        var reply = Reply()
        switch ReplyParser.parse(bytes, count: count, into: &reply) {
        case .incomplete: return 0
        case .invalid:
            garble(connection, "protocol", request.pointee.key, "sent \(Self.quoted(bytes, count)), which is no reply")
            return -1
        case .reply: break
        }
        guard count >= reply.totalBytes else { return 0 }
        if isOutcome(reply.kind, of: request) {
            switch request.pointee.expectation {
            case .stored:
                finishStore(connection, request, took: reply.kind == .stored)
            default:
                // A counter that is not there begins.
                if request.pointee.expectation == .number, reply.kind == .notFound {
                    follow(connection, request, key: request.pointee.key, token: 0)
                }
                finishChange(connection, request)
            }
            return reply.totalBytes
        }
        switch reply.kind {
        case .error, .clientError, .serverError:
            refuse(connection, request, bytes, Int(reply.lineBytes), isServerError: reply.kind == .serverError)
            return reply.totalBytes
        case .value where request.pointee.expectation == .values:
            return answerForeign(connection, request, bytes, reply)
        default:
            garble(
                connection, "protocol", request.pointee.key,
                "answered a request of kind \(request.pointee.kind) with \(Self.quoted(bytes, count))")
            return -1
        }
    }

    private func isOutcome(_ kind: Reply.Kind, of request: UnsafeMutablePointer<Outstanding>) -> Bool {
        switch request.pointee.expectation {
        case .stored:
            kind == .stored
                || request.pointee.mayBeDeclined && (kind == .notStored || kind == .exists || kind == .notFound)
        case .deleted: kind == .deleted || kind == .notFound
        case .touched: kind == .touched || kind == .notFound
        case .number: kind == .number || kind == .notFound
        default: false
        }
    }

    /// A delete, a touch or an increment was answered.
    func finishChange(
        _ connection: UnsafeMutablePointer<Connection>, _ request: UnsafeMutablePointer<Outstanding>
    ) {
        endChange(request, .deleted)
        finish(connection, request)
    }

    /// A delete, a touch or a read that touches is over.
    func endChange(_ request: UnsafeMutablePointer<Outstanding>, _ outcome: VersionTable.WriteOutcome) {
        switch request.pointee.kind {
        case .delete: pointee.truth.endWrite(request.pointee, outcome, now: pointee.now)
        case .touch, .getAndTouch: pointee.truth.endTouch(request.pointee, now: pointee.now)
        default: break
        }
    }

    /// The server answered with an error: the request is over, and nothing came of it.
    func refuse(
        _ connection: UnsafeMutablePointer<Connection>, _ request: UnsafeMutablePointer<Outstanding>,
        _ bytes: UnsafeRawPointer, _ lineBytes: Int, isServerError: Bool
    ) {
        let text = Self.text(bytes, lineBytes)
        if pointee.tally.errorTexts.count < LoadLimits.errorTextsMax || pointee.tally.errorTexts[text] != nil {
            pointee.tally.errorTexts[text, default: 0] += 1
        }
        if request.pointee.isStore {
            pointee.truth.endWrite(request.pointee, .refused, now: pointee.now)
        } else {
            endChange(request, .refused)
        }
        if request.pointee.isMeasured {
            let counts = pointee.tally.counts + Int(connection.pointee.server)
            if isServerError, request.pointee.isStore {
                counts.pointee.stores += 1
                counts.pointee.refused += 1
            } else {
                counts.pointee.errors += 1
                let board = pointee.boards.pointee.current
                board.pointee.errors += 1
            }
        }
        if request.pointee.keyCount > 1 {
            connection.pointee.keysHead &+= UInt32(request.pointee.keyCount)
            connection.pointee.keysPassed = 0
        }
        finish(connection, request)
    }

    /// A value of a key that was not asked for, or not at this place, or with flags nobody gave it.
    private func answerForeign(
        _ connection: UnsafeMutablePointer<Connection>, _ request: UnsafeMutablePointer<Outstanding>,
        _ bytes: UnsafeRawPointer, _ reply: Reply
    ) -> Int {
        garble(
            connection, "foreign", request.pointee.key,
            "answered with \(Self.quoted(bytes, Int(reply.lineBytes)))")
        return -1
    }

    // MARK: Findings

    /// What cannot have come from a correct server, and after which nothing on this connection can be trusted.
    func garble(
        _ connection: UnsafeMutablePointer<Connection>, _ kind: String, _ key: UInt64?, _ what: String
    ) {
        note(kind, connection, key, what)
        breakOff(connection, "\(address(of: connection)) \(what).")
    }

    /// A value that cannot be right, in a reply that is.
    func note(_ finding: Truth.Finding, _ connection: UnsafeMutablePointer<Connection>, _ key: UInt64) {
        switch finding {
        case .good: break
        case .foreign(let other): note("foreign", connection, key, "returned the value of key \(text(of: other))")
        case .torn(let offset): note("torn", connection, key, "returned a value that is damaged at byte \(offset)")
        case .length(let written):
            note("length", connection, key, "returned another length than the \(written) bytes that were stored")
        case .version(let finding): note(finding, connection, key)
        }
    }

    /// An item is gone where nothing may go.
    func noteLoss(_ connection: UnsafeMutablePointer<Connection>, _ key: UInt64) {
        note("lost", connection, key, "missed a key that it had stored")
    }

    private func note(_ finding: VersionFinding, _ connection: UnsafeMutablePointer<Connection>, _ key: UInt64) {
        switch finding {
        case .good: break
        case .stale(let version, let floor):
            note("stale", connection, key, "returned version \(version) after version \(floor) had been told of")
        case .resurrected(let version, let floor):
            note("resurrected", connection, key, "returned version \(version), deleted before by change \(floor)")
        case .unheardOf(let version, let issued):
            note("unheard of", connection, key, "returned version \(version), but \(issued) is the newest there is")
        case .expired(let late):
            note("expired", connection, key, "returned a value that should have expired \(late) s before")
        }
    }

    private func note(_ kind: String, _ connection: UnsafeMutablePointer<Connection>, _ key: UInt64?, _ what: String) {
        pointee.tally.counts[Int(connection.pointee.server)].violations += 1
        guard pointee.tally.violations.count < LoadLimits.violationsDescribedMax else { return }
        let server = address(of: connection)
        pointee.tally.violations.append(
            Violation(kind: kind, key: key.map(text(of:)) ?? "", server: server, explanation: "\(what)."))
    }

    private func text(of key: UInt64) -> String {
        withUnsafeTemporaryAllocation(byteCount: 512, alignment: 8) { room in
            // Safe: a temporary allocation of bytes has an address.
            let count = pointee.keySpace.pointee.write(key, at: room.baseAddress.unsafelyUnwrapped)
            return String(decoding: UnsafeRawBufferPointer(room)[..<count], as: UTF8.self)
        }
    }

    /// The first line of some bytes without its end, at most 80 bytes of it.
    private static func text(_ bytes: UnsafeRawPointer, _ count: Int) -> String {
        let end = ByteSearch.first(ByteSearch.newline, in: bytes, from: 0, limit: Swift.min(count, 80))
        let line = UnsafeRawBufferPointer(start: bytes, count: end)
        let shown = line.map { $0 == 0x0D ? "" : $0 >= 0x20 && $0 < 0x7F ? String(Unicode.Scalar($0)) : "?" }
        return shown.joined()
    }

    static func quoted(_ bytes: UnsafeRawPointer, _ count: Int) -> String { "'\(text(bytes, count))'" }
}
