/// Every answer that is always the same, with its line end.
///
/// Errors and outcomes stand in one list so that the tests can walk over all of them.
@frozen
public enum FixedReply: UInt8, BitwiseCopyable, Sendable, CaseIterable {
    // Outcomes.
    case stored, notStored, exists, notFound, deleted, touched, ok, end, reset
    case metaNoop, metaMiss

    // The client's mistakes.
    case error
    case badFormat
    case badDeleteFormat
    case badDataChunk
    case invalidExptime
    case invalidDelta
    case nonNumeric
    case invalidFlag
    case duplicateFlag
    case tooManyFlags
    case badMetaToken
    case badInitialValue
    case badDeltaValue
    case badKeyEncoding
    case opaqueTooLong
    case invalidSetMode
    case invalidArithmeticMode
    case invalidArithmeticFlag
    case invalidShutdownMode
    case flushNotAllowed
    case dumpNotAllowed
    case verbosityNotAllowed
    case badStatsLine
    case unauthenticated
    case tokenTooLong
    case badLineEnd
    case badTokenFormat
    case authenticationFailure
    case tooManyConnections

    // Ours.
    case tooLarge
    case outOfMemoryStoring
    case outOfMemory
    case outOfMemoryReading
    case outOfMemoryWriting
    case outOfMemoryStats
    case shutdownNotEnabled
    case memoryLimitTooSmall
    case memoryLimitNotMegabytes
    case memoryLimitUnable
}

extension FixedReply {
    /// The line as it goes out. Longest: `FixedReply.bytesMax`.
    @inlinable
    public var line: StaticString {
        switch self {
        case .stored: "STORED\r\n"
        case .notStored: "NOT_STORED\r\n"
        case .exists: "EXISTS\r\n"
        case .notFound: "NOT_FOUND\r\n"
        case .deleted: "DELETED\r\n"
        case .touched: "TOUCHED\r\n"
        case .ok: "OK\r\n"
        case .end: "END\r\n"
        case .reset: "RESET\r\n"
        case .metaNoop: "MN\r\n"
        case .metaMiss: "EN\r\n"
        case .error: "ERROR\r\n"
        case .badFormat: "CLIENT_ERROR bad command line format\r\n"
        case .badDeleteFormat: "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n"
        case .badDataChunk: "CLIENT_ERROR bad data chunk\r\n"
        case .invalidExptime: "CLIENT_ERROR invalid exptime argument\r\n"
        case .invalidDelta: "CLIENT_ERROR invalid numeric delta argument\r\n"
        case .nonNumeric: "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"
        case .invalidFlag: "CLIENT_ERROR invalid flag\r\n"
        case .duplicateFlag: "CLIENT_ERROR duplicate flag\r\n"
        case .tooManyFlags: "CLIENT_ERROR options flags are too long\r\n"
        case .badMetaToken: "CLIENT_ERROR bad token in command line format\r\n"
        case .badInitialValue: "CLIENT_ERROR invalid numeric initial value\r\n"
        case .badDeltaValue: "CLIENT_ERROR invalid numeric delta value\r\n"
        case .badKeyEncoding: "CLIENT_ERROR error decoding key\r\n"
        case .opaqueTooLong: "CLIENT_ERROR opaque token too long\r\n"
        case .invalidSetMode: "CLIENT_ERROR invalid mode for ms M token\r\n"
        case .invalidArithmeticMode: "CLIENT_ERROR invalid mode for ma M token\r\n"
        case .invalidArithmeticFlag: "CLIENT_ERROR invalid or duplicate flag\r\n"
        case .invalidShutdownMode: "CLIENT_ERROR invalid shutdown mode\r\n"
        case .flushNotAllowed: "CLIENT_ERROR flush_all not allowed\r\n"
        case .dumpNotAllowed: "CLIENT_ERROR stats cachedump not allowed\r\n"
        case .verbosityNotAllowed: "CLIENT_ERROR verbosity not allowed\r\n"
        case .badStatsLine: "CLIENT_ERROR bad command line\r\n"
        case .unauthenticated: "CLIENT_ERROR unauthenticated\r\n"
        case .tokenTooLong: "CLIENT_ERROR auth token too long\r\n"
        case .badLineEnd: "CLIENT_ERROR bad command line termination\r\n"
        case .badTokenFormat: "CLIENT_ERROR bad authentication token format\r\n"
        case .authenticationFailure: "CLIENT_ERROR authentication failure\r\n"
        case .tooManyConnections: "ERROR Too many open connections\r\n"
        case .tooLarge: "SERVER_ERROR object too large for cache\r\n"
        case .outOfMemoryStoring: "SERVER_ERROR out of memory storing object\r\n"
        case .outOfMemory: "SERVER_ERROR out of memory\r\n"
        case .outOfMemoryReading: "SERVER_ERROR Out of memory during read\r\n"
        case .outOfMemoryWriting: "SERVER_ERROR out of memory writing get response\r\n"
        case .outOfMemoryStats: "SERVER_ERROR out of memory writing stats\r\n"
        case .shutdownNotEnabled: "SERVER_ERROR: shutdown not enabled\r\n"
        case .memoryLimitTooSmall: "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m\r\n"
        case .memoryLimitNotMegabytes: "MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes\r\n"
        case .memoryLimitUnable: "MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust\r\n"
        }
    }

    /// Room that is enough for any of them.
    @inlinable public static var bytesMax: Int { 80 }
}
