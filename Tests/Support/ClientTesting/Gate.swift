import NIOCore
import NIOPosix
import ServerTesting

/// A way to a server that can be shut and opened again, while the server knows nothing of it.
package final class Gate: Sendable {
    package let path = TestServer.freshSocketPath()
    private let target: String
    private let ways = Ways()

    /// What is open at the moment.
    private actor Ways {
        var listener: (any Channel)?
        var connections: [any Channel] = []
        /// How often it was shut.
        var shutCount = 0

        func set(_ listener: (any Channel)?) { self.listener = listener }

        /// One that was let in before it was shut, and comes here afterwards, ends.
        func add(_ connection: any Channel, at shutCount: Int) {
            if shutCount == self.shutCount {
                connections.append(connection)
            } else {
                connection.close(promise: nil)
            }
        }

        func takeAll() -> [any Channel] {
            defer {
                listener = nil
                connections = []
                shutCount += 1
            }
            return connections + (listener.map { [$0] } ?? [])
        }
    }

    package init(to target: String) async throws {
        self.target = target
        try await open()
    }

    package func open() async throws {
        let (target, ways, shutCount) = (target, ways, await ways.shutCount)
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { near in
                ClientBootstrap(group: near.eventLoop).connect(unixDomainSocketPath: target).flatMap { far in
                    near.eventLoop.makeFutureWithTask {
                        await ways.add(near, at: shutCount)
                        await ways.add(far, at: shutCount)
                    }
                    .flatMapThrowing {
                        try near.pipeline.syncOperations.addHandler(Passing(to: far))
                        try far.pipeline.syncOperations.addHandler(Passing(to: near))
                    }
                }
            }
            .bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
        await ways.set(listener)
    }

    /// Ends every connection; nobody gets in.
    package func close() async {
        for channel in await ways.takeAll() { try? await channel.close() }
    }
}
