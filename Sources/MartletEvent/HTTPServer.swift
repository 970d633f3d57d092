import CLibevent

/// What an HTTP server calls for each request; the request is valid until the callback returns.
package typealias HTTPCallback = @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?) -> Void

/// libevent's HTTP server on a loop: GET and HEAD, every reply complete at once. The loop's thread only.
package struct HTTPServer: ~Copyable {
    private let http: OpaquePointer
    private let loop: OpaquePointer
    /// Events of the loop that are nobody's connection.
    private var ownEvents: Int32 = 0
    private var accepts = true
    private var listenerCount: Int32 = 0
    private let connectionsMax: Int32

    /// What a client may cost.
    package struct Bounds {
        package let headerBytesMax: Int
        package let bodyBytesMax: Int
        package let silentSecondsMax: Int
        package let connectionsMax: Int

        package init(headerBytesMax: Int, bodyBytesMax: Int, silentSecondsMax: Int, connectionsMax: Int) {
            self.headerBytesMax = headerBytesMax
            self.bodyBytesMax = bodyBytesMax
            self.silentSecondsMax = silentSecondsMax
            self.connectionsMax = connectionsMax
        }
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
        connectionsMax = Int32(bounds.connectionsMax)
    }

    /// Closes all connections and the listening sockets.
    deinit { clibevent_http_free(http) }

    /// Takes over a listening socket that does not block. Returns false with the socket still the caller's.
    package mutating func listen(_ descriptor: Int32) -> Bool {
        guard clibevent_http_listen(http, descriptor) == 0 else { return false }
        listenerCount += 1
        return true
    }

    /// To be called when everything else that the loop watches has been started, before the first turn.
    package mutating func countOwnEvents() { ownEvents = clibevent_loop_event_count(loop) }

    /// To be called after each turn: takes new connections only while there are not too many. Each has one or two events;
    /// taken for one each, there are at most as many connections as that.
    package mutating func limitConnections() {
        let wanted = clibevent_loop_event_count(loop) - ownEvents < connectionsMax
        guard wanted != accepts else { return }
        clibevent_http_accept(http, wanted ? 1 : 0)
        // A listening socket that is not watched is one event less.
        ownEvents += wanted ? listenerCount : -listenerCount
        accepts = wanted
    }
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

    /// Answers the request; exactly once. Values of `fields` come from the program, never from a request.
    package func reply(status: Int, reason: String, fields: [(name: String, value: String)], body: [UInt8]) {
        for field in fields { clibevent_http_add_field(request, field.name, field.value) }
        clibevent_http_reply(request, Int32(status), reason, body, body.count)
    }
}
