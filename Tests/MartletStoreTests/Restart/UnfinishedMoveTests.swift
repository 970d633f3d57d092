import MartletStore
import StoreTesting
import Testing

/// A process may die in the middle of moving a chunk of a large item, which is several stores to memory in one hold of
/// a lock. Nobody has changed the item, so it must be there afterwards.
///
/// The files are made of two: one as it was before the move, one as it was afterwards. Chunk by chunk, and within a
/// chunk where that is needed, they are put together in the order in which the move writes them.
@Suite("A move that did not end, with restart_checksums")
struct UnfinishedMoveTests {
    /// Chunks of the item "chain": a head and four parts, the last of a smaller class than the others.
    private static let chunkCount = 5

    /// A file before and after the move of one chunk, what is in it, and where.
    private final class Scene {
        let folder: RestartFolder
        let settings = RestartFolder.settings(megabytes: 4, seals: true)
        let known: [String: FiledStore.Seen]
        let after: [UInt8]
        /// Head and parts before and afterwards; they differ in the chunk that has moved.
        let old: [Handle]
        let new: [Handle]
        /// The head of another item of the same class.
        let stranger: Handle
        private let places: [UInt32: Range<Int>]
        /// What the process left, first before the move.
        var file: [UInt8]

        init(moving index: Int) throws {
            folder = try RestartFolder()
            let store = try FiledStore(folder.file, settings)
            defer { store.close() }
            let request = StoreRequest(mode: .set, clientFlags: 7, expiry: 5000, explicitToken: 1 << 40)
            _ = store.store("stranger", Self.value(100_000))
            _ = store.store("chain", Self.value(150_000), request)
            // Leaves free chunks of each class.
            _ = store.store("room", Self.value(150_000))
            _ = store.delete("room")
            var known: [String: FiledStore.Seen] = [:]
            for number in 0..<20 { _ = store.store("small\(number)", "\(number)") }
            for key in (0..<20).map({ "small\($0)" }) + ["stranger", "chain"] { known[key] = store.seen(key) }
            let before = folder.bytes(folder.file)
            let old = store.withKey("chain") { store.session._chunks(of: $0) }
            let stranger = store.withKey("stranger") { store.session._chunks(of: $0)[0] }
            var places: [UInt32: Range<Int>] = [:]
            for chunk in old { places[chunk.raw] = store.store._fileRange(ofChunk: chunk) }

            let isMoved = store.withKey("chain") { store.session._relocate($0, chunk: index) }

            let after = folder.bytes(folder.file)
            let new = store.withKey("chain") { store.session._chunks(of: $0) }
            for chunk in new { places[chunk.raw] = store.store._fileRange(ofChunk: chunk) }
            try #require(known.count == 22 && isMoved && old.count == UnfinishedMoveTests.chunkCount)
            try #require(zip(old, new).map { $0 != $1 } == old.indices.map { $0 == index })
            // What is known of the pages is as afterwards: the chunk may never have been handed out before.
            let pagesStart = store.store._fileRange(ofChunk: Handle(raw: 1)).lowerBound
            file = Array(after[..<pagesStart] + before[pagesStart...])
            self.known = known
            self.after = after
            self.old = old
            self.new = new
            self.stranger = stranger
            self.places = places
        }

