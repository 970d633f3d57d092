import NIOCore

/// What has been heard on a connection, and when: tells a server that is slow from one that is gone.
///
/// Rules:
/// 1. A connection is silent if something has been awaited, be it the connection itself, and not a byte of an answer
///    has come, for half of the time that a call may usually take. A call that gave up sooner says nothing of the
///    server.
/// 2. It is stuck if the reply that is next is later than its caller's end by that time, and no other reply has come
///    meanwhile.
package struct Hearing: Sendable {
    private var busySince = NIODeadline.uptimeNanoseconds(0)
    package private(set) var heardAt = NIODeadline.uptimeNanoseconds(0)
    private var repliedAt = NIODeadline.uptimeNanoseconds(0)

    package init() {}

    /// Something is awaited from now on, where nothing was.
    package mutating func begin(at now: NIODeadline) { busySince = now }

    /// Something has come, if only a part of a reply.
    package mutating func hear(at now: NIODeadline, isReply: Bool) {
        heardAt = now
        if isReply { repliedAt = now }
    }

    /// Rule 1.
    package func isSilent(at now: NIODeadline, patience: TimeAmount) -> Bool {
        max(busySince, heardAt) + .nanoseconds(patience.nanoseconds / 2) <= now
    }

    /// When the connection is stuck, if nothing comes until then; rule 2.
    package func stuckAt(next deadline: NIODeadline, patience: TimeAmount) -> NIODeadline {
        max(deadline, repliedAt) + patience
    }
}
