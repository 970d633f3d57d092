import CShims
import Glibc
import MartletEvent
import MartletProtocol

/// A worker's UDP socket: each datagram is a connection of its own that lasts as long as its answer takes.
///
/// 1. A datagram without a command, or that claims to be one of several, is dropped without an answer.
/// 2. What it holds is carried out by a fresh machine, in either protocol as its first byte says, unless the address
///    has one of its own.
/// 3. The whole answer is one row of datagrams. One that would be longer than `Limits.datagramReplyBytesMax` and its
///    last value, or than a row can be numbered, is not sent at all, and what the socket does not take is lost: nothing
///    waits for anybody, and a forged sender is sent no more than a request for one value could bring it.
/// 4. At most `Limits.datagramsPerTurn` are answered before the worker looks at its connections, and none after a reply
///    with which there are `Limits.datagramTurnBytesMax` bytes. The socket stays due for the rest.
///
/// In raw memory, because its watcher points back to it. The worker's thread only, but for `open` and `close`.
struct DatagramPort: ~Copyable {
    let worker: UnsafeMutablePointer<Worker>
    let descriptor: Int32
    let dialect: Dialect
    let watcher: SocketWatcher
    let storage: UnsafeMutableRawPointer
    /// The header of the datagram being sent.
    let header: UnsafeMutableRawPointer
}

extension UnsafeMutablePointer where Pointee == DatagramPort {
    /// Begins to serve the socket; nil when the kernel does not want to watch it.
    static func open(_ socket: DatagramSocket, on worker: UnsafeMutablePointer<Worker>) -> Self? {
        let port = Self.allocate(capacity: 1)
        let storage = UnsafeMutableRawPointer.allocate(
            byteCount: SocketWatcher.storageBytes, alignment: SocketWatcher.storageAlignment)
        let watcher = SocketWatcher(
            storage: storage, loop: worker.pointee.loop, descriptor: socket.descriptor, interest: .readable,
            callback: { _, _, context in
                context.unsafelyUnwrapped.assumingMemoryBound(to: DatagramPort.self).answerDue()
            }, context: port)
        guard watcher.start() else {
            storage.deallocate()
            port.deallocate()
            return nil
        }
        port.initialize(
            to: DatagramPort(
                worker: worker, descriptor: socket.descriptor, dialect: socket.dialect, watcher: watcher,
                storage: storage,
                header: .allocate(byteCount: DatagramHeader.bytes, alignment: 8)))
        return port
    }

    /// Frees the port; the socket is its owner's.
    func close() {
        pointee.watcher.stop()
        let storage = pointee.storage
        pointee.header.deallocate()
        deinitialize(count: 1)
        storage.deallocate()
        deallocate()
    }

    // MARK: Answering

    private func answerDue() {
        let worker = pointee.worker
        worker.catchUp(with: worker.pointee.server.pointee.clock.second)
        worker.takeMeteredDatagrams {
            let before = worker.pointee.counters.pointee.network.bytesWritten.value
            var left = Limits.datagramsPerTurn
            while left > 0, answerOne() {
                let sent = worker.pointee.counters.pointee.network.bytesWritten.value &- before
                left = sent < Limits.datagramTurnBytesMax ? left - 1 : 0
            }
        }
    }

