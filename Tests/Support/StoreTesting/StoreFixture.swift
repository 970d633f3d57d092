import MartletStore

/// A store with one session of its own.
package final class StoreFixture: StoreUser {
    package static let secret: (UInt64, UInt64) = (0x1234_5678_9abc_def1, 0xfedc_ba98_7654_3217)

    package let store: CacheStore
    package let session: StoreSession

    package init(_ settings: StoreSettings = StoreSettings(), now: UInt32 = 100) throws {
        store = try CacheStore(settings: settings, secret: Self.secret, now: now)
        session = store.makeSession()
        session.setNow(now)
    }

    package convenience init(megabytes: Int, itemBytesMax: Int? = nil, now: UInt32 = 100) throws {
        var settings = StoreSettings()
        settings.memoryLimitBytes = megabytes << 20
        settings.itemBytesMax = itemBytesMax ?? min(1 << 20, settings.memoryLimitBytes / 2)
        try self.init(settings, now: now)
    }

    /// Sessions for other threads, or for somebody who comes in between.
    package func clients(_ count: Int) -> [StoreClient] {
        (0..<count).map { _ in
            let client = StoreClient(session: store.makeSession())
            client.session.setNow(session.now)
            return client
        }
    }

    /// Different keys with one and the same hash: eight bytes equal to the second half of the secret make the product
    /// in the hash of a 16-byte key nought, whatever the other eight are. Nobody without the secret can do this.
    package static func collidingKey(_ number: Int) -> [UInt8] {
        withUnsafeBytes(of: secret.1.littleEndian) { Array($0) }
            + withUnsafeBytes(of: UInt64(number).littleEndian) { Array($0) }
    }

    deinit {
        #if DEBUG
        store._setHook(nil)
        #endif
        store.destroy()
    }

    /// Maintenance passes until there is nothing left to do; false if that takes more than `passesMax`.
    package func maintain(now: UInt32? = nil, passesMax: Int = 10_000) -> Bool {
        for _ in 0..<passesMax where !store.maintain(now: now ?? session.now) { return true }
        return false
    }
}
