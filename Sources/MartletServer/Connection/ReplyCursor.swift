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
/// 3. The cursor may stop anywhere: in the bytes, or in a value.
struct ReplyCursor: BitwiseCopyable {
    private(set) var position = 0
    private(set) var markIndex = 0
    /// Bytes of the value of `markIndex` that are sent.
    private var valueOffset = 0

    /// The same place in a copy that begins at this cursor's byte and mark.
    var rebased: ReplyCursor {
        var cursor = ReplyCursor()
        cursor.valueOffset = valueOffset
        return cursor
    }

    /// Describes what comes next in at most `countMax` pieces. Returns how many, and their bytes together; none only at
    /// the end.
    func fill(_ pieces: UnsafeMutablePointer<iovec>, countMax: Int, from view: ReplyView) -> (count: Int, bytes: Int) {
        var ahead = self
        var count = 0
        var total = 0
        while count < countMax {
            if ahead.isAtMark(view) {
                let before = total
                view.marks[ahead.markIndex].lease.forEachSpan(from: ahead.valueOffset) { span in
                    if let start = span.baseAddress, span.count > 0 {
                        pieces[count] = iovec(iov_base: UnsafeMutableRawPointer(mutating: start), iov_len: span.count)
                        count += 1
                        total += span.count
                    }
                    return count < countMax
                }
                ahead.stepInValue(total - before, view)
            } else {
                let length = ahead.bytesBeforeMark(view)
                if length == 0 { break }
                pieces[count] = iovec(iov_base: view.bytes + ahead.position, iov_len: length)
                count += 1
                total += length
                ahead.position += length
            }
        }
        return (count, total)
    }

    /// Moves past `count` bytes that were sent.
    mutating func advance(by count: Int, in view: ReplyView) {
        var rest = count
        while rest > 0 {
            if isAtMark(view) {
                let step = min(rest, view.marks[markIndex].lease.valueLength - valueOffset)
                stepInValue(step, view)
                rest -= step
            } else {
                let step = min(rest, bytesBeforeMark(view))
                precondition(step > 0, "More bytes were sent than there were.")
                position += step
                rest -= step
            }
        }
    }

    private func isAtMark(_ view: ReplyView) -> Bool {
        markIndex < view.markCount && view.marks[markIndex].position == position
    }

    private func bytesBeforeMark(_ view: ReplyView) -> Int {
        (markIndex < view.markCount ? view.marks[markIndex].position : view.byteCount) - position
    }

    /// Moves inside the value of the current mark, and behind it at its end.
    private mutating func stepInValue(_ count: Int, _ view: ReplyView) {
        valueOffset += count
        if valueOffset == view.marks[markIndex].lease.valueLength {
            markIndex += 1
            valueOffset = 0
        }
    }
}