    /// Receives a datagram and answers it. Returns whether there was one.
    private func answerOne() -> Bool {
        let worker = pointee.worker
        var sender = sockaddr_storage()
        var senderBytes = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let count = withUnsafeMutablePointer(to: &sender) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                recvfrom(pointee.descriptor, worker.pointee.readBuffer, Limits.readBytesMax, 0, $0, &senderBytes)
            }
        }
        guard count >= 0 else { return false }
        worker.pointee.counters.pointee.network.bytesRead.add(count)
        let datagram = UnsafeMutableRawBufferPointer(start: worker.pointee.readBuffer, count: count)
        guard let header = DatagramHeader(ofRequest: UnsafeRawBufferPointer(datagram)) else { return true }
        let request = UnsafeMutableRawBufferPointer(rebasing: datagram[DatagramHeader.bytes...])
        withUnsafeMutablePointer(to: &sender) { sender in
            worker.takeMeteredDatagram(from: sender) {
                guard carryOut(request) else { return }
                sender.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    send(header.requestId, to: $0, senderBytes)
                }
            }
        }
        worker.pointee.output.pointee.removeAll()
        return true
    }

    /// Rule 2. Returns whether the answer is to be sent.
    private func carryOut(_ request: UnsafeMutableRawBufferPointer) -> Bool {
        let worker = pointee.worker
        let output = worker.pointee.output
        output.pointee.bytesFull = Limits.datagramReplyBytesMax
        worker.pointee.executor.pointee.session.setGoesFirst(false)
        worker.pointee.executor.pointee.beginTurn(of: pointee.descriptor)
        var machine = ConnectionMachine(pointee.dialect)
        machine.isDatagram = true
        var rest = request
        while true {
            let step = machine.receive(
                rest, executor: worker.pointee.executor, output: output, commandsMax: Limits.commandsPerDatagramMax)
            rest = UnsafeMutableRawBufferPointer(rebasing: rest[step.consumedBytes...])
            switch step.disposition {
            case .yield where !rest.isEmpty, .goesOn: continue
            case .yield, .wantsInput, .close: return !output.pointee.isBroken
            case .outputFull, .lacksRoom, .nextSecond, .awaitsAnswer, .watch, .closeSilently: return false
            }
        }
    }

    /// Rule 3.
    private func send(_ requestId: UInt16, to receiver: UnsafeMutablePointer<sockaddr>, _ receiverBytes: socklen_t) {
        let worker = pointee.worker
        let view = worker.pointee.output.pointee.view
        let copied = worker.pointee.output.pointee.byteCount
        guard copied <= Limits.datagramReplyBytesMax + Limits.reserveBytesMax else { return }
        let total = copied + worker.pointee.output.pointee.leasedBytes
        let datagramCount = (total + DatagramHeader.payloadBytesMax - 1) / DatagramHeader.payloadBytesMax
        guard let numbered = UInt16(exactly: datagramCount) else { return }
        let pieces = worker.pointee.pieces
        var message = msghdr()
        message.msg_name = UnsafeMutableRawPointer(receiver)
        message.msg_namelen = receiverBytes
        message.msg_iov = pieces
        var cursor = ReplyCursor()
        for sequence in 0..<numbered {
            let header = DatagramHeader(requestId: requestId, sequence: sequence, datagramCount: numbered)
            header.write(at: pointee.header)
            pieces[0] = iovec(iov_base: pointee.header, iov_len: DatagramHeader.bytes)
            let (pieceCount, _) = cursor.fill(pieces + 1, countMax: Limits.outputPiecesMax - 1, from: view)
            let (used, bytes) = Self.cut(pieces + 1, pieceCount)
            message.msg_iovlen = used + 1
            guard sendmsg(pointee.descriptor, &message, Int32(MSG_NOSIGNAL)) >= 0 else { return }
            worker.pointee.counters.pointee.network.bytesWritten.add(bytes + DatagramHeader.bytes)
            cursor.advance(by: bytes, in: view)
        }
    }

    /// Cuts pieces to what one datagram carries: how many are left, and their bytes.
    private static func cut(_ pieces: UnsafeMutablePointer<iovec>, _ count: Int) -> (count: Int, bytes: Int) {
        var bytes = 0
        for index in 0..<count {
            let room = DatagramHeader.payloadBytesMax - bytes
            if pieces[index].iov_len >= room {
                pieces[index].iov_len = room
                return (index + 1, DatagramHeader.payloadBytesMax)
            }
            bytes += pieces[index].iov_len
        }
        return (count, bytes)
    }
}
