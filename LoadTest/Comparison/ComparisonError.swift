/// Why a comparison cannot go on, in a sentence that names the thing.
package struct ComparisonError: Error, CustomStringConvertible, Equatable {
    package enum Cause: Sendable {
        /// The command line or a scenario makes no sense.
        case usage
        /// A server, the driver or this machine.
        case circumstances
        /// A signal asked for the end; its number.
        case interrupted(Int32)
    }

    package let cause: Cause
    package let description: String

    package init(_ cause: Cause, _ description: String) {
        self.cause = cause
        self.description = description
    }

    package static func usage(_ description: String) -> ComparisonError { ComparisonError(.usage, description) }
    package static func circumstances(_ description: String) -> ComparisonError {
        ComparisonError(.circumstances, description)
    }

    package static func == (one: ComparisonError, other: ComparisonError) -> Bool {
        one.description == other.description
    }
}
