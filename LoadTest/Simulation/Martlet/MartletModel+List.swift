/// `lru`: exact, by a list of a class's items, newest first, where a server has a hand.
extension MartletModel {
    /// The last of the list.
    func oldest(_ home: ClassPointer) -> Victim? {
        home.pointee.isPressed = true
        let place = home.pointee.oldest
        guard place != 0 else { return nil }
        // Being written: it is the newest, so the class has nothing else.
        guard space.chunk(place).pointee.phase == .item else { return nil }
        return Victim(place: place, ghost: .fromCold)
    }

    func listAsNewest(_ place: Chunk.Place, _ chunk: UnsafeMutablePointer<Chunk>, _ home: ClassPointer) {
        let newest = home.pointee.newest
        chunk.pointee.previous = 0
        chunk.pointee.next = newest
        if newest != 0 { space.chunk(newest).pointee.previous = place }
        home.pointee.newest = place
        if home.pointee.oldest == 0 { home.pointee.oldest = place }
    }

    func unlist(_ place: Chunk.Place, _ chunk: UnsafeMutablePointer<Chunk>, _ home: ClassPointer) {
        let (previous, next) = (chunk.pointee.previous, chunk.pointee.next)
        if previous != 0 { space.chunk(previous).pointee.next = next } else { home.pointee.newest = next }
        if next != 0 { space.chunk(next).pointee.previous = previous } else { home.pointee.oldest = previous }
    }

    func moveToNewest(_ place: Chunk.Place, _ chunk: UnsafeMutablePointer<Chunk>, _ home: ClassPointer) {
        if home.pointee.newest == place { return }
        unlist(place, chunk, home)
        listAsNewest(place, chunk, home)
    }

    /// Has those next to a chunk in its list name the copy.
    func takeOverList(_ chunk: UnsafeMutablePointer<Chunk>, _ target: Chunk.Place, _ home: ClassPointer) {
        let (previous, next) = (chunk.pointee.previous, chunk.pointee.next)
        if previous != 0 { space.chunk(previous).pointee.next = target } else { home.pointee.newest = target }
        if next != 0 { space.chunk(next).pointee.previous = target } else { home.pointee.oldest = target }
    }
}
