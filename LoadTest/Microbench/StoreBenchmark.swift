import Glibc
import MartletStore

/// Store operations in process, without protocol and sockets: nanoseconds of thread CPU per operation, the least of
/// several rounds.
struct StoreBenchmark: ~Copyable {
    private let store: CacheStore
    let session: StoreSession
    private let keyCount: Int
    let keys: UnsafeMutableRawPointer
    private let hashes: UnsafeMutablePointer<UInt64>
    private let order: UnsafeMutablePointer<Int32>
    private let value: UnsafeMutableRawPointer
    private let sink: UnsafeMutableRawPointer

    static let keyBytes = 20
    static let valueBytes = 100
    static let batch = 32
    static let operations = 1 << 20

    init(keyCount: Int, memoryBytes: Int) throws(StoreCreationError) {
        var settings = StoreSettings()
        settings.memoryLimitBytes = memoryBytes
        store = try CacheStore(settings: settings, secret: (0x9e37_79b9_7f4a_7c15, 0xbf58_476d_1ce4_e5b9), now: 10)
        session = store.makeSession()
        self.keyCount = keyCount
        keys = .allocate(byteCount: keyCount * Self.keyBytes, alignment: 64)
        hashes = .allocate(capacity: keyCount)
        order = .allocate(capacity: Self.operations)
        value = .allocate(byteCount: 4096, alignment: 64)
        sink = .allocate(byteCount: 8192, alignment: 64)
        value.initializeMemory(as: UInt8.self, repeating: 0x61, count: 4096)
        var random: UInt64 = 42
        for index in 0..<Self.operations {
            random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            order[index] = Int32((random >> 33) % UInt64(keyCount))
        }
        for index in 0..<keyCount {
            let start = keys + index * Self.keyBytes
            var number = index
            for position in (0..<Self.keyBytes).reversed() {
                (start + position).storeBytes(of: UInt8(0x30 + number % 10), as: UInt8.self)
                number /= 10
            }
        }
    }

    deinit {
        store.destroy()
        keys.deallocate()
        hashes.deallocate()
        order.deallocate()
        value.deallocate()
        sink.deallocate()
    }

    func run() {
        fill()
        report("get, one at a time") { gets(prefetched: false) }
        report("get, batches of 32") { gets(prefetched: true) }
        report("set, overwrite in place") { sets(length: Self.valueBytes) }
        report("set, other class each time") { alternatingSets() }
        report("incr-like token change (append 0 B)") { appends() }
    }

    func fill() {
        for index in 0..<keyCount { set(index, length: Self.valueBytes) }
    }

    func key(_ index: Int) -> ItemKey {
        let start = UnsafeRawPointer(keys + index * Self.keyBytes)
        return ItemKey(bytes: start, count: Self.keyBytes, hash: session.hash(start, Self.keyBytes))
    }

    func set(_ index: Int, length: Int) {
        let bytes = UnsafeRawBufferPointer(start: value, count: length)
        let outcome = session.store(key(index), bytes, StoreRequest(mode: .set))
        precondition(outcome.result == .stored)
    }

    func get(_ key: ItemKey) {
        if let hold = session.hold(key) { hold.copyValue(to: sink) }
    }

    func gets(prefetched: Bool) {
        var index = 0
        while index < Self.operations {
            if prefetched {
                for offset in 0..<Self.batch {
                    let start = UnsafeRawPointer(keys + Int(order[index + offset]) * Self.keyBytes)
                    hashes[offset] = session.hashAndPrefetch(start, Self.keyBytes)
                }
                session.prefetchItems(hashes: hashes, stride: 8, count: Self.batch)
                for offset in 0..<Self.batch {
                    let start = UnsafeRawPointer(keys + Int(order[index + offset]) * Self.keyBytes)
                    get(ItemKey(bytes: start, count: Self.keyBytes, hash: hashes[offset]))
                }
            } else {
                for offset in 0..<Self.batch { get(key(Int(order[index + offset]))) }
            }
            index += Self.batch
        }
    }

    /// Of keys in random order, for their sum.
    func hashes(_ count: Int) {
        var sum: UInt64 = 0
        for index in 0..<count {
            sum &+= session.hash(UnsafeRawPointer(keys + Int(order[index]) * Self.keyBytes), Self.keyBytes)
        }
        hashes[0] = sum
    }

    func sets(length: Int) {
        for index in 0..<Self.operations { set(Int(order[index]), length: length) }
    }

    private func alternatingSets() {
        for index in 0..<Self.operations { set(Int(order[index]), length: Self.valueBytes + (index & 1) * 40) }
    }

    private func appends() {
        let empty = UnsafeRawBufferPointer(start: value, count: 0)
        for index in 0..<Self.operations {
            _ = session.store(key(Int(order[index])), empty, StoreRequest(mode: .append))
        }
    }

    private func report(_ name: String, _ body: () -> Void) {
        var least = Double.infinity
        for _ in 0..<5 {
            let start = Self.threadNanoseconds()
            body()
            least = min(least, Double(Self.threadNanoseconds() - start) / Double(Self.operations))
        }
        print("  \(name): \(Int(least.rounded())) ns")
    }

    static func threadNanoseconds() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }
}
