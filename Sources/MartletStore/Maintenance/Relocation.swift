import Synchronization

/// Moving an item, or a part of one, to another chunk of its class while everybody goes on using it.
///
/// 1. Whoever looks the key up finds it before, during and after, with the same value, flags, token, expiry and marks:
///    the handle in the slot is replaced under the stripe lock, in the hold in which the old chunk is detached.
/// 2. The new chunk is free, or made free by evicting in the class; it enters the old one's segment in the hold in
///    which it is taken. A HOT one gets a place at the ring's end. What accesses have left in the access word is taken
///    over last.
/// 3. A small item is copied under the stripe lock: at most 4 KiB of value. A large one's value does not change while
///    it is leased, so it is leased, copied without a lock, and replaced in a second hold if nobody else has a lease by
///    then.
/// 4. A part is found by its head: the item must still be linked, and unleased. The handle is replaced in its
///    neighbours.
/// 5. A head's parts name it, and the hand reads that under the lock of the part's class alone. So before the old head
///    is freed, that lock of each part is taken once: whoever has read the old handle has finished by then.
/// 6. A large item of more than 64 parts is not relocated, as all of them would have to be renamed in one hold.
/// 7. The process may die between any two stores of these holds, and with `restart_checksums` the item is still found
///    whole (Restart/Inspection.swift). So of a head first the copy is complete, then the parts name it, then it is
///    linked, then the old one detached, and only then has that no parts any more. Of a part first the copy is
///    complete, then its neighbours name it, then the old one is detached. The fences keep the compiler to that.
enum Relocation {
    static let partsMax = 64
    static let triesMax = 8
}

extension UnsafeMutablePointer where Pointee == StoreCore {
    /// Whether an item is worth relocating, as a hint; `keepsUnread` where there is room for all.
    func isWorthKeeping(_ item: ItemPointer, _ state: ItemState, keepsUnread: Bool = false, now: UInt32) -> Bool {
        let access = item.access
        if !keepsUnread, access.segment == .cold, access.frequency == 0,
            pointee.settings.eviction.dropsUnreadInMoves
        {
            return false
        }
        let expiry = item.expiry(state)
        return expiry == 0 || expiry > now
    }

    /// Empties a chunk of a page that has left `home`, unless it is leased or being written. Its key may be read
    /// without the class lock: the chunk is not handed out again, so whoever owned it when it was linked was its last
    /// owner.
    func vacate(
        _ handle: Handle, _ home: UnsafeMutablePointer<SlabClass>, keepsUnread: Bool, evenLeased: Bool,
        _ session: SessionPointer
    ) {
        let item = pointee.arena.item(handle)
        let state = item.stateHint
        guard state.phase == .linked else { return }
        let isPart = item.access.isPart
        let head = isPart ? PartPointer(raw: item.raw).head : handle
        let hash = isPart ? PartPointer(raw: item.raw).keyHash : pointee.keyHash(item.key(state), item.keyLength)
        if isPart || state.has(ItemState.isLarge) {
            switch leaseForMove(head, hash, part: isPart ? handle : nil, keepsUnread: keepsUnread, session) {
            case .gone:
                return
            case .leased:
                if evenLeased { unlink(head, hash: hash, session) }
                return
            case .ours(let isWorthy):
                let isSettled =
                    isWorthy
                    && (isPart
                        ? relocatePart(handle, head, hash, home, session)
                        : relocateLarge(handle, hash, home, session))
                endLease(head, session)
                if isSettled { return }
            }
        } else if isWorthKeeping(item, state, keepsUnread: keepsUnread, now: session.pointee.now),
            relocateSmall(handle, hash, home, session)
        {
            return
        }
        unlink(head, hash: hash, session)
    }

    // MARK: Room

    /// A reserved chunk of the class, in the segment of `old`, or as a part if that is one. Rule 2.
    private func takeForMove(
        _ home: UnsafeMutablePointer<SlabClass>, _ old: ItemPointer, _ session: SessionPointer
    ) -> Handle? {
        if pointee.geometry.keepsLists {
            return takeListedForMove(home, session) {
                home.enterLocked($0, like: old.access, self, now: session.pointee.now)
            }
        }
        for _ in 0..<Relocation.triesMax {
            home.lock()
            if let handle = home.takeChunkLocked(self) {
                // It is no store.
                home.sums.pointee.taken = home.sums.pointee.taken &- 1
                home.enterLocked(handle, like: old.access, self, now: session.pointee.now)
                home.unlock()
                passHook()
                return handle
            }
            let victim = home.chooseVictimLocked(self, now: session.pointee.now)
            home.unlock()
            passHook()
            guard let victim, let reason = evict(victim, session) else { continue }
            freeItem(victim.handle, reason, now: session.pointee.now)
        }
        return nil
    }

    // MARK: Small items

