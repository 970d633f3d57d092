/// What a command line asks for.
///
/// `administration` stands for the words that look after a server rather than its items (`lru`, `slabs`, `watch`, ...):
/// the parser recognises them and leaves their words to whoever offers them.
@frozen
public enum Command: UInt8, BitwiseCopyable, Sendable, CaseIterable {
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
    public var carriesValue: Bool {
        switch self {
        case .set, .add, .replace, .append, .prepend, .cas, .metaSet: true
        default: false
        }
    }

    /// The line may name several keys.
    @inlinable
    public var isMultiget: Bool {
        switch self {
        case .get, .gets, .gat, .gats: true
        default: false
        }
    }

    /// One of `mg`, `ms`, `md`, `ma`, `mn`, `me`.
    @inlinable
    public var isMeta: Bool {
        switch self {
        case .metaGet, .metaSet, .metaDelete, .metaArithmetic, .metaNoop, .metaDebug: true
        default: false
        }
    }
}

extension Command {
    /// The word on the line; empty where there is not exactly one.
    @inlinable
    public var word: StaticString {
        switch self {
        case .get: "get"
        case .gets: "gets"
        case .gat: "gat"
        case .gats: "gats"
        case .set: "set"
        case .add: "add"
        case .replace: "replace"
        case .append: "append"
        case .prepend: "prepend"
        case .cas: "cas"
        case .touch: "touch"
        case .delete: "delete"
        case .incr: "incr"
        case .decr: "decr"
        case .metaGet: "mg"
        case .metaSet: "ms"
        case .metaDelete: "md"
        case .metaArithmetic: "ma"
        case .metaNoop: "mn"
        case .metaDebug: "me"
        case .version: "version"
        case .verbosity: "verbosity"
        case .flushAll: "flush_all"
        case .quit: "quit"
        case .stats: "stats"
        case .shutdown: "shutdown"
        case .cacheMemoryLimit: "cache_memlimit"
        case .administration, .unknown: ""
        }
    }
}
