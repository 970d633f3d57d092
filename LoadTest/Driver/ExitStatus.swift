import ArgumentParser
import Glibc
import LoadComparison
import LoadEngine
import LoadReport
import LoadWorkload

/// What scripts learn from a run:
///
///     0    all is well
///     1    a check failed: a value that cannot have come from a correct server
///     2    the run could not be made or finished
///     128+ a comparison was interrupted by a signal of this number
///     64   the options make no sense
enum ExitStatus {
    static let failed = ExitCode(1)
    static let impossible = ExitCode(2)

    /// Does `body`; errors become a sentence on standard error and the status they stand for.
    static func translating(_ body: () throws -> Void) throws {
        do {
            try body()
        } catch let error as LoadError {
            if error.cause == .usage { throw ValidationError(error.description) }
            try fail(error.description)
        } catch let error as WorkloadError {
            throw ValidationError(error.description)
        } catch let error as ComparisonError {
            switch error.cause {
            case .usage: throw ValidationError(error.description)
            case .circumstances: try fail(error.description)
            // As a shell tells of a program that a signal ended.
            case .interrupted(let signal): throw ExitCode(128 + signal)
            }
        } catch let error as ReportError {
            try fail("\(error)")
        }
    }

    private static func fail(_ sentence: String) throws {
        let bytes = Array("martlet-load: \(sentence)\n".utf8)
        _ = write(STDERR_FILENO, bytes, bytes.count)
        throw impossible
    }
}
