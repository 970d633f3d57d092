import Glibc

/// What the kernel leaves to any cache on sockets: a server of one thread that knows no store, no keys, no lives. It
/// makes each reply from the request's own bytes and the last value it was given, with one receive and one send for each
/// turn of a connection. No cache that answers over TCP can cost much less, so what Martlet costs beside it
/// (`./martlet peer limit`) says how far there is to go.
///
/// Non-goals: to be a cache, and to be fair: a client that does not read its replies holds up all others.
///
///     martlet-limit -p PORT [what else a suite asks of servers, which is ignored]
@main
struct KernelLimit {
    static func main() {
        let words = CommandLine.arguments
        guard let at = words.firstIndex(of: "-p"), at + 1 < words.count, let port = UInt16(words[at + 1]) else {
            print("usage: martlet-limit -p PORT")
            exit(64)
        }
        signal(SIGPIPE, SIG_IGN)
        guard let server = LimitServer(port: port) else {
            perror("martlet-limit: 127.0.0.1:\(port)")
            exit(1)
        }
        server.run()
    }
}
