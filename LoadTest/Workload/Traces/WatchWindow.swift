/// The last lines of a watch log, held back until it is clear whether clients asked for them.
///
/// memcached looks a key up before it stores or deletes it, and logs that lookup as it logs a client's get. The lines
/// of its threads are mixed, so the lookup is the last line of the same connection before the store, not always the
/// line before. It is struck out if it is a get of the same key; a get that missed and made the client store has a line
/// of its own before that.
struct WatchWindow: BitwiseCopyable {
    private static let lineCount = 32

    private struct Held: BitwiseCopyable {
        var line = WatchLine()
        var isStruckOut = false
    }

    private var lines = InlineArray<32, Held>(repeating: Held())
    private var first = 0
    private(set) var count = 0

    var isFull: Bool { count == Self.lineCount }

    /// There is room.
    mutating func append(_ line: WatchLine) {
        if line.request.kind != .get { strikeOutLookup(before: line) }
        lines[(first + count) % Self.lineCount] = Held(line: line)
        count += 1
    }

    /// The oldest line; nil: it was struck out. There is one.
    mutating func removeFirst() -> WatchLine? {
        let held = lines[first]
        first = (first + 1) % Self.lineCount
        count -= 1
        return held.isStruckOut ? nil : held.line
    }

    private mutating func strikeOutLookup(before store: WatchLine) {
        for distance in 0..<count {
            let index = (first + count - 1 - distance) % Self.lineCount
            let held = lines[index].line
            let isSameClient =
                store.connection == nil
                ? held.request.key == store.request.key : held.connection == store.connection
            guard isSameClient else { continue }
            if held.request.kind == .get, held.request.key == store.request.key { lines[index].isStruckOut = true }
            return
        }
    }
}
