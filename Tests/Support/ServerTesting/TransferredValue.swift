/// A value that shows where it was cut or mixed up: every byte value, line ends included, in an order that repeats with
/// no power of two. With the request that stores it and the reply that brings it back.
package enum TransferredValue {
    package static func bytes(_ count: Int, seed: Int = 0) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: ($0 &+ seed) &* 167 ^ ($0 >> 8)) }
    }

    package static func set(_ key: String, _ value: [UInt8]) -> [UInt8] {
        Array("set \(key) 0 0 \(value.count)\r\n".utf8) + value + [13, 10]
    }

    package static func reply(_ key: String, _ value: [UInt8]) -> [UInt8] {
        Array("VALUE \(key) 0 \(value.count)\r\n".utf8) + value + Array("\r\nEND\r\n".utf8)
    }
}
