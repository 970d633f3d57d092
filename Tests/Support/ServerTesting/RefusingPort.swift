import Glibc

/// A port of the loopback at which nobody listens, and nobody can while this is there: who connects is refused.
///
/// The port of a server that has stopped is anybody's: another test may have it at any moment.
package final class RefusingPort {
    private let bound: LoopbackSocket

    package init() throws { bound = try LoopbackSocket() }

    deinit { close(bound.descriptor) }

    package var port: UInt16 { bound.port }
    package var address: String { "127.0.0.1:\(port)" }
}
