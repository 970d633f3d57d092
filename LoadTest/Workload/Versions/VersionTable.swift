import Glibc
import Synchronization

/// Which versions of each key a correct server may return: shared by all threads of a run, one word a key.
///
/// 1. A write takes the next version (`beginWrite`) and puts it into the value (`ValueStamp`). A key has at most one
///    write under way, so its versions are in the order in which the server saw them.
/// 2. When the answer is there, `endWrite` says what became of it. After an acknowledged write the floor is its
///    version: a read that is sent later must not return an older one.
/// 3. A read takes the `word` when it is sent and gives it back to `judge` with the version found. What a read has
///    returned, later reads must not fall behind: the floor rises.
/// 4. A store whose answer never came may happen at any later time. The floor then never passes its version.
/// 5. An acknowledged delete takes a version too: a read sent later that returns an older one has seen the dead.
/// 6. A miss is always allowed (evicted, expired, lost), but where the caller demands otherwise: `judgeMiss`.
/// 7. Where items have lives, `judge` finds what should have expired (`expirySlackSeconds` late).
/// 8. Before the first acknowledged write of a key everything is good: the value may be another run's.
///
/// Memory: 8 bytes for each key, 12 with lives, touched only where keys are used. Key numbers from `keyCount` on,
/// counters for one, are not followed: their writes get version 1 and every version is good.
/// A handle: copies mean the same table. Any thread may call anything but `deallocate`.
// Reason: all words behind the pointers are atomic.
package struct VersionTable: BitwiseCopyable, @unchecked Sendable {
    package static let keysMax: UInt64 = 1 << 27
    /// Servers count seconds, and ask the clock once a second.
    package static let expirySlackSeconds: UInt32 = 2

    private let words: UnsafeMutablePointer<Atomic<UInt64>>
    /// When the last acknowledged version of each key expires, in seconds of the caller's clock; 0: never.
    let expirySeconds: UnsafeMutablePointer<Atomic<UInt32>>?
    package let keyCount: UInt64

    package init(keyCount: UInt64, withLives: Bool = false) throws(WorkloadError) {
        guard keyCount <= Self.keysMax else {
            throw WorkloadError(
                "values of \(keyCount) keys cannot be followed, but of \(Self.keysMax) at most; use fewer keys or "
                    + "check less")
        }
        self.keyCount = keyCount
        words = try Self.zeroes(keyCount, Atomic<UInt64>.self)
        do {
            expirySeconds = withLives ? try Self.zeroes(keyCount, Atomic<UInt32>.self) : nil
        } catch {
            munmap(words, Self.bytes(keyCount, Atomic<UInt64>.self))
            throw error
        }
    }

    /// Once, when no thread uses the table any more.
    package func deallocate() {
        munmap(words, Self.bytes(keyCount, Atomic<UInt64>.self))
        if let expirySeconds { munmap(expirySeconds, Self.bytes(keyCount, Atomic<UInt32>.self)) }
    }

    private static func bytes<Word: ~Copyable>(_ count: UInt64, _: Word.Type) -> Int {
        max(1, Int(count)) * MemoryLayout<Word>.stride
    }

    /// Pages of zeros, taken from the system one by one as they are used.
    private static func zeroes<Word: ~Copyable>(
        _ count: UInt64, _ type: Word.Type
    ) throws(WorkloadError) -> UnsafeMutablePointer<Word> {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        guard let address = mmap(nil, bytes(count, type), PROT_READ | PROT_WRITE, flags, -1, 0), address != MAP_FAILED
        else { throw WorkloadError("no memory for the versions of \(count) keys") }
        return address.assumingMemoryBound(to: type)
    }

    /// Where the key's word is; nil: it is not followed.
    @inline(__always)
    func index(_ key: UInt64) -> Int? {
        let number = KeySpace.number(of: key)
        return number < keyCount && key & KeySpace.counterBit == 0 ? Int(truncatingIfNeeded: number) : nil
    }

    /// What is known about `key` now; of a key that is not followed, nothing.
    package func word(_ key: UInt64) -> VersionWord {
        guard let index = index(key) else { return VersionWord(raw: 0) }
        return VersionWord(raw: words[index].load(ordering: .acquiring))
    }

    /// Replaces the key's word by what `change` makes of it, again until nobody came between; nil: left as it is.
    @inline(__always)
    func change(_ index: Int, _ change: (inout VersionWord) -> Bool) -> VersionWord? {
        let word = words + index
        var before = word.pointee.load(ordering: .acquiring)
        while true {
            var after = VersionWord(raw: before)
            guard change(&after) else { return nil }
            let (done, found) = word.pointee.compareExchange(
                expected: before, desired: after.raw, ordering: .acquiringAndReleasing)
            if done { return after }
            before = found
        }
    }
}
