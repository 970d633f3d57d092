import Glibc
import MartletServer
import Testing

@Suite("A worker's inbox")
struct WorkerInboxTests {
    private static func socket(_ descriptor: Int32) -> AcceptedSocket {
        var storage = sockaddr_storage()
        return AcceptedSocket(descriptor: descriptor, listenerIndex: 0, peer: PeerAddress(&storage))
    }

    @Test("gives out what was put in, in order, and refuses what it has no room for")
    func isBounded() {
        let inbox = WorkerInbox()

        // Twice, so that the positions go round.
        for _ in 0..<2 {
            let accepted = (0..<Int32(Limits.inboxCapacity + 1)).filter { inbox.append(Self.socket($0)) }
            var taken: [Int32] = []
            while let socket = inbox.next() { taken.append(socket.descriptor) }

            #expect(accepted == Array(0..<Int32(Limits.inboxCapacity)))
            #expect(taken == accepted)
        }
    }

    @Test("passes everything from one thread to another")
    func passesBetweenThreads() {
        struct Shared: ~Copyable { let inbox = WorkerInbox() }
        let shared = UnsafeMutablePointer<Shared>.allocate(capacity: 1)
        shared.initialize(to: Shared())
        defer {
            shared.deinitialize(count: 1)
            shared.deallocate()
        }
        let count: Int32 = 20_000
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { context in
                let shared = context!.assumingMemoryBound(to: Shared.self)
                var next: Int32 = 0
                while next < 20_000 {
                    if shared.pointee.inbox.append(WorkerInboxTests.socket(next)) { next += 1 } else { sched_yield() }
                }
                return nil
            }, shared)

        var expected: Int32 = 0
        var isInOrder = true
        while expected < count {
            guard let socket = shared.pointee.inbox.next() else {
                sched_yield()
                continue
            }
            isInOrder = isInOrder && socket.descriptor == expected
            expected += 1
        }
        pthread_join(thread, nil)

        let more = shared.pointee.inbox.next()
        #expect(isInOrder)
        #expect(more == nil)
    }
}
