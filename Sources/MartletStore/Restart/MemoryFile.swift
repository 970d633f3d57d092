import CShims
import Glibc

/// The file that the arena is mapped from (`-e FILE`), and FILE.meta beside it.
///
///     FILE         what `LiveHead` describes, only with seals | page 0 | page 1 | ...
///     FILE.meta    a `SavedState`
///
/// 1. FILE is locked (`flock`) as long as a store uses it: two servers on one file would be the end of both.
/// 2. FILE.meta is written at a planned stop, after everything else, as a file of another name that is then renamed: it
///    is whole or not there.
/// 3. It is read, and removed, before anything of FILE is touched: what a server has begun to change is never taken for
///    what another has left. If it cannot be removed, that ends the start.
/// 4. FILE.meta without FILE ends the start: something has gone wrong that an operator should know of before the cache
///    is gone. With both there, whatever is wrong with them means an empty cache and a sentence (`remark`).
/// 5. What FILE may hold is taken from the file system before it is touched (`PageBacking`): a full one is an error at
///    start and a store refused later, never a signal.
///
/// One thread at a time. Lives at least as long as the store that is made with it.
package final class MemoryFile {
    package let path: String
    let descriptor: Int32
    /// What can be taken up; nil for an empty cache.
    package private(set) var saved: SavedState?
    /// Whether `saved` comes from a live file that nobody has closed, in which only what is sealed counts.
    package private(set) var isLive = false
    /// What to tell the operator.
    package private(set) var remark: String?
    private let settings: SavedSettings

    package var metaPath: String { path + ".meta" }

    /// Opens, and creates where there is none, the file at `path`.
    package init(path: String, settings: StoreSettings) throws(StoreCreationError) {
        self.path = path
        self.settings = SavedSettings(settings)
        let meta = open(path + ".meta", O_RDONLY | O_CLOEXEC | O_NOCTTY)
        guard meta >= 0 || errno == ENOENT else { throw Self.failure("cannot open \(path).meta", errno) }
        defer { if meta >= 0 { close(meta) } }
        var found = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY)
        if found < 0, errno == ENOENT {
            if meta >= 0 {
                throw .file("\(path).meta is there, but \(path) is not; remove it to start with an empty cache")
            }
            found = open(path, O_RDWR | O_CLOEXEC | O_CREAT | O_EXCL | O_NOCTTY, 0o600)
        }
        guard found >= 0 else { throw Self.failure("cannot open \(path)", errno) }
        descriptor = found
        do throws(StoreCreationError) {
            try lock()
            if meta >= 0 { try takeMeta(meta) } else { lookForLive(settings) }
        } catch {
            close(descriptor)
            throw error
        }
    }

    deinit { close(descriptor) }

    /// Has the store start empty, for `reason`.
    package func forget(because reason: String) {
        saved = nil
        isLive = false
        remark = "\(reason); starting with an empty cache"
    }

    /// What was saved has been taken up, and takes memory.
    func release() {
        saved = nil
        isLive = false
    }

    /// Gives up what was saved if it does not fit a store of this geometry and so many stripes.
    func compare(_ geometry: SlabGeometry, stripeCount: Int, pageCountMax: Int) {
        guard let saved else { return }
        var wanted = settings
        wanted.geometry = geometry.digest
        if let difference = saved.settings.difference(from: wanted) {
            return forget(because: "\(path) was written with different settings: \(difference)")
        }
        let fits = saved.pages.allSatisfy { page in
            page.slabClass <= geometry.classCount
                && (page.slabClass == 0 || page.bump <= geometry.chunksPerPage(page.slabClass))
        }
        let isInOrder = saved.stripes.allSatisfy { $0.sequence <= SavedState.sequenceMax }
        if !fits || !isInOrder || saved.pages.count > pageCountMax || saved.stripes.count != stripeCount
            || saved.classes.count > geometry.classCount + 1
        {
            forget(because: "\(metaPath) does not fit its own settings")
        }
    }

    /// A file that nobody has closed may say, being damaged, that it has pages far behind its end. There is nothing in
    /// them, and taking room for each of them would take long. `headBytes`: in front of the first page.
    func forgetPagesBeyondEnd(headBytes: Int, pageShift: Int) {
        guard isLive, let count = saved?.pages.count else { return }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else { return }
        let there = max(0, Int(facts.st_size) - headBytes) >> pageShift
        if count > there { saved?.pages.removeLast(count - there) }
    }

    /// Its length if all of it is surely allocated, otherwise 0. Only tmpfs counts nothing but the file's own bytes.
    var wholeBytes: Int {
        var facts = stat()
        guard cshims_is_tmpfs(descriptor), fstat(descriptor, &facts) == 0, facts.st_blocks * 512 >= facts.st_size else {
            return 0
        }
        return Int(facts.st_size)
    }

    /// Rule 2. Returns why it could not be written, or nil.
    func write(_ state: SavedState) -> String? {
        let fresh = metaPath + ".tmp"
        let output = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard output >= 0 else { return "cannot write \(fresh): \(Self.reason(errno))" }
        let isWritten = state.words.withUnsafeBytes { bytes in
            var sent = 0
            while sent < bytes.count {
                let count = Glibc.write(output, bytes.baseAddress! + sent, bytes.count - sent)
                if count <= 0 { return false }
                sent += count
            }
            return fsync(output) == 0
        }
        let failure = isWritten ? 0 : errno
        close(output)
        if isWritten, rename(fresh, metaPath) == 0 { return nil }
        let sentence = "cannot write \(metaPath): \(Self.reason(isWritten ? errno : failure))"
        unlink(fresh)
        return sentence
    }

    // MARK: Setting up

    private func lock() throws(StoreCreationError) {
        if flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            if errno == EWOULDBLOCK { throw .file("\(path) is in use by another server") }
            throw Self.failure("cannot lock \(path)", errno)
        }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else {
            throw .file("\(path) is not a regular file")
        }
        // Whoever owns it can read what is in it.
        guard facts.st_uid == geteuid() else { throw .file("\(path) belongs to another user") }
    }

    /// Rules 3 and 4.
    private func takeMeta(_ meta: Int32) throws(StoreCreationError) {
        let words = Self.words(of: meta)
        if unlink(metaPath) != 0 { throw Self.failure("cannot remove \(metaPath)", errno) }
        guard let words else { return forget(because: "\(metaPath) is damaged") }
        do throws(SavedState.Unusable) {
            saved = try SavedState(words: words)
        } catch {
            forget(because: "\(metaPath) \(error.reason)")
        }
    }

    private func lookForLive(_ settings: StoreSettings) {
        remark = "no \(metaPath); starting with an empty cache"
        guard settings.sealsItems else { return }
        do throws(SavedState.Unusable) {
            guard let left = try LiveHead.read(descriptor) else { return }
            saved = left
            isLive = true
            remark = "\(path) was left by a server that did not stop in order; taking up what is provably whole"
        } catch {
            forget(because: "\(path) \(error.reason)")
        }
    }

    /// The whole file as words; nil if it has no whole number of them, or far too many.
    private static func words(of descriptor: Int32) -> [UInt64]? {
        var facts = stat()
        guard fstat(descriptor, &facts) == 0, facts.st_size > 0, facts.st_size % 8 == 0, facts.st_size <= 1 << 30 else {
            return nil
        }
        return words(of: descriptor, at: 0, count: Int(facts.st_size) / 8)
    }

    /// `count` words from byte `offset` on; nil if there are not so many.
    static func words(of descriptor: Int32, at offset: Int, count: Int) -> [UInt64]? {
        var words = [UInt64](repeating: 0, count: count)
        let isRead = words.withUnsafeMutableBytes { bytes in
            var filled = 0
            while filled < bytes.count {
                let got = pread(descriptor, bytes.baseAddress! + filled, bytes.count - filled, off_t(offset + filled))
                if got <= 0 { return false }
                filled += got
            }
            return true
        }
        return isRead ? words : nil
    }

    static func failure(_ what: String, _ code: Int32) -> StoreCreationError { .file("\(what): \(reason(code))") }

    static func reason(_ code: Int32) -> String { String(cString: strerror(code)) }
}