    /// Rules 1 to 3. Returns false if there is no room.
    func relocateSmall(
        _ handle: Handle, _ hash: UInt64, _ home: UnsafeMutablePointer<SlabClass>, _ session: SessionPointer
    ) -> Bool {
        let old = pointee.arena.item(handle)
        guard let target = takeForMove(home, old, session) else { return false }
        let stripe = pointee.table.stripe(hash)
        stripe.lock()
        guard let slot = pointee.table.findLocked(handle, hash: hash) else {
            stripe.unlock()
            passHook()
            freeChunk(target, .dropped, now: session.pointee.now)
            return true
        }
        let new = pointee.arena.item(target)
        let state = old.state
        new.smallLength = old.smallLength
        copyHeader(of: old, to: new, state, from: ItemPointer.headerBytes)
        new.key(state).copyMemory(from: old.key(state), byteCount: old.keyLength &+ old.smallLength)
        replaceLocked(slot, old, target, new, state, session)
        stripe.unlock()
        passHook()
        finish(handle, target, new.expiry(state), session)
        pointee.itemsRelocated.wrappingAdd(1, ordering: .relaxed)
        return true
    }

    /// Token, key length and optional words up to the key, or up to the large words.
    private func copyHeader(of old: ItemPointer, to new: ItemPointer, _ state: ItemState, from first: Int) {
        new.token = old.token
        new.keyLength = old.keyLength
        (new.raw + first).copyMemory(from: old.raw + first, byteCount: state.largeOffset &- first)
    }

    /// Rule 1. The stripe lock is held; the old chunk is the caller's afterwards, but for leases.
    private func replaceLocked(
        _ slot: Slot, _ old: ItemPointer, _ target: Handle, _ new: ItemPointer, _ state: ItemState,
        _ session: SessionPointer
    ) {
        let handle = slot.handle
        new.inheritAccess(old)
        takeOverLocked(slot, target, new, state, session)
        // Rule 7.
        atomicMemoryFence(ordering: .releasing)
        _ = detachLocked(handle, old, state, session)
    }

    /// Frees the chunk that an item has left, and has the new page come due with it.
    private func finish(_ handle: Handle, _ target: Handle, _ expiry: UInt32, _ session: SessionPointer) {
        noteExpiry(target, expiry, now: session.pointee.now)
        freeChunk(handle, .dropped, now: session.pointee.now)
    }

    // MARK: Large items

    enum MoveLease {
        case gone
        case leased
        /// There was none; now there is one. Whether the item is worth relocating.
        case ours(Bool)
    }

    /// Leases an item for its move. A part must be one of this very item.
    func leaseForMove(
        _ head: Handle, _ hash: UInt64, part: Handle?, keepsUnread: Bool, _ session: SessionPointer
    ) -> MoveLease {
        let stripe = pointee.table.stripe(hash)
        stripe.lock()
        defer {
            stripe.unlock()
            passHook()
        }
        guard pointee.table.findLocked(head, hash: hash) != nil else { return .gone }
        let item = pointee.arena.item(head)
        let state = item.state
        guard state.has(ItemState.isLarge) else { return .gone }
        if let part {
            // Safe: parts are freed before their head, so a linked part that names a linked head is that item's.
            let pointer = PartPointer(raw: pointee.arena.address(part))
            guard pointer.item.stateHint.phase == .linked, pointer.head == head else { return .gone }
        }
        let large = item.large(state)
        if large.leases.pointee.load(ordering: .relaxed) > 1 { return .leased }
        large.acquire()
        if deathLocked(item, state, stripe, now: session.pointee.now) != nil { return .ours(false) }
        let isWorthy = isWorthKeeping(item, state, keepsUnread: keepsUnread, now: session.pointee.now)
        return .ours(isWorthy && (part != nil || hasFewPartsLocked(large)))
    }

    private func hasFewPartsLocked(_ large: LargeWords) -> Bool {
        var part = large.firstPart
        for _ in 0..<Relocation.partsMax {
            if part.isNone { return true }
            part = PartPointer(raw: pointee.arena.address(part)).next
        }
        return part.isNone
    }

    func endLease(_ head: Handle, _ session: SessionPointer) {
        let item = pointee.arena.item(head)
        guard item.large(item.state).release() else { return }
        // Somebody has taken the item out meanwhile; or it has moved, and its parts with it.
        freeItem(head, .dropped, now: session.pointee.now)
    }

    /// Finds a leased item again. The stripe lock is held on return; nil if it has gone or somebody else leases it as
    /// well.
    private func lockLeased(
        _ head: Handle, _ hash: UInt64, evenLeased: Bool = false, _ stripe: UnsafeMutablePointer<Stripe>
    ) -> Slot? {
        stripe.lock()
        guard let slot = pointee.table.findLocked(head, hash: hash) else { return nil }
        let item = pointee.arena.item(head)
        return evenLeased || item.large(item.state).leases.pointee.load(ordering: .acquiring) == 2 ? slot : nil
    }

