/// The workers' counters, summed at one moment, less what they were at the last `stats reset`.
package struct CounterTotals: Sendable {
    /// The counters of one slab class.
    struct ClassTotals: Sendable {
        var getHits = 0
        var sets = 0
        var deleteHits = 0
        var incrHits = 0
        var decrHits = 0
        var casHits = 0
        var casMismatches = 0
        var touchHits = 0

        static func += (sum: inout ClassTotals, other: ClassTotals) {
            sum.getHits += other.getHits
            sum.sets += other.sets
            sum.deleteHits += other.deleteHits
            sum.incrHits += other.incrHits
            sum.decrHits += other.decrHits
            sum.casHits += other.casHits
            sum.casMismatches += other.casMismatches
            sum.touchHits += other.touchHits
        }

        static func -= (sum: inout ClassTotals, other: ClassTotals) {
            sum.getHits -= other.getHits
            sum.sets -= other.sets
            sum.deleteHits -= other.deleteHits
            sum.incrHits -= other.incrHits
            sum.decrHits -= other.decrHits
            sum.casHits -= other.casHits
            sum.casMismatches -= other.casMismatches
            sum.touchHits -= other.touchHits
        }
    }

    var meta = 0
    var getMisses = 0
    var touches = 0
    var touchMisses = 0
    var deleteMisses = 0
    var incrMisses = 0
    var decrMisses = 0
    var casMisses = 0
    var flushes = 0
    var storeTooLarge = 0
    var storeNoMemory = 0
    var logins = 0
    var loginFailures = 0
    var classes = [ClassTotals](repeating: ClassTotals(), count: CommandCounters.classCount)

    package init() {}

    /// All classes together.
    var hits: ClassTotals { classes.reduce(into: ClassTotals()) { $0 += $1 } }

    /// Adds what `worker` counted so far.
    mutating func add(_ worker: borrowing CommandCounters) {
        meta += worker.meta.total
        getMisses += worker.getMisses.total
        touches += worker.touches.total
        touchMisses += worker.touchMisses.total
        deleteMisses += worker.deleteMisses.total
        incrMisses += worker.incrMisses.total
        decrMisses += worker.decrMisses.total
        casMisses += worker.casMisses.total
        flushes += worker.flushes.total
        storeTooLarge += worker.storeTooLarge.total
        storeNoMemory += worker.storeNoMemory.total
        logins += worker.logins.total
        loginFailures += worker.loginFailures.total
        for id in classes.indices { classes[id] += worker.slabClass(id).totals }
    }

    static func -= (sum: inout CounterTotals, other: CounterTotals) {
        sum.meta -= other.meta
        sum.getMisses -= other.getMisses
        sum.touches -= other.touches
        sum.touchMisses -= other.touchMisses
        sum.deleteMisses -= other.deleteMisses
        sum.incrMisses -= other.incrMisses
        sum.decrMisses -= other.decrMisses
        sum.casMisses -= other.casMisses
        sum.flushes -= other.flushes
        sum.storeTooLarge -= other.storeTooLarge
        sum.storeNoMemory -= other.storeNoMemory
        sum.logins -= other.logins
        sum.loginFailures -= other.loginFailures
        for id in sum.classes.indices { sum.classes[id] -= other.classes[id] }
    }
}

extension SingleWriterCounter {
    var total: Int { Int(truncatingIfNeeded: value) }
}

extension UnsafeMutablePointer where Pointee == SlabClassCounters {
    var totals: CounterTotals.ClassTotals {
        CounterTotals.ClassTotals(
            getHits: pointee.getHits.total, sets: pointee.sets.total, deleteHits: pointee.deleteHits.total,
            incrHits: pointee.incrHits.total, decrHits: pointee.decrHits.total, casHits: pointee.casHits.total,
            casMismatches: pointee.casMismatches.total, touchHits: pointee.touchHits.total)
    }
}
