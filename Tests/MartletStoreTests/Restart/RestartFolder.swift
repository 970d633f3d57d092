import Glibc
import MartletStore
import StoreTesting

/// A folder with a memory file, in which one store follows the other. It goes away with everything in it.
final class RestartFolder {
    let path: String

    init() throws {
        var template = Array("/tmp/martlet-restart.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure(what: "mkdtemp") }
        path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    }

    deinit {
        for name in ["mem", "mem.meta", "mem.meta.tmp", "copy", "copy.meta"] { unlink("\(path)/\(name)") }
        rmdir(path)
    }

    struct Failure: Error { let what: String }

    var file: String { path + "/mem" }
    var meta: String { path + "/mem.meta" }

    static func settings(megabytes: Int = 4, seals: Bool = false) -> StoreSettings {
        var settings = StoreSettings()
        settings.memoryLimitBytes = megabytes << 20
        settings.sealsItems = seals
        return settings
    }

    // MARK: Files

    func bytes(_ path: String) -> [UInt8] {
        guard let file = fopen(path, "r") else { return [] }
        defer { fclose(file) }
        fseek(file, 0, SEEK_END)
        let size = ftell(file)
        rewind(file)
        return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            count = fread(buffer.baseAddress, 1, size, file)
        }
    }

    func write(_ bytes: [UInt8], to path: String) throws {
        guard let file = fopen(path, "w") else { throw Failure(what: "fopen") }
        defer { fclose(file) }
        if fwrite(bytes, 1, bytes.count, file) != bytes.count { throw Failure(what: "fwrite") }
    }
}

/// A store with a memory file and a session, as a server makes it: with what the file has for it, or else empty.
final class FiledStore: StoreUser {
    static let freshSecret: (UInt64, UInt64) = (0x0f1e_2d3c_4b5a_6978, 0x1020_3040_5060_7080)

    let store: CacheStore
    let session: StoreSession
    /// What was taken up, nil for an empty start.
    let taken: Int?
    let remark: String?
    private let now: UInt32
    private var isClosed = false

    init(_ path: String, _ settings: StoreSettings, now: UInt32 = 100, threadCount: Int = 2) throws {
        let file = try MemoryFile(path: path, settings: settings)
        var made = try CacheStore(
            settings: settings, secret: file.saved?.secret ?? Self.freshSecret, now: now, file: file)
        var count: Int?
        if made.canTakeUp {
            count = made.takeUp(now: now, threadCount: threadCount, onThreads)
            if count == nil {
                made.destroy()
                made = try CacheStore(settings: settings, secret: Self.freshSecret, now: now, file: file)
            }
        }
        made.openFile(now: now, zeroMilliseconds: 0)
        store = made
        taken = count
        remark = file.remark
        self.now = now
        session = store.makeSession()
        session.setNow(now)
    }

    deinit { close() }

    /// Ends the store and lets go of the file, which stays as it is.
    func close() {
        guard !isClosed else { return }
        isClosed = true
        #if DEBUG
        store._setHook(nil)
        #endif
        store.destroy()
    }

    /// Ends the store as a planned stop does.
    func handOn(now: UInt32? = nil) throws {
        let failure = store.handOn(now: now ?? self.now, zeroMilliseconds: 0, threadCount: 2, onThreads)
        close()
        if let failure { throw RestartFolder.Failure(what: failure) }
    }

    /// Everything that a client can see of an item.
    struct Seen: Equatable {
        let value: [UInt8]
        let token: UInt64
        let flags: UInt32
        let expiry: UInt32
    }

    func seen(_ key: String) -> Seen? {
        hold(key, bump: false) { Seen(value: $0.bytes, token: $0.token, flags: $0.clientFlags, expiry: $0.expiry) }
    }
}
