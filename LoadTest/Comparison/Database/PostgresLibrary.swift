import Glibc
import LoadEngine
import LoadWorkload

/// libpq, PostgreSQL's client library, opened when it is needed: nobody needs it to build or to run anything else.
///
/// The functions are those of libpq's documentation, with its names in the order of the alphabet.
package struct PostgresLibrary: Sendable {
    /// `PGconn` and `PGresult`, whose insides are libpq's own.
    typealias Connection = OpaquePointer
    typealias Answer = OpaquePointer
    typealias Text = UnsafePointer<CChar>

    let clear: @convention(c) (Answer?) -> Void
    let connect: @convention(c) (UnsafePointer<Text?>, UnsafePointer<Text?>, Int32) -> Connection?
    let errorMessage: @convention(c) (Connection?) -> Text?
    let execute: @convention(c) (Connection?, Text) -> Answer?
    let executePrepared:
        @convention(c) (
            Connection?, Text, Int32, UnsafePointer<Text?>, UnsafePointer<Int32>, UnsafePointer<Int32>, Int32
        ) -> Answer?
    let finish: @convention(c) (Connection?) -> Void
    let getAnswer: @convention(c) (Connection?) -> Answer?
    let length: @convention(c) (Answer?, Int32, Int32) -> Int32
    let parameterStatus: @convention(c) (Connection?, Text) -> Text?
    let prepare: @convention(c) (Connection?, Text, Text, Int32, UnsafePointer<UInt32>?) -> Answer?
    let putCopyEnd: @convention(c) (Connection?, Text?) -> Int32
    let putCopyBytes: @convention(c) (Connection?, UnsafeRawPointer, Int32) -> Int32
    let rowCount: @convention(c) (Answer?) -> Int32
    let setNoticeProcessor:
        @convention(c) (
            Connection?, @convention(c) (UnsafeMutableRawPointer?, Text?) -> Void, UnsafeMutableRawPointer?
        ) -> OpaquePointer?
    let status: @convention(c) (Connection?) -> Int32
    let statusOf: @convention(c) (Answer?) -> Int32
    let value: @convention(c) (Answer?, Int32, Int32) -> UnsafeMutablePointer<CChar>?

    package static let usualName = "libpq.so.5"

    /// Throws when the library cannot be opened or lacks a function.
    package init(name: String = usualName) throws(LoadError) {
        do throws(WorkloadError) {
            let library = try DynamicLibrary(name, purpose: "PostgreSQL as the database")
            clear = try library.function("PQclear", as: type(of: clear))
            connect = try library.function("PQconnectdbParams", as: type(of: connect))
            errorMessage = try library.function("PQerrorMessage", as: type(of: errorMessage))
            execute = try library.function("PQexec", as: type(of: execute))
            executePrepared = try library.function("PQexecPrepared", as: type(of: executePrepared))
            finish = try library.function("PQfinish", as: type(of: finish))
            getAnswer = try library.function("PQgetResult", as: type(of: getAnswer))
            length = try library.function("PQgetlength", as: type(of: length))
            parameterStatus = try library.function("PQparameterStatus", as: type(of: parameterStatus))
            prepare = try library.function("PQprepare", as: type(of: prepare))
            putCopyEnd = try library.function("PQputCopyEnd", as: type(of: putCopyEnd))
            putCopyBytes = try library.function("PQputCopyData", as: type(of: putCopyBytes))
            rowCount = try library.function("PQntuples", as: type(of: rowCount))
            setNoticeProcessor = try library.function(
                "PQsetNoticeProcessor", as: type(of: setNoticeProcessor))
            status = try library.function("PQstatus", as: type(of: status))
            statusOf = try library.function("PQresultStatus", as: type(of: statusOf))
            value = try library.function("PQgetvalue", as: type(of: value))
        } catch {
            throw .circumstances("\(error.message) (Debian has it in the package libpq5).")
        }
    }

    static func text(_ text: UnsafeMutablePointer<CChar>?) -> Text? { text.map { UnsafePointer($0) } }

    /// `CONNECTION_OK` and, of `ExecStatusType`, what is used here.
    static let connectionIsGood: Int32 = 0
    static let commandIsDone: Int32 = 1
    static let rowsAreThere: Int32 = 2
    static let copyMayBegin: Int32 = 4
}
