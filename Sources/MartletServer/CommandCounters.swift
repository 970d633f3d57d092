import MartletStore

/// What the commands of one worker count: written by the executor, in the worker's thread only.
///
/// Everything that memcached tells per slab class is counted there and summed for the totals, so a get touches one
/// counter, not two. Row 0 is for commands that knew no class, such as a store that was refused.
package struct CommandCounters: ~Copyable {
    /// Rows of `classes`; a class beyond them would share the last row.
    package static let classCount = 256

    /// `me` commands: of the meta commands memcached counts only these there (`cmd_meta`).
    package let meta = SingleWriterCounter()
    package let getMisses = SingleWriterCounter()
    /// touch, gat, gats, and mg with `T` (`cmd_touch`).
    package let touches = SingleWriterCounter()
    package let touchMisses = SingleWriterCounter()
    package let deleteMisses = SingleWriterCounter()
    package let incrMisses = SingleWriterCounter()
    package let decrMisses = SingleWriterCounter()
    package let casMisses = SingleWriterCounter()
    /// flush_all, refused ones included.
    package let flushes = SingleWriterCounter()
    /// Values refused for being over the largest item, and for want of memory.
    package let storeTooLarge = SingleWriterCounter()
    package let storeNoMemory = SingleWriterCounter()

    /// Tokens checked (`auth_cmds`), and those of them that were refused (`auth_errors`).
    package let logins = SingleWriterCounter()
    package let loginFailures = SingleWriterCounter()

    private let rows: UnsafeMutablePointer<SlabClassCounters>

    package init() {
        rows = OwnLines.allocate(SlabClassCounters.self, count: Self.classCount)
        for index in 0..<Self.classCount { (rows + index).initialize(to: SlabClassCounters()) }
    }

    deinit {
        rows.deinitialize(count: Self.classCount)
        rows.deallocate()
    }

    /// The counters of a slab class; any number is safe.
    package func slabClass(_ id: Int) -> UnsafeMutablePointer<SlabClassCounters> {
        rows + Int(min(UInt(bitPattern: id), UInt(Self.classCount - 1)))
    }
}

/// One worker's commands on the items of one slab class.
package struct SlabClassCounters: ~Copyable {
    package let getHits = SingleWriterCounter()
    /// Storage commands that got as far as the store, whatever came of them (`cmd_set`).
    package let sets = SingleWriterCounter()
    package let deleteHits = SingleWriterCounter()
    package let incrHits = SingleWriterCounter()
    package let decrHits = SingleWriterCounter()
    package let casHits = SingleWriterCounter()
    /// cas and compared tokens that did not match (`cas_badval`).
    package let casMismatches = SingleWriterCounter()
    package let touchHits = SingleWriterCounter()

    package init() {}
}
