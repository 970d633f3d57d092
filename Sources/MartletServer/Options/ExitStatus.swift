/// Exit statuses, those of memcached: 1, and the BSD ones of sysexits.h.
package enum ExitStatus {
    package static let success: Int32 = 0
    package static let failure: Int32 = 1
    /// The command line was used wrongly.
    package static let usage: Int32 = 64
    /// The user of `-u` does not exist.
    package static let noUser: Int32 = 67
    /// The system refused something, such as the listening socket.
    package static let system: Int32 = 71
}

/// Why the server does not start: a message for stderr and the status to end with.
package struct StartError: Error, Equatable {
    package let message: String
    package let status: Int32

    package init(_ message: String, status: Int32) {
        self.message = message
        self.status = status
    }
}
