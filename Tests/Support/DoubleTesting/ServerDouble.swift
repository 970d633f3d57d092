import Glibc
import Synchronization

/// What a server double answers: bytes in, bytes out.
package protocol ServerBrain {
    /// Answers what is whole in `input` and takes it away; returns the number of requests.
    mutating func answer(_ input: inout [UInt8], _ output: inout [UInt8]) -> Int
}

/// A memcached in the test's own process that answers wrongly when told to: slow, simple, one thread, a dictionary.
///
/// Lives on a TCP port of its own; ended by `stop` or when dropped.
// Reason: what the threads share is atomic or set before the thread starts; the rest is the thread's own.
package final class ServerDouble: @unchecked Sendable {
    package let port: UInt16
    private let listener: Int32
    private let stopEnds: [Int32]
    private var thread = pthread_t()
    private var isRunning = true
    private var clients: [Client] = []
    private var brain: any ServerBrain
    private let mode: Mode
    /// Requests answered so far.
    package let answered = Atomic<Int>(0)
    /// Set to make it stop reading and writing until it is cleared; it then goes on as if nothing had been.
    package let isPaused = Atomic<Bool>(false)
    /// Pauses once, for so long, when so many requests have been answered.
    private let pause: (after: Int, milliseconds: Int32)?

    /// What it does besides answering.
    package enum Mode: Equatable {
        case answering
        /// Reads and never answers.
        case silent
        /// Answers everything with a page of the web.
        case web
        /// Closes all connections after so many requests, and goes on.
        case closing(after: Int)
        /// The same, and does not listen any more.
        case dying(after: Int)
    }

    private struct Client {
        let descriptor: Int32
        var input: [UInt8] = []
        var output: [UInt8] = []
    }

    package convenience init(
        _ fault: DoubleBrain.Fault? = nil, mode: Mode = .answering, pause: (after: Int, milliseconds: Int32)? = nil
    ) throws {
        try self.init(DoubleBrain(fault: fault), mode: mode, pause: pause)
    }

    package init(
        _ brain: any ServerBrain, mode: Mode = .answering, pause: (after: Int, milliseconds: Int32)? = nil
    ) throws {
        self.brain = brain
        self.mode = mode
        self.pause = pause
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard let port = Self.bound(listener), listen(listener, 512) == 0 else { preconditionFailure("no port") }
        self.port = port
        var ends: [Int32] = [-1, -1]
        precondition(pipe(&ends) == 0)
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        stopEnds = ends
        let result = pthread_create(
            &thread, nil,
            { context in
                Unmanaged<ServerDouble>.fromOpaque(context.unsafelyUnwrapped).takeUnretainedValue().serve()
                return nil
            }, Unmanaged.passUnretained(self).toOpaque())
        precondition(result == 0)
    }

    /// Binds a socket to a free port of this machine.
    package static func bound(_ descriptor: Int32) -> UInt16? {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var bytes = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, bytes) == 0 && getsockname(descriptor, $0, &bytes) == 0
            }
        }
        return isBound ? UInt16(bigEndian: address.sin_port) : nil
    }

    deinit { stop() }

    package func stop() {
        guard isRunning else { return }
        isRunning = false
        var byte: UInt8 = 1
        _ = write(stopEnds[1], &byte, 1)
        pthread_join(thread, nil)
        for client in clients { close(client.descriptor) }
        close(listener)
        for end in stopEnds { close(end) }
    }

    /// The requests for keys in the order in which they came. When it has stopped.
    package var journal: [DoubleBrain.Request] { (brain as? DoubleBrain)?.journal ?? [] }

    // MARK: The thread

    private var isListening = true
    private var hasPaused = false

    private func serve() {
        while true {
            var watched = [pollfd(fd: stopEnds[0], events: Int16(POLLIN), revents: 0)]
            watched.append(pollfd(fd: isListening ? listener : -1, events: Int16(POLLIN), revents: 0))
            for client in clients {
                let events = POLLIN | (client.output.isEmpty ? 0 : POLLOUT)
                watched.append(pollfd(fd: client.descriptor, events: Int16(events), revents: 0))
            }
            _ = poll(&watched, nfds_t(watched.count), -1)
            if watched[0].revents != 0 { return }
            for index in clients.indices.reversed() where watched[index + 2].revents != 0 {
                if !attend(&clients[index]) {
                    close(clients[index].descriptor)
                    clients.remove(at: index)
                }
            }
            if watched[1].revents != 0 {
                let descriptor = accept(listener, nil, nil)
                if descriptor >= 0 {
                    // A program that another test starts meanwhile must not hold the connection open.
                    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
                    clients.append(Client(descriptor: descriptor))
                }
            }
            fail()
        }
    }

    private func fail() {
        let count = answered.load(ordering: .relaxed)
        if let pause, count >= pause.after, !hasPaused {
            hasPaused = true
            usleep(UInt32(pause.milliseconds) * 1000)
        }
        switch mode {
        case .closing(let limit) where count >= limit:
            answered.store(0, ordering: .relaxed)
            hangUp()
        case .dying(let limit) where count >= limit:
            isListening = false
            shutdown(listener, Int32(SHUT_RDWR))
            hangUp()
        default: break
        }
    }

    private func hangUp() {
        for client in clients {
            // A process that another test has just started may have the descriptor as well.
            shutdown(client.descriptor, Int32(SHUT_RDWR))
            close(client.descriptor)
        }
        clients = []
    }

    /// Reads, answers and writes once. False when the client is gone.
    private func attend(_ client: inout Client) -> Bool {
        var room = [UInt8](repeating: 0, count: 65536)
        let got = recv(client.descriptor, &room, room.count, Int32(0x40))
        if got == 0 { return false }
        if got > 0 {
            client.input += room[..<got]
            switch mode {
            case .silent: client.input = []
            case .web:
                client.input = []
                client.output += Array("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".utf8)
            default:
                let count = brain.answer(&client.input, &client.output)
                answered.add(count, ordering: .relaxed)
            }
        }
        if client.output.isEmpty { return true }
        let sent = send(client.descriptor, client.output, client.output.count, Int32(0x4040))
        if sent > 0 { client.output.removeFirst(sent) }
        return sent >= 0 || errno == EAGAIN
    }
}
