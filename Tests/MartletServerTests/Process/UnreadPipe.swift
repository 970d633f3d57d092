import Glibc

/// A pipe that nobody reads unless the test says so, full from the start: who writes to it, and waits, waits for ever.
final class UnreadPipe {
    let writing: Int32
    private let reading: Int32

    init() throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw Program.Failure(what: "pipe") }
        (reading, writing) = (ends[0], ends[1])
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        _ = fcntl(writing, F_SETFL, O_NONBLOCK)
        let page = [UInt8](repeating: UInt8(ascii: "."), count: 4096)
        while write(writing, page, page.count) > 0 {}
        _ = fcntl(writing, F_SETFL, 0)
    }

    deinit {
        close(reading)
        close(writing)
    }

    /// Reads until `text` has come, or a minute has brought nothing. Returns what came, without what filled it.
    func read(until text: String) -> String {
        var found = ""
        var piece = [UInt8](repeating: 0, count: 4096)
        while !found.contains(text) {
            var asked = pollfd(fd: reading, events: Int16(POLLIN), revents: 0)
            guard poll(&asked, 1, 60_000) > 0 else { break }
            let count = Glibc.read(reading, &piece, piece.count)
            guard count > 0 else { break }
            found += String(decoding: piece[..<count], as: UTF8.self)
            found.removeFirst(found.prefix { $0 == "." }.count)
        }
        return found
    }

    /// Reads what fills it, and no more.
    func empty() {
        var piece = [UInt8](repeating: 0, count: 4096)
        var asked = pollfd(fd: reading, events: Int16(POLLIN), revents: 0)
        while poll(&asked, 1, 0) > 0, Glibc.read(reading, &piece, piece.count) > 0 {}
    }
}
