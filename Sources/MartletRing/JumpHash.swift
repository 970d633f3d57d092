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
            // At most 2^31 times the place: far from the end of Int64 for any list that fits into memory.
            next = Int64(Double(place &+ 1) * (2_147_483_648 / Double((state &>> 33) &+ 1)))
        }
        return Int(place)
    }
}
