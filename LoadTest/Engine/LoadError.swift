/// Why a run could not be made or finished: a sentence that names the thing, and whose fault it is.
package struct LoadError: Error, Sendable, CustomStringConvertible {
    package enum Cause: Sendable {
        /// The settings make no sense.
        case usage
        /// A server, the network or this machine.
        case circumstances
    }

    package var cause: Cause
    package var description: String

    package init(_ cause: Cause, _ description: String) {
        self.cause = cause
        self.description = description
    }

    package static func usage(_ description: String) -> LoadError { LoadError(.usage, description) }
    package static func circumstances(_ description: String) -> LoadError { LoadError(.circumstances, description) }
}
