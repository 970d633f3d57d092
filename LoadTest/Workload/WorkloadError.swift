/// What cannot be asked for, in a sentence that names it: an option that cannot be read, a trace that is damaged.
package struct WorkloadError: Error, CustomStringConvertible, Sendable, Equatable {
    package let message: String

    package init(_ message: String) { self.message = message }

    package var description: String { message }
}
