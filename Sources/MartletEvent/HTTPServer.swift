import CLibevent
import Glibc

/// What an HTTP server calls for each request; the request is valid until the callback returns.
package typealias HTTPCallback = @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?) -> Void

/// libevent's HTTP server on a loop: GET and HEAD, every reply complete at once. The loop's thread only.
package struct HTTPServer: ~Copyable {
    private let http: OpaquePointer
    private let loop: OpaquePointer
    private var accepts = true
    /// When the listening sockets were told last what `accepts` says.
    private var toldAt: UInt64 = 0
    private var connections: HTTPConnections
    /// Descriptors of the loop that are nobody's connection.
    private var ownDescriptors: [Int32] = []

    /// What a client may cost. Times are those that `tend` is told.
    package struct Bounds {
        package var headerBytesMax = 8 << 10
        package var bodyBytesMax = 1 << 10
        /// Between two bytes.
        package var silentSecondsMax = 5
        /// From one whole request to the next.
        package var requestSecondsMax = 10
        package var connectionsMax = 64

        package init() {}
    }

    /// nil when memory is short. `callback` has to answer each request before it returns.
    package init?(
        loop: borrowing EventLoop, bounds: Bounds, callback: HTTPCallback, context: UnsafeMutableRawPointer?
    ) {
        guard
            let http = clibevent_http_new(
                loop.base, bounds.headerBytesMax, bounds.bodyBytesMax, Int32(bounds.silentSecondsMax), callback, context
            )
        else { return nil }
        self.http = http
        self.loop = loop.base
        connections = HTTPConnections(
            countMax: bounds.connectionsMax, requestNanosecondsMax: UInt64(bounds.requestSecondsMax) * 1_000_000_000)
    }

    /// Closes all connections and the listening sockets.
    deinit { clibevent_http_free(http) }

    /// Takes over a listening socket that does not block. Returns false with the socket still the caller's.
    package mutating func listen(_ descriptor: Int32) -> Bool { clibevent_http_listen(http, descriptor) == 0 }

    /// To be called when everything else that the loop watches has been started, before the first turn.
    package mutating func countOwnDescriptors() { ownDescriptors = descriptors }

    /// To be called after each turn, and once a second at least, with a time that only grows: closes whom
    /// `HTTPConnections` says, and takes new connections while there are not too many. Returns whether the next turn
    /// may wait.
    package mutating func tend(now: UInt64) -> Bool {
        let own = ownDescriptors
        let late = connections.look(descriptors.filter { !own.contains($0) }, now: now)
        // libevent finds the end of the stream, and does the rest.
        for descriptor in late { shutdown(descriptor, Int32(SHUT_RDWR)) }
        let wanted = !connections.areTooMany
        // Once a second even if nothing has changed: a socket whose connection the system refused waits for it.
        if wanted != accepts || now &- toldAt >= Self.secondNanoseconds {
            accepts = wanted
            toldAt = now
            clibevent_http_accept(http, wanted ? 1 : 0)
        }
        return !connections.isDeferring
    }

    /// To be called with each request.
    package mutating func noteRequest(_ request: HTTPRequest, now: UInt64) {
        connections.noteRequest(request.descriptor, now: now)
    }

    package var connectionCount: Int { connections.count }

    private var descriptors: [Int32] {
        let loop = loop
        return [Int32](unsafeUninitializedCapacity: Self.descriptorsMax) { room, count in
            count = Int(clibevent_loop_descriptors(loop, room.baseAddress, Int32(Self.descriptorsMax)))
        }
    }

    private static let secondNanoseconds: UInt64 = 1_000_000_000
    /// More than the connections, twice: a listening socket takes all at once that wait for it.
    private static let descriptorsMax = 1024
}

/// One request, in the callback that got it.
package struct HTTPRequest: BitwiseCopyable {
    private let request: OpaquePointer

    package init(_ request: OpaquePointer) { self.request = request }

    /// Path and query.
    package var target: String { clibevent_http_target(request).map { String(cString: $0) } ?? "" }

    package func field(_ name: String) -> String? {
        clibevent_http_field(request, name).map { String(cString: $0) }
    }

    var descriptor: Int32 { clibevent_http_descriptor(request) }

    /// Answers the request; exactly once. Values of `fields` come from the program, never from a request.
    package func reply(status: Int, reason: String, fields: [(name: String, value: String)], body: [UInt8]) {
        for field in fields { clibevent_http_add_field(request, field.name, field.value) }
        clibevent_http_reply(request, Int32(status), reason, body, body.count)
    }
}
