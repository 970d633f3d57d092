import Glibc

/// Replies in order, as they lie in an `OutputBuffer` or a `PendingOutput`: bytes, with leased values between them.
struct ReplyView: BitwiseCopyable {
    let bytes: UnsafeMutableRawPointer
    let byteCount: Int
    let marks: UnsafeMutablePointer<OutputBuffer.LeaseMark>
    let markCount: Int
}

/// How far replies have been sent.
///
/// The order of sending, as rules:
/// 1. A mark whose position is the cursor's is sent before the byte at that position.
/// 2. Marks at the same position follow each other in the order of their index.
/// 3. A value is sent span by span; the cursor may stop anywhere in a span.
struct ReplyCursor: BitwiseCopyable {
    private(set) var position = 0
    private(set) var markIndex = 0
    private var spanIndex = 0
    private var spanOffset = 0

    /// The same place in a copy that begins at this cursor's byte and mark.
    var rebased: ReplyCursor {
        var cursor = ReplyCursor()
        cursor.spanIndex = spanIndex
        cursor.spanOffset = spanOffset
        return cursor
    }

    /// The bytes to send next, up to where memory is not contiguous; empty at the end. Steps over sent values.
    private mutating func nextPiece(of view: ReplyView) -> UnsafeRawBufferPointer {
        while markIndex < view.markCount {
            let markPosition = view.marks[markIndex].position
            if position < markPosition {
                return UnsafeRawBufferPointer(start: view.bytes + position, count: markPosition - position)
            }
            while spanIndex < view.marks[markIndex].lease.spanCount {
                let span = view.marks[markIndex].lease.span(spanIndex)
                if spanOffset < span.count { return UnsafeRawBufferPointer(rebasing: span[spanOffset...]) }
                spanIndex += 1
                spanOffset = 0
            }
            markIndex += 1
            spanIndex = 0
        }
        return UnsafeRawBufferPointer(start: view.bytes + position, count: view.byteCount - position)
    }

    /// Moves by `count` bytes inside the piece that `nextPiece` returned.
    private mutating func step(_ count: Int, in view: ReplyView) {
        let isInBytes = markIndex == view.markCount || position < view.marks[markIndex].position
        if isInBytes { position += count } else { spanOffset += count }
    }

    /// Describes what comes next in at most `countMax` pieces. Returns how many, and their bytes together.
    func fill(_ pieces: UnsafeMutablePointer<iovec>, countMax: Int, from view: ReplyView) -> (count: Int, bytes: Int) {
        var ahead = self
        var count = 0
        var total = 0
        while count < countMax {
            let piece = ahead.nextPiece(of: view)
            guard let start = piece.baseAddress, piece.count > 0 else { break }
            pieces[count] = iovec(iov_base: UnsafeMutableRawPointer(mutating: start), iov_len: piece.count)
            count += 1
            total += piece.count
            ahead.step(piece.count, in: view)
        }
        return (count, total)
    }

    /// Moves past `count` bytes that were sent.
    mutating func advance(by count: Int, in view: ReplyView) {
        var rest = count
        while rest > 0 {
            let piece = nextPiece(of: view)
            precondition(piece.count > 0, "More bytes were sent than there were.")
            let step = min(rest, piece.count)
            self.step(step, in: view)
            rest -= step
        }
    }
}
