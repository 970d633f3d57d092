import Glibc
import Synchronization

/// The first part of a memory file with seals (`-o restart_checksums`): what the next process needs if this one dies.
///
///     off size
///       0    . words: their number n | a SavedState without lists, n words | stripes | pages | boot id, 2 | sum
///    2048    8 wall milliseconds at server second 0    written about every fifth of a second
///    2056    8 server second
///    2064    8 server second of a flush that is still to come, 0 for none
///    4096    . stripes         64 each, those that the table uses
///       .    . page facts      64 each, those that the store uses
///
/// 1. The first word is 0 while nothing may be taken up: from the start until the store is complete, and from a planned
///    stop on, when FILE.meta says all.
/// 2. Whatever is written here while the store is used is written a word at a time, and each word is right by itself;
///    of stripes, `flushedThrough` has a check of its own.
/// 3. It is believed only in the boot that wrote it: then memory is what the process left. After a crash of the machine
///    a file system may have kept some of it and not the rest, all with the right seals: items that had been replaced.
struct LiveHead {
    private let start: UnsafeMutableRawPointer
    private let mappedBytes: Int
    private let stripeCount: Int

    private static let timeOffset = 2048
    private static let stripesOffset = 4096

    static func bytes(stripeCount: Int, pageCount: Int) -> Int {
        let bytes = stripesOffset + stripeCount * Stripe.bytes + pageCount * Page.bytes
        return (bytes + 0xffff) & ~0xffff
    }

    init(_ descriptor: Int32, stripeCount: Int, headBytes: Int) throws(StoreCreationError) {
        guard let mapped = mmap(nil, headBytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0),
            mapped != MAP_FAILED
        else { throw MemoryFile.failure("cannot map the memory file", errno) }
        madvise(mapped, headBytes, MADV_DONTDUMP)
        // Rule 1. What was there has been read.
        mapped.initializeMemory(as: UInt8.self, repeating: 0, count: headBytes)
        start = mapped
        mappedBytes = headBytes
        self.stripeCount = stripeCount
    }

    func unmap() { munmap(start, mappedBytes) }

    var stripes: UnsafeMutableRawPointer { start + Self.stripesOffset }
    var pageFacts: UnsafeMutableRawPointer { stripes + stripeCount * Stripe.bytes }

    // MARK: Writing

    /// Rule 1, first half: from now on what is here counts. `state` has no lists.
    func open(_ state: SavedState, pageCount: Int) {
        var words = state.words
        words = [UInt64(words.count)] + words + [UInt64(stripeCount), UInt64(pageCount)] + Self.bootWords
        words.append(Self.sum(words, state))
        precondition(words.count * 8 <= Self.timeOffset, "a live head has outgrown its room")
        for index in words.indices.dropFirst() {
            start.storeBytes(of: words[index], toByteOffset: index * 8, as: UInt64.self)
        }
        word(0).pointee.store(words[0], ordering: .releasing)
    }

    /// Rule 1, second half.
    func shut() { word(0).pointee.store(0, ordering: .sequentiallyConsistent) }

    func note(second: UInt32, zeroMilliseconds: Int64) {
        word(Self.timeOffset).pointee.store(UInt64(bitPattern: zeroMilliseconds), ordering: .relaxed)
        word(Self.timeOffset + 8).pointee.store(UInt64(second), ordering: .relaxed)
    }

    func note(pendingFlush second: UInt32) {
        word(Self.timeOffset + 16).pointee.store(UInt64(second), ordering: .relaxed)
    }

    private func word(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
        (start + offset).assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    private static func sum(_ words: [UInt64], _ state: SavedState) -> UInt64 {
        MemorySum(secret: state.secret)(words, seed: 0x6c69_7665)
    }

    /// Two words that are others after each start of the machine.
    private static var bootWords: [UInt64] {
        let descriptor = Glibc.open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [0, 0] }
        defer { Glibc.close(descriptor) }
        var text = [UInt8](repeating: 0, count: 64)
        let count = Glibc.read(descriptor, &text, text.count)
        return [UInt64(max(0, count)), MemorySum(secret: (1, 2))(text, max(0, count), seed: 0)]
    }

