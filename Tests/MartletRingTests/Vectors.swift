import Glibc
import MartletRing

/// The recorded maps of other clients; `Vectors/README.md` says where they come from.
enum Vectors {
    struct Failure: Error { let what: String }

    static let keys: [[UInt8]] = {
        unpacked("keys.txt.gz").split(separator: 0x0A).map(Array.init)
    }()

    /// Pool name to servers, in order.
    static let pools: [String: [RingServer]] = {
        rows("pools.txt").mapValues { $0.split(separator: " ").map { RingServer(String($0))! } }
    }()

    /// Map name to the index of each key's server.
    static let maps: [String: [UInt8]] = {
        let digits = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
        var indices = [UInt8](repeating: .max, count: 256)
        for (index, digit) in digits.enumerated() { indices[Int(digit)] = UInt8(index) }
        var maps: [String: [UInt8]] = [:]
        for line in unpacked("maps.txt.gz").split(separator: 0x0A) {
            let halves = line.split(separator: 0x09)
            let map = halves[1].map { indices[Int($0)] }
            for name in String(decoding: halves[0], as: UTF8.self).split(separator: " ") { maps[String(name)] = map }
        }
        return maps
    }()

    /// What stands before the tab to what stands behind it.
    static func rows(_ file: String) -> [String: Substring] {
        let text = String(decoding: contents(of: "\(folder)/\(file)"), as: UTF8.self)
        return Dictionary(
            uniqueKeysWithValues: text.split(separator: "\n").map { line in
                let halves = line.split(separator: "\t")
                return (String(halves[0]), halves[1])
            })
    }

    static func numbers(_ row: Substring) -> [UInt32] { row.split(separator: " ").map { UInt32($0)! } }

    /// Beside this file: the tests need no bundle to find it.
    static let folder =
        #filePath.split(separator: "/").dropLast()
        .reduce("") { "\($0)/\($1)" } + "/Vectors"

    private static func contents(of path: String) -> [UInt8] {
        guard let file = fopen(path, "r") else { fatalError("no \(path)") }
        defer { fclose(file) }
        return everything(in: file)
    }

    /// gzip's, which every Debian has: a decompressor of our own would be one more thing to test.
    private static func unpacked(_ name: String) -> [UInt8] {
        guard let pipe = popen("gzip -dc '\(folder)/\(name)'", "r") else { fatalError("no gzip") }
        let bytes = everything(in: pipe)
        guard pclose(pipe) == 0 else { fatalError("gzip failed on \(name)") }
        return bytes
    }

    static func everything(in file: UnsafeMutablePointer<FILE>) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            bytes += buffer[..<count]
            if count < buffer.count {
                // A signal that another test is sent is no end.
                guard feof(file) == 0, errno == EINTR else { return bytes }
                clearerr(file)
            }
        }
    }
}

extension HashRing {
    /// How many of the recorded keys this ring sends elsewhere than `map`.
    func differences(from map: [UInt8]) -> Int {
        zip(Vectors.keys, map).count { server(for: $0.span) != Int($1) }
    }
}