    /// Relocates a head that the caller has leased, unless somebody else leases it by now; `evenLeased` one without
    /// parts whoever does: the old chunk stays for them. Returns false if there is no room.
    func relocateLarge(
        _ handle: Handle, _ hash: UInt64, _ home: UnsafeMutablePointer<SlabClass>, evenLeased: Bool = false,
        _ session: SessionPointer
    ) -> Bool {
        let old = pointee.arena.item(handle)
        guard let target = takeForMove(home, old, session) else { return false }
        let new = pointee.arena.item(target)
        let shape = old.state
        let words = old.large(shape)
        new.key(shape).copyMemory(from: old.key(shape), byteCount: old.keyLength &+ words.inlineBytes)

        let stripe = pointee.table.stripe(hash)
        guard let slot = lockLeased(handle, hash, evenLeased: evenLeased, stripe) else {
            stripe.unlock()
            passHook()
            freeChunk(target, .dropped, now: session.pointee.now)
            return true
        }
        let state = old.state
        new.smallLength = old.smallLength
        copyHeader(of: old, to: new, state, from: ItemPointer.headerBytes)
        let copied = new.large(state)
        copied.totalLength = words.totalLength
        copied.leases.initialize(to: .init(1))
        copied.inlineBytes = words.inlineBytes
        copied.firstPart = words.firstPart
        // Rule 7.
        atomicMemoryFence(ordering: .releasing)
        let homes = renameHeadLocked(words.firstPart, target)
        replaceLocked(slot, old, target, new, state, session)
        // Safe: the caller's lease keeps the old head from being freed, and its parts with it.
        words.firstPart = .none
        let expiry = new.expiry(state)
        stripe.unlock()
        passHook()
        awaitHands(homes)
        noteExpiry(target, expiry, now: session.pointee.now)
        // To memcached, the first chunk of a chain is one of its chunks.
        if copied.firstPart.isNone || !pointee.geometry.keepsLists {
            pointee.itemsRelocated.wrappingAdd(1, ordering: .relaxed)
        } else {
            pointee.partsRelocated.wrappingAdd(1, ordering: .relaxed)
        }
        return true
    }

    /// Returns the classes of the parts: class c is bit c % 64 of word c / 64.
    private func renameHeadLocked(_ first: Handle, _ head: Handle) -> InlineArray<4, UInt64> {
        var homes = InlineArray<4, UInt64>(repeating: 0)
        var part = first
        while !part.isNone {
            let pointer = PartPointer(raw: pointee.arena.address(part))
            pointer.head = head
            let slabClass = pointee.pages.slabClass(pointee.arena.pageIndex(part))
            homes[slabClass / 64] |= 1 << UInt64(slabClass % 64)
            part = pointer.next
        }
        return homes
    }

    /// Rule 5.
    private func awaitHands(_ homes: InlineArray<4, UInt64>) {
        for word in 0..<4 {
            var bits = homes[word]
            while bits != 0 {
                let home = pointee.slabClass(word * 64 + bits.trailingZeroBitCount)
                home.lock()
                home.unlock()
                bits &= bits &- 1
            }
        }
    }

    /// Relocates a part of an item that the caller has leased, as a head. Returns false if there is no room.
    func relocatePart(
        _ handle: Handle, _ head: Handle, _ hash: UInt64, _ home: UnsafeMutablePointer<SlabClass>,
        _ session: SessionPointer
    ) -> Bool {
        let old = PartPointer(raw: pointee.arena.address(handle))
        guard let target = takeForMove(home, old.item, session) else { return false }
        let new = PartPointer(raw: pointee.arena.address(target))
        new.length = old.length
        new.keyHash = hash
        new.piece.copyMemory(from: old.piece, byteCount: old.length)

        let stripe = pointee.table.stripe(hash)
        guard lockLeased(head, hash, stripe) != nil else {
            stripe.unlock()
            passHook()
            freeChunk(target, .dropped, now: session.pointee.now)
            return true
        }
        new.head = head
        new.next = old.next
        new.previous = old.previous
        sealPart(target)
        new.item.publishState(ItemState(raw: ItemState.Phase.linked.rawValue))
        // Rule 7.
        atomicMemoryFence(ordering: .releasing)
        if old.previous.isNone {
            let item = pointee.arena.item(head)
            item.large(item.state).firstPart = target
        } else {
            PartPointer(raw: pointee.arena.address(old.previous)).next = target
        }
        if !old.next.isNone { PartPointer(raw: pointee.arena.address(old.next)).previous = target }
        old.item.publishState(ItemState(raw: ItemState.Phase.detached.rawValue))
        stripe.unlock()
        passHook()
        freeChunk(handle, .dropped, now: session.pointee.now)
        pointee.partsRelocated.wrappingAdd(1, ordering: .relaxed)
        return true
    }
}

extension UnsafeMutablePointer where Pointee == SlabClass {
    /// Has a chunk just taken stand where another stands whose access word is given.
    fileprivate func enterLocked(_ handle: Handle, like access: AccessWord, _ store: StorePointer, now: UInt32) {
        let item = store.pointee.arena.item(handle)
        if access.isPart {
            item.access = AccessWord(raw: AccessWord.partBit)
        } else {
            var segment = access.segment
            if pointee.keepsLists {
                listLocked(handle, segment, store)
            } else if segment == .hot, !ring.pointee.push(handle, store.pointee.ringBlocks) {
                segment = .cold
            }
            countLocked(segment, 1)
            item.access = AccessWord(segment: segment, second: now, stamp: ring.pointee.lastStamp)
        }
        item.state = ItemState(raw: ItemState.Phase.reserved.rawValue)
    }
}
