/// Lamping and Veach's jump consistent hash: from 64 bits to one of `count` places, such that one place more takes its
/// share from all the others and moves nothing else. O(log n), no memory.
enum JumpHash {
    static func place(_ hash: UInt64, count: Int) -> Int {
        var state = hash
        var place: Int64 = -1
        var next: Int64 = 0
        while next < Int64(count) {
            place = next
            state = state &* 2_862_933_555_777_941_757 &+ 1
            // At most 2^31 times the place, which of the greatest weights is more than Int64 has.
            let jump = Double(place &+ 1) * (2_147_483_648 / Double((state &>> 33) &+ 1))
            guard jump < Double(count) else { break }
            next = Int64(jump)
        }
        return Int(place)
    }
}
