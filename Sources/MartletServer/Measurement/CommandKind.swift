import MartletProtocol

/// Commands as latencies are told of: by what they cost, and by the protocol's name where there is one.
package enum CommandKind: UInt8, BitwiseCopyable, CaseIterable, Sendable {
    case get, set, delete, arithmetic, touch, metaGet, metaSet, metaDelete, metaArithmetic, other

    package static let count = allCases.count

    /// The value of the label `command`.
    package var name: String {
        switch self {
        case .get: "get"
        case .set: "set"
        case .delete: "delete"
        case .arithmetic: "incr"
        case .touch: "touch"
        case .metaGet: "mg"
        case .metaSet: "ms"
        case .metaDelete: "md"
        case .metaArithmetic: "ma"
        case .other: "other"
        }
    }

    init(_ command: Command) {
        switch command {
        case .get, .gets: self = .get
        case .set, .add, .replace, .append, .prepend, .cas: self = .set
        case .delete: self = .delete
        case .incr, .decr: self = .arithmetic
        case .touch, .gat, .gats: self = .touch
        case .metaGet: self = .metaGet
        case .metaSet: self = .metaSet
        case .metaDelete: self = .metaDelete
        case .metaArithmetic: self = .metaArithmetic
        default: self = .other
        }
    }
}