    // MARK: Reading

    /// What a process that has died left; nil if it left nothing. Throws why that is of no use.
    static func read(_ descriptor: Int32) throws(SavedState.Unusable) -> SavedState? {
        guard let words = MemoryFile.words(of: descriptor, at: 0, count: stripesOffset / 8), words[0] != 0 else {
            return nil
        }
        guard words[0] < 128 else { throw SavedState.Unusable("is damaged") }
        let count = Int(words[0])
        var state = try SavedState(words: Array(words[1...count]))
        guard sum(Array(words[...(count + 4)]), state) == words[count + 5] else {
            throw SavedState.Unusable("is damaged")
        }
        let boot = Array(words[count + 3...count + 4])
        guard boot == bootWords, boot[0] > 0 else {
            throw SavedState.Unusable("was left before the machine was started")
        }
        // Neither is more than what a store could have; both are compared with it later.
        guard words[count + 1] <= 1 << 24, words[count + 2] <= 1 << 28 else { throw SavedState.Unusable("is damaged") }
        let (stripeCount, pageCount) = (Int(words[count + 1]), Int(words[count + 2]))
        let time = timeOffset / 8
        state.zeroMilliseconds = Int64(bitPattern: words[time])
        guard words[time + 1] <= UInt64(UInt32.max), words[time + 2] <= UInt64(UInt32.max) else {
            throw SavedState.Unusable("is damaged")
        }
        state.second = UInt32(words[time + 1])
        state.pendingFlush = UInt32(words[time + 2])
        let factCount = (stripeCount * Stripe.bytes + pageCount * Page.bytes) / 8
        var file = stat()
        guard fstat(descriptor, &file) == 0, Int(file.st_size) >= stripesOffset + 8 * factCount,
            let facts = MemoryFile.words(of: descriptor, at: stripesOffset, count: factCount)
        else {
            throw SavedState.Unusable("has been cut off")
        }
        facts.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            state.takeStripes(start, count: stripeCount)
            state.takePages(start + stripeCount * Stripe.bytes, count: pageCount)
        }
        return state
    }
}

extension SavedState {
    /// Rule 2. A stripe whose words do not belong together has everything flushed, whatever its token.
    fileprivate mutating func takeStripes(_ start: UnsafeRawPointer, count: Int) {
        var bucketCount = 0
        for index in 0..<count {
            let stripe = (start + index * MartletStore.Stripe.bytes).assumingMemoryBound(to: MartletStore.Stripe.self)
            bucketCount += Int(stripe.pointee.bucketCount.load(ordering: .relaxed))
            var sequence = stripe.pointee.sequence
            if sequence > SavedState.sequenceMax { sequence = 0 }
            let isWhole =
                stripe.pointee.flushCheck == MartletStore.Stripe.flushCheck(stripe.pointee.flushedThrough, index)
            stripes.append(
                Stripe(sequence: sequence, flushedThrough: isWhole ? stripe.pointee.flushedThrough : UInt64.max))
        }
        rowCount = UInt32(clamping: max(1, bucketCount / max(1, count)))
    }

    fileprivate mutating func takePages(_ start: UnsafeRawPointer, count: Int) {
        for index in 0..<count {
            let page = (start + index * MartletStore.Page.bytes).assumingMemoryBound(to: MartletStore.Page.self)
            let owner = PageOwner(raw: page.pointee.owner.load(ordering: .relaxed))
            pages.append(Page(slabClass: owner.slabClass, bump: Int(page.pointee.bump)))
        }
        while pages.last?.slabClass == 0 { pages.removeLast() }
    }
}

extension MemorySum {
    fileprivate func callAsFunction(_ bytes: [UInt8], _ count: Int, seed: UInt64) -> UInt64 {
        bytes.withUnsafeBytes { $0.baseAddress.map { self($0, count, seed: seed) } ?? 0 }
    }
}
