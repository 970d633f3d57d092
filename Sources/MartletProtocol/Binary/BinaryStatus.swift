/// How a reply of the binary protocol says what came of its request.
@frozen
public enum BinaryStatus: UInt16, BitwiseCopyable, Sendable, CaseIterable {
    case success = 0x00
    case notFound = 0x01
    case exists = 0x02
    case tooLarge = 0x03
    case invalidArguments = 0x04
    case notStored = 0x05
    case nonNumeric = 0x06
    case notAllowed = 0x20
    case unknownCommand = 0x81
    case outOfMemory = 0x82

    /// What the reply says about it, in place of a value.
    public var text: StaticString {
        switch self {
        case .success: ""
        case .notFound: "Not found"
        case .exists: "Data exists for key."
        case .tooLarge: "Too large."
        case .invalidArguments: "Invalid arguments"
        case .notStored: "Not stored."
        case .nonNumeric: "Non-numeric server-side value for incr or decr"
        case .notAllowed: "Auth failure."
        case .unknownCommand: "Unknown command"
        case .outOfMemory: "Out of memory allocating item"
        }
    }
}
