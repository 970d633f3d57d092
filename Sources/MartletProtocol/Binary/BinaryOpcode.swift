/// What a request of the binary protocol asks for. A quiet one (`Q`) is answered only if it fails or brings a value.
@frozen
public enum BinaryOpcode: UInt8, BitwiseCopyable, Sendable, CaseIterable {
    case get = 0x00
    case set, add, replace, delete, increment, decrement, quit, flush
    case getQ = 0x09
    case noop, version
    case getK = 0x0C
    case getKQ, append, prepend, stat
    case setQ = 0x11
    case addQ, replaceQ, deleteQ, incrementQ, decrementQ, quitQ, flushQ, appendQ, prependQ
    case touch = 0x1C
    case getAndTouch, getAndTouchQ
    case getAndTouchK = 0x23
    case getAndTouchKQ
}

extension BinaryOpcode {
    /// The command of the text protocol that does the same.
    public var command: Command {
        switch self {
        case .get, .getQ, .getK, .getKQ: .get
        case .set, .setQ: .set
        case .add, .addQ: .add
        case .replace, .replaceQ: .replace
        case .append, .appendQ: .append
        case .prepend, .prependQ: .prepend
        case .delete, .deleteQ: .delete
        case .increment, .incrementQ: .incr
        case .decrement, .decrementQ: .decr
        case .touch: .touch
        case .getAndTouch, .getAndTouchQ, .getAndTouchK, .getAndTouchKQ: .gat
        case .quit, .quitQ: .quit
        case .flush, .flushQ: .flushAll
        case .noop: .metaNoop
        case .version: .version
        case .stat: .stats
        }
    }

    public var isQuiet: Bool {
        switch self {
        case .getQ, .getKQ, .setQ, .addQ, .replaceQ, .deleteQ, .incrementQ, .decrementQ, .quitQ, .flushQ, .appendQ,
            .prependQ, .getAndTouchQ, .getAndTouchKQ:
            true
        default: false
        }
    }

    /// The reply to a retrieval tells the key, also where there is no item.
    public var tellsKey: Bool {
        switch self {
        case .getK, .getKQ, .getAndTouchK, .getAndTouchKQ: true
        default: false
        }
    }

    /// Whether a request of this opcode may have such parts.
    func fits(extrasBytes: Int, keyBytes: Int, valueBytes: Int) -> Bool {
        switch command {
        case .get, .delete: return extrasBytes == 0 && keyBytes > 0 && valueBytes == 0
        case .set, .add, .replace: return extrasBytes == 8 && keyBytes > 0
        case .append, .prepend: return extrasBytes == 0 && keyBytes > 0
        case .incr, .decr: return extrasBytes == 20 && keyBytes > 0 && valueBytes == 0
        case .touch, .gat: return extrasBytes == 4 && keyBytes > 0 && valueBytes == 0
        case .flushAll: return (extrasBytes == 0 || extrasBytes == 4) && keyBytes == 0 && valueBytes == 0
        case .stats: return extrasBytes == 0 && valueBytes == 0
        default: return extrasBytes == 0 && keyBytes == 0 && valueBytes == 0
        }
    }
}
