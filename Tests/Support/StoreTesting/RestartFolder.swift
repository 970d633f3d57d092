import Glibc
import MartletStore

/// A folder with a memory file, in which one store follows the other. It goes away with everything in it.
package final class RestartFolder {
    package let path: String

    /// Where the kernel keeps files in memory, if it does.
    package static let memory = "/dev/shm"

    package init(in folder: String = "/tmp") throws {
        var template = Array("\(folder)/martlet-restart.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure(what: "mkdtemp") }
        path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    }

    deinit {
        for name in ["mem", "mem.meta", "mem.meta.tmp", "copy", "copy.meta"] { unlink("\(path)/\(name)") }
        rmdir(path)
    }

    package struct Failure: Error { package let what: String }

    package var file: String { path + "/mem" }
    package var meta: String { path + "/mem.meta" }

    package static func settings(megabytes: Int = 4, seals: Bool = false) -> StoreSettings {
        var settings = StoreSettings()
        settings.memoryLimitBytes = megabytes << 20
        settings.sealsItems = seals
        return settings
    }

    // MARK: Files

    package func bytes(_ path: String) -> [UInt8] {
        guard let file = fopen(path, "r") else { return [] }
        defer { fclose(file) }
        fseek(file, 0, SEEK_END)
        let size = ftell(file)
        rewind(file)
        return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            count = fread(buffer.baseAddress, 1, size, file)
        }
    }

    package func write(_ bytes: [UInt8], to path: String) throws {
        guard let file = fopen(path, "w") else { throw Failure(what: "fopen") }
        defer { fclose(file) }
        if fwrite(bytes, 1, bytes.count, file) != bytes.count { throw Failure(what: "fwrite") }
    }
}

/// A store with a memory file and a session, as a server makes it: with what the file has for it, or else empty.
package final class FiledStore: StoreUser {
    package static let freshSecret: (UInt64, UInt64) = (0x0f1e_2d3c_4b5a_6978, 0x1020_3040_5060_7080)

    package let store: CacheStore
    package let session: StoreSession
    /// What was taken up, nil for an empty start.
    package let taken: Int?
    package let remark: String?
    private let now: UInt32
    private var isClosed = false

    package init(_ path: String, _ settings: StoreSettings, now: UInt32 = 100, threadCount: Int = 2) throws {
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
    package func close() {
        guard !isClosed else { return }
        isClosed = true
        #if DEBUG
        store._setHook(nil)
        #endif
        store.destroy()
    }

    /// Ends the store as a planned stop does.
    package func handOn(now: UInt32? = nil) throws {
        let failure = store.handOn(now: now ?? self.now, zeroMilliseconds: 0, threadCount: 2, onThreads)
        close()
        if let failure { throw RestartFolder.Failure(what: failure) }
    }

    /// Everything that a client can see of an item.
    package struct Seen: Equatable {
        package let value: [UInt8]
        package let token: UInt64
        package let flags: UInt32
        package let expiry: UInt32
    }

    package func seen(_ key: String) -> Seen? {
        hold(key, bump: false) { Seen(value: $0.bytes, token: $0.token, flags: $0.clientFlags, expiry: $0.expiry) }
    }
}
