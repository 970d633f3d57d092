/// Walks over the words of one command line.
///
///     get  alpha beta \r\n
///     |    ^position  ^end  ^limit
///
/// `end` is where the last word ends, `limit` where reading must stop: line ends may be read over, but not left.
struct TokenCursor: BitwiseCopyable {
    let line: UnsafeRawPointer
    var position: Int
    let end: Int
    let limit: Int

    /// The next word; an empty slice at the end of the line.
    mutating func next() -> LineSlice {
        let start = ByteSearch.firstNonSpace(in: line, from: position, limit: end)
        let stop = min(ByteSearch.first(ByteSearch.space, in: line, from: start, limit: limit), end)
        position = stop
        return LineSlice(offset: start, count: stop &- start)
    }

    /// What is left of the line, from the next word to the last.
    func rest() -> LineSlice {
        let start = ByteSearch.firstNonSpace(in: line, from: position, limit: end)
        return LineSlice(offset: start, count: end &- start)
    }

    /// The last word of the line is `noreply`, and it is not the line's first word.
    var endsWithNoreply: Bool {
        // " noreply", the first byte lowest.
        end >= 8 && ByteSearch.word(line, end &- 8) == 0x796C_7065_726F_6E20
    }
}
