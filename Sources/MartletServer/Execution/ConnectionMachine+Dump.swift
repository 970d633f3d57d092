import MartletProtocol
import MartletStore

/// Administrative commands, of which some have answers that take many turns.
extension ConnectionMachine {
    /// Carries out an administrative command, or goes on with its answer: until that is finished, the machine does not
    /// consume the command's line and is given it again. Nil: go on with the next command.
    @inline(never)
    mutating func administer(
        _ place: UnsafeMutablePointer<BatchedRequest>, _ executor: ExecutorPointer, _ output: OutputPointer
    ) -> MachineStep.Disposition? {
        let server = executor.pointee.server
        let words = place.pointee.request.arguments.bytes(in: place.pointee.line)
        if dump == nil {
            let answer: AdministrativeAnswer
            if place.pointee.request.command == .stats {
                answer = Administration.answerStatistics(words: words, server: server, output: output)
            } else {
                let desk = Administration.Desk(
                    server: server, session: executor.session, isPipelined: !output.pointee.isEmpty)
                answer = Administration.answerCommand(words: words, desk: desk, output: output)
            }
            switch answer {
            case .done: return nil
            case .watch(let streams):
                // The line is consumed by `receive`: should there be no room, commands behind it are still answered.
                watchedStreams = streams
                return .watch
            case .dump(let started):
                // As with memcached: a forged sender is sent no dump.
                if isDatagram { return .closeSilently }
                let memory = UnsafeMutablePointer<ItemDump>.allocate(capacity: 1)
                memory.initialize(to: started)
                dump = memory
            }
        }
        switch dump.unsafelyUnwrapped.pointee.appendLines(server, output) {
        case .finished:
            endDump()
            return nil
        case .outputFull: return .outputFull
        case .turnOver: return .yield
        }
    }

    /// Forgets the dump under way, if there is one.
    mutating func endDump() {
        guard let dump else { return }
        self.dump = nil
        dump.deinitialize(count: 1)
        dump.deallocate()
    }
}
