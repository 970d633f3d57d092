import FuzzTargets
import Glibc

/// What libFuzzer calls.
enum FuzzProgram {
    // Set once, before the first input; one thread looks at all of them.
    nonisolated(unsafe) static var target = FuzzTarget.text

    static let check: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32 = { start, count in
        FuzzProgram.look(Array(UnsafeBufferPointer(start: start, count: count)))
        return 0
    }

    /// A finding ends the program as a trap does: libFuzzer then keeps the input.
    static func look(_ input: [UInt8]) {
        do {
            try target.check(input)
        } catch {
            var sentence = "\(target.rawValue): \(error)\n"
            sentence.withUTF8 { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
            abort()
        }
    }

    static func bytes(_ path: String) -> [UInt8]? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        while case let byte = fgetc(file), byte != EOF { bytes.append(UInt8(truncatingIfNeeded: byte)) }
        return bytes
    }
}
