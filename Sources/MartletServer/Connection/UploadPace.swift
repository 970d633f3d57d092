/// How fast a large value comes while others wait for the room that it holds (rule 5 of `UploadRoom`).
///
/// Counted by looks, of which there is one a second as long as anybody is parked: time in which nobody waits does not
/// count, bytes that come in it do.
struct UploadPace: BitwiseCopyable {
    /// What was still to come when the count began.
    private var remainingAtStart = 0
    /// Looks since then; below 0 before the first one.
    private var looks = -1
    /// Thousandths of what should have come at the last look: 1000 unless it is too slow.
    private(set) var kept = 1000

    /// What has to come in a second of a value of `length` bytes. Whoever sends as much is never too slow.
    static func bytesPerSecondMin(length: Int) -> Int {
        min(length / Limits.uploadSecondsMax, Limits.uploadBytesPerSecondMax)
    }

    var isTooSlow: Bool { kept < 1000 }

    /// Begins anew with the next look: until now the upload was not read.
    mutating func restart() { self = UploadPace() }

    /// Another second has begun in which somebody waits.
    mutating func look(length: Int, remaining: Int) {
        looks += 1
        if looks > 0 {
            guard looks >= Limits.uploadLooks else { return }
            // The first look may be anywhere in its second.
            let expected = Self.bytesPerSecondMin(length: length) * (looks - 1)
            kept = min((remainingAtStart - remaining) * 1000 / expected, 1000)
            if isTooSlow { return }
        }
        (remainingAtStart, looks) = (remaining, 0)
    }
}
