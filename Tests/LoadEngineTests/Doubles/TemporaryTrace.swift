import Foundation

/// A trace in a file of its own, which goes away with it.
final class TemporaryTrace {
    let path: String
    let requests: [(verb: String, key: Int)]

    /// A numbered trace of reads, stores and deletes of few keys, the same each time.
    init(requests count: Int, keys: Int) throws {
        path = "/tmp/martlet-load-trace.\(getpid()).\(UInt32.random(in: 0 ... .max))"
        var state: UInt64 = 7
        var made: [(verb: String, key: Int)] = []
        for _ in 0..<count {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            // Few keys are asked for most of the time.
            let key = Int((state >> 33) % UInt64(keys)) * Int((state >> 20) % 3) / 2
            made.append((["g", "g", "g", "g", "s", "d"][Int((state >> 50) % 6)], key))
        }
        requests = made
        let lines = made.map { "\($0.verb) \($0.key) 100 0\n" }.joined()
        try lines.write(toFile: path, atomically: true, encoding: .utf8)
    }

    /// A trace of Twitter's form: a read of a new key at each of `seconds`.
    init(twitterSeconds seconds: [Int]) throws {
        path = "/tmp/martlet-load-trace.\(getpid()).\(UInt32.random(in: 0 ... .max)).csv"
        requests = []
        let lines = seconds.enumerated().map { "\($0.element),key\($0.offset),20,100,1,get,0\n" }.joined()
        try lines.write(toFile: path, atomically: true, encoding: .utf8)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

extension String {
    /// A key's number as the plain key space writes it.
    init(format key: Int) {
        let digits = Swift.String(key)
        self = Swift.String(repeating: "0", count: 20 - digits.count) + digits
    }
}
