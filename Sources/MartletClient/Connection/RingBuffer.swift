/// A queue in an array that is used round and round: what leaves in front makes room for what comes behind.
///
///     start                      start + count
///       |  element | element | ... |  free | free |  ...       positions are taken modulo the capacity, a power of two
///
/// Appending and removing the first take the same time however long the queue is; nothing is moved but to grow. One that
/// was never used has no places: of the many queues of many servers, most are not.
package struct RingBuffer<Element> {
    private var places: ContiguousArray<Element?>
    private var start = 0
    package private(set) var count = 0
    /// Places that there are once there are any, a power of two.
    private static var placesMin: Int { 16 }

    package init() { places = [] }

    package var isEmpty: Bool { count == 0 }

    /// The element that many places behind the first, which must be there.
    package subscript(offset: Int) -> Element {
        get { places[place(offset)]! }
        _modify { yield &places[place(offset)]! }
    }

    package mutating func append(_ element: Element) {
        if count == places.count { grow() }
        count += 1
        places[place(count - 1)] = element
    }

    /// Removes the first element; nil if there is none.
    package mutating func popFirst() -> Element? {
        guard count > 0 else { return nil }
        let element = places[start].take()
        start = (start + 1) & (places.count - 1)
        count -= 1
        return element
    }

    private func place(_ offset: Int) -> Int {
        precondition(offset >= 0 && offset < count, "no such place in the queue")
        return (start + offset) & (places.count - 1)
    }

    private mutating func grow() {
        var larger = ContiguousArray<Element?>(repeating: nil, count: max(places.count * 2, Self.placesMin))
        for offset in 0..<count { larger[offset] = places[place(offset)].take() }
        places = larger
        start = 0
    }
}

extension RingBuffer: Sendable where Element: Sendable {}
