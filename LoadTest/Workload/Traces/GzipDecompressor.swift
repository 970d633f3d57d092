/// Gzip, through zlib where it is installed.
final class GzipDecompressor: Decompressor {
    static let magic: [UInt8] = [0x1f, 0x8b]

    /// As zlib.h lays out z_stream where a long has 8 bytes: 112 bytes.
    private struct Stream {
        var input: UnsafeRawPointer?
        var inputCount: UInt32 = 0
        var inputTotal = 0
        var output: UnsafeMutableRawPointer?
        var outputCount: UInt32 = 0
        var outputTotal = 0
        var message: UnsafePointer<CChar>?
        var state: OpaquePointer?
        var allocate: OpaquePointer?
        var free: OpaquePointer?
        var opaque: OpaquePointer?
        var kind: Int32 = 0
        var adler = 0
        var reserved = 0
    }

    private typealias Step = @convention(c) (UnsafeMutableRawPointer, Int32) -> Int32
    private typealias Plain = @convention(c) (UnsafeMutableRawPointer) -> Int32
    private typealias Start =
        @convention(c) (UnsafeMutableRawPointer, Int32, UnsafePointer<CChar>, Int32) -> Int32

    /// zlib's own numbers.
    private static let okay: Int32 = 0
    private static let streamEnd: Int32 = 1
    private static let bufferError: Int32 = -5
    private static let gzipWindow: Int32 = 16 + 15

    private let stream: UnsafeMutablePointer<Stream>
    private let inflate: Step
    private let reset: Plain
    private let end: Plain
    private(set) var isAtEnd = true

    init() throws(WorkloadError) {
        let library = try DynamicLibrary("libz.so.1", purpose: "a trace compressed with gzip")
        let start = try library.function("inflateInit2_", as: Start.self)
        inflate = try library.function("inflate", as: Step.self)
        reset = try library.function("inflateReset", as: Plain.self)
        end = try library.function("inflateEnd", as: Plain.self)
        stream = .allocate(capacity: 1)
        stream.initialize(to: Stream())
        guard start(stream, Self.gzipWindow, "1", Int32(MemoryLayout<Stream>.size)) == Self.okay else {
            throw WorkloadError("the library libz.so.1 refuses to start")
        }
    }

    deinit {
        _ = end(stream)
        stream.deallocate()
    }

    func decompress(
        _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(WorkloadError) -> (consumed: Int, produced: Int) {
        if isAtEnd {
            guard input.count > 0 else { return (0, 0) }
            // Another member may follow the first.
            _ = reset(stream)
            isAtEnd = false
        }
        stream.pointee.input = input.baseAddress
        stream.pointee.inputCount = UInt32(input.count)
        stream.pointee.output = output.baseAddress
        stream.pointee.outputCount = UInt32(output.count)
        let outcome = inflate(stream, 0)
        isAtEnd = outcome == Self.streamEnd
        guard isAtEnd || outcome == Self.okay || outcome == Self.bufferError else {
            let message = stream.pointee.message.map { String(cString: $0) } ?? "code \(outcome)"
            throw WorkloadError("damaged gzip stream: \(message)")
        }
        return (input.count - Int(stream.pointee.inputCount), output.count - Int(stream.pointee.outputCount))
    }
}
