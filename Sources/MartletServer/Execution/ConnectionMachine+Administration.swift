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
        if longAnswer == nil {
            let server = executor.pointee.server
            guard server.pointee.hasMemoryForAnswer else {
                output.append(place.pointee.request.command == .stats ? .outOfMemoryStats : .outOfMemory)
                return nil
            }
            let words = place.pointee.request.arguments.bytes(in: place.pointee.line)
            let answer: AdministrativeAnswer
            if place.pointee.request.command == .stats {
                answer = Administration.answerStatistics(words: words, server: server, output: output)
                executor.noticePrefixes()
            } else {
                let desk = Administration.Desk(
                    server: server, session: executor.session, isPipelined: !output.pointee.isEmpty,
                    isBehindSent: isBehindSent(output))
                answer = Administration.answerCommand(words: words, desk: desk, output: output)
            }
            switch answer {
            case .done: return nil
            case .watch(let streams):
                // The line is consumed by `receive`: should there be no room, commands behind it are still answered.
                watchedStreams = streams
                return .watch
            case .long(let begun):
                if isDatagram, begun.needsConnection { return .closeSilently }
                begin(begun)
            }
        }
        return continueLongAnswer(executor, output)
    }

    /// Takes the answer up, so that `continueLongAnswer` goes on with it.
    mutating func begin(_ answer: consuming any LongAnswer) {
        let memory = UnsafeMutablePointer<any LongAnswer>.allocate(capacity: 1)
        memory.initialize(to: answer)
        longAnswer = memory
    }

    /// A turn of the answer under way. Nil: it is finished. One that cannot go on for want of memory ends the connection:
    /// half of it must not pass for all.
    mutating func continueLongAnswer(
        _ executor: ExecutorPointer, _ output: OutputPointer
    ) -> MachineStep.Disposition? {
        guard let longAnswer else { return nil }
        guard executor.pointee.server.pointee.hasMemoryForAnswer else { return .closeSilently }
        switch longAnswer.pointee.appendLines(executor.pointee.server, output) {
        case .finished:
            endLongAnswer()
            answeredBytes = Int32(truncatingIfNeeded: output.pointee.byteCount)
            return nil
        case .outputFull: return .outputFull
        case .turnOver: return .yield
        case .awaited: return .awaitsAnswer
        }
    }

    /// Forgets the answer under way, if there is one.
    mutating func endLongAnswer() {
        guard let longAnswer else { return }
        self.longAnswer = nil
        longAnswer.deinitialize(count: 1)
        longAnswer.deallocate()
    }

    /// Whether memcached would have sent what was answered so far: `mn` and `get` make it do so, and a dump is sent as
    /// it comes.
    private func isBehindSent(_ output: OutputPointer) -> Bool {
        if output.pointee.byteCount == Int(answeredBytes) { return true }
        let replies = UnsafeRawBufferPointer(start: output.pointee.bytes, count: output.pointee.byteCount)
        return replies.suffix(4).elementsEqual("MN\r\n".utf8) || replies.suffix(5).elementsEqual("END\r\n".utf8)
    }
}
