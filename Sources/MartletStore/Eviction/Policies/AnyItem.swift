/// `random`: who draws the lowest lot. The lots are a class's own sequence (SplitMix64), the same in every run.
enum AnyItem: WindowPolicy {
    @inline(__always)
    static func rank(_ item: WindowItem, lots: inout UInt64) -> UInt64 {
        lots &+= 0x9e37_79b9_7f4a_7c15
        var word = lots
        word = (word ^ word &>> 30) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ word &>> 27) &* 0x94d0_49bb_1331_11eb
        return word ^ word &>> 31
    }
}
