/// The first word of a command line, up to sixteen bytes of it as two numbers.
///
/// Comparing numbers instead of bytes makes the choice among two dozen words one switch.
struct Verb: BitwiseCopyable {
    /// The first eight bytes, the very first lowest; zero behind the end of the word.
    let head: UInt64
    /// The next eight.
    let tail: UInt64

    /// Reads `count` bytes at `bytes`; up to `limit` may be touched.
    init(_ bytes: UnsafeRawPointer, count: Int, limit: Int) {
        if count > 16 || (count > 0 && bytes.load(fromByteOffset: count &- 1, as: UInt8.self) == 0) {
            // Longer than any command; or with a zero byte at its end, which would not be seen.
            head = .max
            tail = .max
        } else {
            head = Verb.word(bytes, from: 0, count: min(count, 8), limit: limit)
            tail = count > 8 ? Verb.word(bytes, from: 8, count: count &- 8, limit: limit) : 0
        }
    }

    /// The verb a text stands for.
    private init(_ text: StaticString) {
        self.init(text.utf8Start, count: text.utf8CodeUnitCount, limit: text.utf8CodeUnitCount)
    }

    private static func word(_ bytes: UnsafeRawPointer, from: Int, count: Int, limit: Int) -> UInt64 {
        if from &+ 8 <= limit {
            let eight = ByteSearch.word(bytes, from)
            return count >= 8 ? eight : eight & ((1 << UInt64(count &* 8)) &- 1)
        }
        var sum: UInt64 = 0
        var position = count
        while position > 0 {
            position &-= 1
            sum = sum << 8 | UInt64(bytes.load(fromByteOffset: from &+ position, as: UInt8.self))
        }
        return sum
    }

    var command: Command {
        guard tail == 0 else { return longCommand }
        // The letters of each word, last one first, as a little-endian number holds them.
        switch head {
        case 0x746567: return .get
        case 0x746573: return .set
        case 0x676D: return .metaGet
        case 0x736D: return .metaSet
        case 0x646D: return .metaDelete
        case 0x616D: return .metaArithmetic
        case 0x6E6D: return .metaNoop
        case 0x656D: return .metaDebug
        case 0x73746567: return .gets
        case 0x746167: return .gat
        case 0x73746167: return .gats
        case 0x646461: return .add
        case 0x736163: return .cas
        case 0x72636E69: return .incr
        case 0x72636564: return .decr
        case 0x6574656C6564: return .delete
        case 0x6863756F74: return .touch
        case 0x6563616C706572: return .replace
        case 0x646E65707061: return .append
        case 0x646E6570657270: return .prepend
        default: return serverCommand
        }
    }

    /// The words of up to eight bytes that concern the server.
    private var serverCommand: Command {
        switch head {
        case 0x6E6F6973726576: .version
        case 0x74697571: .quit
        case 0x7374617473: .stats
        case 0x6E776F6474756873: .shutdown
        case 0x75726C: .administration  // lru
        case 0x7362616C73: .administration  // slabs
        case 0x6863746177: .administration  // watch
        case 0x6769666E6F63: .administration  // config
        case 0x65726F7473747865: .administration  // extstore
        default: .unknown
        }
    }

    /// The words of more than eight bytes.
    private var longCommand: Command {
        if equals("flush_all") { return .flushAll }
        if equals("verbosity") { return .verbosity }
        if equals("cache_memlimit") { return .cacheMemoryLimit }
        if equals("lru_crawler") { return .administration }
        if equals("refresh_certs") { return .administration }
        if equals("debugtime") { return .administration }
        if equals("debugitem") { return .administration }
        return .unknown
    }

    var isNoreply: Bool { equals("noreply") }

    /// The word `graceful` behind `shutdown`.
    var isGraceful: Bool { equals("graceful") }

    /// The beginning of the last word of an HTTP request line.
    var isHTTP: Bool { equals("HTTP/") }

    /// Whether the word is `text`, which has at most sixteen bytes.
    func equals(_ text: StaticString) -> Bool {
        let other = Verb(text)
        return head == other.head && tail == other.tail
    }
}
