/// Why a report cannot be read or written, in a sentence that names the file.
package struct ReportError: Error, CustomStringConvertible, Equatable {
    package let message: String

    package init(_ message: String) { self.message = message }

    package var description: String { message }
}
