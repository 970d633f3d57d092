import MartletProtocol
import MartletStore

/// The commands that concern the server rather than its items. What they say is `Administration`'s business.
extension UnsafeMutablePointer where Pointee == Executor {
    /// Returns whether the connection goes on.
    @inline(never)
    func executeServerCommand(
        _ request: Request, _ line: UnsafeRawPointer, _ output: OutputPointer
    ) -> Bool {
        let server = pointee.server
        switch request.command {
        case .version:
            output.pointee.append("VERSION ")
            output.pointee.append(ServerVersion.wire)
            output.appendLineEnd()
        case .flushAll:
            flushAll(request, output)
        case .verbosity:
            output.append(Administration.setVerbosity(request.number, server: server), unless: request.isQuiet)
        case .cacheMemoryLimit:
            let reply = Administration.setMemoryLimit(megabytes: request.number, server: server)
            output.append(reply, unless: request.isQuiet)
        case .shutdown:
            // Without a reply the server is stopping, and this connection ends first.
            guard let reply = Administration.shutdown(request.shutdownMode, server: server) else { return false }
            output.append(reply, unless: request.isQuiet)
        case .quit:
            return false
        default:
            output.append(.error)
        }
        return true
    }

    /// Forgets everything stored before now, or before the moment the delay names.
    private func flushAll(_ request: Request, _ output: OutputPointer) {
        countFlush()
        guard pointee.server.pointee.settings.allowsFlush else {
            return output.append(.flushNotAllowed, unless: request.isQuiet)
        }
        flush(request)
        output.append(.ok, unless: request.isQuiet)
    }

    func flush(_ request: Request) {
        var moment = session.now
        if request.hasDelay, request.exptime > 0 { moment = second(request.exptime) }
        session.flushAll(at: moment)
        pointee.server.pointee.administration.noteFlush(moment)
    }

    /// Also counted when it is refused.
    func countFlush() { counters.pointee.commands.flushes.increment() }
}
