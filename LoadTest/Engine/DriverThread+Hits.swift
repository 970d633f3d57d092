import LoadWorkload
import MartletProtocol

/// The replies that nearly always come, hits of reads of one key, held against what was expected word by word.
///
///     VALUE <head><eight digits> 0 <length>\r\n<value>\r\nEND\r\n       classic
///     VA <length> O<opaque>\r\n<value>\r\n                               meta
///
/// 1. Keys that are a head, the same for all of them, and eight digits (`KeySpace.headBytes`) are compared with the
///    thread's frame and the digits that were sent.
/// 2. What is not exactly so, cut off, a miss, anything wrong, is left to those who look closely: then nothing has been
///    done.
/// 3. Up to eight bytes behind the reply are read, and play no part: the input has `LoadLimits.readAheadBytes` more.
extension UnsafeMutablePointer where Pointee == DriverThread {
    /// The digits that tell `key` from others; 0 where keys are not so.
    @inline(__always)
    func digits(of key: UInt64) -> UInt64 { key < pointee.framedKeysEnd ? Decimal.eightDigits(key) : 0 }

    /// Where the value begins behind a classic line that names the key of `digits`, and how long it is; 0 and 0 when
    /// the line is none such, or less than eight bytes follow the key.
    @inline(__always)
    func framedLine(_ bytes: UnsafeRawPointer, _ count: Int, digits: UInt64) -> (start: Int, length: Int) {
        let head = pointee.keyFrameBytes
        guard digits != 0, count >= head &+ 19 else { return (0, 0) }
        let frame = pointee.keyFrame
        var position = 0
        var difference = ByteSearch.word(bytes, head) ^ digits
        // The frame's end may be followed by anything: its last word is compared as far as it goes.
        while position &+ 8 <= head {
            difference |= ByteSearch.word(bytes, position) ^ ByteSearch.word(frame, position)
            position &+= 8
        }
        difference |= (ByteSearch.word(bytes, position) ^ ByteSearch.word(frame, position)) & pointee.keyFrameMask
        guard difference == 0, ReplyNumbers.threeBytes(bytes, head &+ 8) == 0x20_30_20 else { return (0, 0) }
        let field = LengthField(ByteSearch.word(bytes, head &+ 11), endedBy: ByteSearch.carriageReturn)
        let end = head &+ 12 &+ field.digits
        guard field.digits > 0, end < count, bytes.load(fromByteOffset: end, as: UInt8.self) == ByteSearch.newline
        else { return (0, 0) }
        return (end &+ 1, field.value)
    }

    /// A classic hit. Bytes used; 0: look closely.
    @inline(__always)
    func answerHit(
        _ connection: UnsafeMutablePointer<Connection>, _ request: UnsafeMutablePointer<Outstanding>,
        _ bytes: UnsafeRawPointer, _ count: Int
    ) -> Int {
        let line = framedLine(bytes, count, digits: request.pointee.keyDigits)
        let end = line.start &+ line.length
        // CR LF END CR LF
        guard line.start > 0, count >= end &+ 7, connection.pointee.valuesSeen == 0,
            ByteSearch.word(bytes, end) & 0x00FF_FFFF_FFFF_FFFF == 0x0A0D_444E_450A_0D
        else { return 0 }
        guard isSound(request, bytes + line.start, line.length) else { return 0 }
        finishHit(connection, request, line.length)
        return end &+ 7
    }

    /// A meta hit. Bytes used; 0: look closely.
    @inline(__always)
    func answerMetaHit(
        _ connection: UnsafeMutablePointer<Connection>, _ request: UnsafeMutablePointer<Outstanding>,
        _ bytes: UnsafeRawPointer, _ count: Int
    ) -> Int {
        guard request.pointee.keyDigits != 0, count >= 19, ReplyNumbers.threeBytes(bytes, 0) == 0x20_41_56 else {
            return 0
        }
        let field = LengthField(ByteSearch.word(bytes, 3), endedBy: ByteSearch.space)
        let start = field.digits &+ 11
        let end = start &+ field.value
        guard field.digits > 0, count >= end &+ 2,
            ByteSearch.word(bytes, field.digits &+ 3) == MetaLine.end(opaque: request.pointee.opaque),
            ByteSearch.word(bytes, end) & 0xFFFF == 0x0A0D
        else { return 0 }
        guard isSound(request, bytes + start, field.value) else { return 0 }
        finishHit(connection, request, field.value)
        return end &+ 2
    }

    @inline(__always)
    private func isSound(_ request: UnsafeMutablePointer<Outstanding>, _ value: UnsafeRawPointer, _ count: Int) -> Bool
    {
        pointee.truth.verification != .full
            || pointee.truth.isGood(value, count: count, key: request.pointee.key, known: request.pointee.known)
    }

    @inline(__always)
    private func finishHit(
        _ connection: UnsafeMutablePointer<Connection>, _ request: UnsafeMutablePointer<Outstanding>, _ count: Int
    ) {
        if request.pointee.isMeasured {
            pointee.run.hits &+= 1
            pointee.run.hitBytes &+= count
            pointee.run.verified &+= pointee.verifiesValues
        }
        finish(connection, request)
    }
}
