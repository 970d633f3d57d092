import LoadWorkload

/// How large a hot key's values are.
package enum HotSize: Sendable, Equatable, CaseIterable {
    /// Numbers that get longer and shorter.
    case counters
    /// A few bytes; just over a page's worth, so that they grow over their chunk now and then; sent and received in
    /// place.
    case small, large, huge
    /// As told. Each value's size depends on its number.
    case drawn(Sizes)

    /// What keys have in turns where nothing is told.
    package static let allCases: [HotSize] = [.counters, .small, .large, .huge]

    /// Letters of a client's value of this number.
    func letterCount(_ number: Int) -> Int {
        switch self {
        case .counters: 0
        case .small: number % 40
        case .large: 4070 + number % 40
        case .huge: 17_000 + number % 4000
        case .drawn(let sizes): max(0, Int(sizes.bytes(of: UInt64(number))) - Self.headBytes)
        }
    }

    /// About what `HotValue` writes before the letters.
    private static let headBytes = 14
}
