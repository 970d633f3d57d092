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

    /// The next word if it is a number of one to nine digits, so small that it fits every field; -1, and the cursor
    /// stays, if it is anything else. Most numbers are such, and this is one look at each digit instead of two.
    @inline(__always)
    mutating func nextSmallNumber() -> Int {
        let start = ByteSearch.firstNonSpace(in: line, from: position, limit: end)
        var place = start
        var sum = 0
        while place < end {
            let byte = line.load(fromByteOffset: place, as: UInt8.self)
            let digit = byte &- 0x30
            guard digit < 10 else {
                guard byte == ByteSearch.space else { return -1 }
                break
            }
            sum = sum &* 10 &+ Int(digit)
            place &+= 1
        }
        guard place > start, place &- start <= 9 else { return -1 }
        position = place
        return sum
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
