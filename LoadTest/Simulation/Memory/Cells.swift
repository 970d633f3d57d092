import Glibc

/// A row of plain values in memory of its own, zero at first; what is never touched costs nothing.
struct Cells<Element: BitwiseCopyable>: ~Copyable {
    private(set) var start: UnsafeMutablePointer<Element>
    private(set) var count: Int

    private let wantsHugePages: Bool

    /// - Parameter wantsHugePages: for a row that will be touched everywhere.
    init(count: Int, wantsHugePages: Bool = false) {
        self.count = max(1, count)
        self.wantsHugePages = wantsHugePages
        start = Self.mapped(self.count, wantsHugePages)
    }

    deinit { Self.unmap(start, count) }

    @inline(__always)
    subscript(index: Int) -> Element {
        get {
            assert(index >= 0 && index < count)
            return start[index]
        }
        nonmutating set {
            assert(index >= 0 && index < count)
            start[index] = newValue
        }
    }

    @inline(__always)
    func place(_ index: Int) -> UnsafeMutablePointer<Element> {
        assert(index >= 0 && index < count)
        return start + index
    }

    /// Makes the row at least `wanted` long, and then twice as long as it was.
    mutating func grow(to wanted: Int) {
        if wanted <= count { return }
        let grown = max(wanted, count * 2)
        let place = Self.mapped(grown, wantsHugePages)
        place.update(from: start, count: count)
        Self.unmap(start, count)
        (start, count) = (place, grown)
    }

    private static func mapped(_ count: Int, _ wantsHugePages: Bool) -> UnsafeMutablePointer<Element> {
        let bytes = count * MemoryLayout<Element>.stride
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        guard let place = mmap(nil, bytes, PROT_READ | PROT_WRITE, flags, -1, 0), place != MAP_FAILED else {
            fatalError("no address space for \(bytes) bytes")
        }
        if wantsHugePages, bytes >= 4 << 20 { madvise(place, bytes, MADV_HUGEPAGE) }
        return place.bindMemory(to: Element.self, capacity: count)
    }

    private static func unmap(_ place: UnsafeMutablePointer<Element>, _ count: Int) {
        munmap(place, count * MemoryLayout<Element>.stride)
    }
}
