import MartletProtocol
import MartletStore

/// The binary protocol's side of a connection: as `ConnectionMachine.receive`, with headers for lines and nothing
/// behind a value.
///
/// 1. A request is carried out when all in front of its value is there and, if it carries a value up to
///    `Limits.waitedValueBytesMax`, when that is complete too. A larger one goes into a reservation as it arrives.
/// 2. A batch is parsed, hashed and prefetched as one of lines is, so a row of quiet gets and the `noop` behind it are
///    one batch and one write.
/// 3. The body of a refused request is skipped, up to a bound; the answer goes out first.
extension ConnectionMachine {
    @inline(never)
    mutating func receiveBinary(
        _ input: UnsafeRawBufferPointer, executor: ExecutorPointer, output: OutputPointer, commandsMax: Int
    ) -> MachineStep {
        var position = 0
        if swallowBytes > 0 || pending != nil {
            let arrival = continueValue(input, &position, executor, output)
            if arrival != .finished { return MachineStep(consumedBytes: position, Self.disposition(arrival)) }
        }
        waitsForValue = false
        var commandsLeft = commandsMax
        while true {
            let batch = executor.gatherBinaryBatch(
                input, from: position, countMax: min(commandsLeft, Limits.batchCountMax))
            for index in 0..<batch.count {
                if output.pointee.isFull { return MachineStep(consumedBytes: position, .outputFull) }
                let place = executor.pointee.batch + index
                if let stop = carryOutBinary(place, executor, output) {
                    if stop == .close { position &+= place.pointee.bytes }
                    return MachineStep(consumedBytes: position, stop)
                }
                position &+= place.pointee.bytes
            }
            commandsLeft &-= batch.count
            switch batch.end {
            case .open:
                if swallowBytes > 0 || position == input.count {
                    return MachineStep(consumedBytes: position, .wantsInput)
                }
                if commandsLeft <= 0 { return MachineStep(consumedBytes: position, .yield) }
            case .insideValue:
                let place = executor.pointee.batch + batch.count
                guard Int(place.pointee.request.valueLength) > Limits.waitedValueBytesMax else {
                    waitsForValue = true
                    return MachineStep(consumedBytes: position, .wantsInput)
                }
                if output.pointee.isFull { return MachineStep(consumedBytes: position, .outputFull) }
                let beginning = beginBinaryValue(place, executor, output)
                if beginning == .lacksRoom { return MachineStep(consumedBytes: position, .lacksRoom) }
                position &+= Int(place.pointee.request.lineBytes)
                if beginning == .close { return MachineStep(consumedBytes: position, .close) }
                let arrival = continueValue(input, &position, executor, output)
                if arrival != .finished { return MachineStep(consumedBytes: position, Self.disposition(arrival)) }
                commandsLeft &-= 1
            case .hangUp:
                closeReason = .error
                return MachineStep(consumedBytes: position, .close)
            case .exhausted, .insideLine, .longList:
                return MachineStep(consumedBytes: position, .wantsInput)
            }
        }
    }

    /// Carries out a request whose value, if any, is there. Nil: go on with the next one.
    private mutating func carryOutBinary(
        _ place: UnsafeMutablePointer<BatchedRequest>, _ executor: ExecutorPointer, _ output: OutputPointer
    ) -> MachineStep.Disposition? {
        let header = BinaryHeader(at: place.pointee.line)
        if place.pointee.outcome == .refused { return refuseBinary(header, place, executor, output) ? nil : .close }
        if _slowPath(executor.pointee.isWatched), longAnswer == nil { executor.observe(place) }
        let request = place.pointee.request
        let key = ItemKey(
            bytes: place.pointee.line + Int(request.key.offset), count: Int(request.key.count), hash: place.pointee.hash
        )
        if request.command.carriesValue {
            let value = UnsafeRawBufferPointer(
                start: place.pointee.line + Int(request.lineBytes), count: Int(request.valueLength))
            executor.storeBinary(request, header, key, value, output)
            return nil
        }
        if request.command == .stats { return tellBinary(header, key, executor, output) }
        return executor.executeBinary(request, header, key, output) ? nil : .close
    }

    /// Answers `stat`, or goes on with that: until it is finished, the request is not consumed.
    @inline(never)
    private mutating func tellBinary(
        _ header: BinaryHeader, _ key: ItemKey, _ executor: ExecutorPointer, _ output: OutputPointer
    ) -> MachineStep.Disposition? {
        if longAnswer == nil {
            guard executor.pointee.server.pointee.hasMemoryForAnswer else {
                output.appendBinary(.outOfMemory, header)
                return nil
            }
            guard let answer = executor.statisticsBinary(header, key, output) else { return nil }
            begin(answer)
        }
        return continueLongAnswer(executor, output)
    }

    /// Rule 3.
    private mutating func refuseBinary(
        _ header: BinaryHeader, _ place: UnsafeMutablePointer<BatchedRequest>, _ executor: ExecutorPointer,
        _ output: OutputPointer
    ) -> Bool {
        guard let refusal = BinaryRequestParser.refusal(header) else { return false }
        output.appendBinary(refusal.status, header)
        if refusal.closes {
            closeReason = .error
            return false
        }
        swallowBytes = BinaryHeader.bytes &+ Int(header.bodyBytes) &- place.pointee.bytes
        return swallowBytes <= executor.pointee.swallowBytesMax
    }
}