        private static func value(_ count: Int) -> [UInt8] {
            (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
        }

        func place(_ chunk: Handle) throws -> Range<Int> { try #require(places[chunk.raw]) }

        /// Has a chunk be as it was after the move.
        func take(_ chunk: Handle) throws {
            let place = try place(chunk)
            file.replaceSubrange(place, with: after[place])
        }

        func item(_ chunk: Handle, _ change: (ItemPointer) -> Void) throws {
            let place = try place(chunk)
            file.withUnsafeMutableBytes { change(ItemPointer(raw: $0.baseAddress! + place.lowerBound)) }
        }

        func part(_ chunk: Handle, _ change: (PartPointer) -> Void) throws {
            try item(chunk) { change(PartPointer(raw: $0.raw)) }
        }

        func setPhase(_ chunk: Handle, _ phase: ItemState.Phase) throws {
            try item(chunk) { $0.state = $0.state.with(phase: phase) }
        }

        /// A head's copy with everything in it but what links it.
        func takeReserved(_ chunk: Handle) throws {
            try take(chunk)
            try item(chunk) { $0.state = ItemState(raw: ItemState.Phase.reserved.rawValue) }
            let end = try place(chunk).upperBound
            for index in end - 8..<end { file[index] = 0 }
        }

        /// The store that the next process makes of the file.
        func open() throws -> FiledStore {
            try folder.write(file, to: folder.path + "/copy")
            return try reopen()
        }

        func reopen() throws -> FiledStore { try FiledStore(folder.path + "/copy", settings) }
    }

    /// Everything is there, twice over, and can be changed and removed.
    private func expectWhole(_ scene: Scene, _ what: String) throws {
        var store = try scene.open()
        for round in 1...2 {
            #expect(store.taken == scene.known.count, "\(what), round \(round)")
            for (key, seen) in scene.known { #expect(store.seen(key) == seen, "\(what), round \(round), \(key)") }
            store.store._checkInvariants()
            if round == 1 {
                store.close()
                store = try scene.reopen()
            }
        }
        // What its parts name counts from here on.
        for index in 0..<Self.chunkCount {
            #expect(store.withKey("chain") { store.session._relocate($0, chunk: index) }, "\(what), \(index)")
            store.store._checkInvariants()
        }
        #expect(store.seen("chain") == scene.known["chain"], "\(what)")
        #expect(store.store("chain", [1, 2, 3], StoreRequest(mode: .append)).result == .stored)
        #expect(store.value("chain") == (scene.known["chain"]?.value ?? []) + [1, 2, 3], "\(what)")
        store.store._checkInvariants()
        for key in scene.known.keys { #expect(store.delete(key) == .done, "\(what), \(key)") }
        #expect(store.store.itemCount == 0)
        store.store._checkInvariants()
    }

    /// Everything but the chain is there.
    private func expectRefused(_ scene: Scene, _ what: String) throws {
        let store = try scene.open()
        #expect(store.taken == scene.known.count - 1, "\(what)")
        #expect(store.seen("chain") == nil, "\(what)")
        for (key, seen) in scene.known where key != "chain" { #expect(store.seen(key) == seen, "\(what), \(key)") }
        store.store._checkInvariants()
        #expect(store.store("chain", [UInt8](repeating: 1, count: 150_000)).result == .stored)
        store.store._checkInvariants()
    }

    // MARK: Whole

    @Test func `of a head costs nothing, wherever it ends`() throws {
        let scene = try Scene(moving: 0)
        let (old, new) = (scene.old[0], scene.new[0])
        try expectWhole(scene, "nothing done")
        try scene.takeReserved(new)
        try expectWhole(scene, "the copy is there")
        for part in scene.new.dropFirst() {
            try scene.take(part)
            try expectWhole(scene, "part \(part.raw) names it")
        }
        try scene.take(new)
        try expectWhole(scene, "both are linked")
        try scene.setPhase(old, .detached)
        try expectWhole(scene, "the old one is detached")
        try scene.item(old) { $0.large($0.state).firstPart = Handle(raw: 0) }
        try expectWhole(scene, "the old one has no parts")
    }

    @Test(arguments: 1..<chunkCount)
    func `of a part costs nothing, wherever it ends`(index: Int) throws {
        let scene = try Scene(moving: index)
        try scene.take(scene.new[index])
        try expectWhole(scene, "the copy is there")
        try scene.take(scene.new[index - 1])
        try expectWhole(scene, "what is before it names it")
        if index + 1 < Self.chunkCount {
            try scene.take(scene.new[index + 1])
            try expectWhole(scene, "what is behind it names it")
        }
        try scene.setPhase(scene.old[index], .detached)
        try expectWhole(scene, "the old one is detached")
    }

    // MARK: Refused

    @Test func `parts that name another head are refused unless that is the copy, and unless they are the first`()
        throws
    {
        let scene = try Scene(moving: 0)
        let (old, new, parts) = (scene.old[0], scene.new[0], Array(scene.new.dropFirst()))
        try scene.takeReserved(new)
        for part in parts.prefix(2) { try scene.take(part) }
        let unfinished = scene.file

        for head in [0, 1, new.raw + 1, scene.stranger.raw, parts[1].raw, 1 << 28, .max] {
            scene.file = unfinished
            for part in parts.prefix(2) { try scene.part(part) { $0.head = Handle(raw: head) } }
            try expectRefused(scene, "head \(head)")
        }
        for (first, second, third) in [(old, new, old), (new, old, new), (new, scene.stranger, old)] {
            scene.file = unfinished
            for (part, head) in zip(parts, [first, second, third]) { try scene.part(part) { $0.head = head } }
            try expectRefused(scene, "heads \(first.raw), \(second.raw), \(third.raw)")
        }
        let place = try scene.place(new).lowerBound
        let state = ItemState(raw: scene.after[place + 7])
        let words = place + state.largeOffset
        // Key length, token, expiry, flags, sequence, total, inline bytes, first part, key, value.
        for index in [
            place + 6, place + 8, place + 16, place + 20, place + 24, words, words + 8, words + 12, words + 16,
            words + 16 + 5, words + 16 + 10_000,
        ] {
            scene.file = unfinished
            scene.file[index] ^= 1
            try expectRefused(scene, "another copy at \(index - place)")
        }
    }

    @Test func `a part that names another before it is refused unless that is a copy, and there is only one`() throws {
        let scene = try Scene(moving: 2)
        let (old, new) = (scene.old[2], scene.new)
        try scene.take(new[2])
        try scene.take(new[1])
        let unfinished = scene.file

        for previous in [0, 1, old.raw + 1, new[0].raw, new[1].raw, new[3].raw, scene.stranger.raw, 1 << 28, .max] {
            scene.file = unfinished
            try scene.part(new[3]) { $0.previous = Handle(raw: previous) }
            try expectRefused(scene, "previous \(previous)")
        }
        let changes: [(String, (PartPointer) -> Void)] = [
            ("head", { $0.head = scene.stranger }), ("next", { $0.next = new[4] }),
            ("previous", { $0.previous = Handle(raw: 0) }), ("length", { $0.length -= 1 }),
            ("hash", { $0.keyHash ^= 1 }),
            ("piece", { $0.piece.storeBytes(of: ~$0.piece.load(as: UInt8.self), as: UInt8.self) }),
            ("phase", { $0.item.state = ItemState(raw: 0) }),
            ("kind", { $0.item.access = AccessWord(segment: .cold, second: 1) }),
        ]
        for (name, change) in changes {
            scene.file = unfinished
            try scene.part(old, change)
            try expectRefused(scene, "another copy: \(name)")
        }
        scene.file = unfinished
        try scene.part(new[4]) { $0.previous = old }
        try expectRefused(scene, "two of them")
        scene.file = unfinished
        try scene.part(new[3]) { $0.next = new[2] }
        try expectRefused(scene, "a loop")
        scene.file = unfinished
        try scene.part(new[1]) { $0.head = scene.stranger }
        try expectRefused(scene, "another head as well")
    }
}
