/// What a command line asks for.
///
/// `administration` stands for the words that look after a server rather than its items (`lru`, `slabs`, `watch`, ...):
/// the parser recognises them and leaves their words to whoever offers them.
@frozen
package enum Command: UInt8, BitwiseCopyable, Sendable, CaseIterable {
    case get, gets, gat, gats
    case set, add, replace, append, prepend, cas
    case touch, delete, incr, decr
    case metaGet, metaSet, metaDelete, metaArithmetic, metaNoop, metaDebug
    case version, verbosity, flushAll, quit, stats, shutdown, cacheMemoryLimit
    case administration
    /// A word that is none of the above. Only ever seen beside a refusal.
    case unknown
}

extension Command {
    /// A data block follows the line.
    @inlinable
    package var carriesValue: Bool {
        switch self {
        case .set, .add, .replace, .append, .prepend, .cas, .metaSet: true
        default: false
        }
    }

    /// The line may name several keys.
    @inlinable
    package var isMultiget: Bool {
        switch self {
        case .get, .gets, .gat, .gats: true
        default: false
        }
    }

    /// One of `mg`, `ms`, `md`, `ma`, `mn`, `me`.
    @inlinable
    package var isMeta: Bool {
        switch self {
        case .metaGet, .metaSet, .metaDelete, .metaArithmetic, .metaNoop, .metaDebug: true
        default: false
        }
    }
}
