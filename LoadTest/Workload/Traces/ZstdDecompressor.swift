/// Zstandard, through libzstd where it is installed.
final class ZstdDecompressor: Decompressor {
    /// The first bytes of every frame.
    static let magic: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd]

    /// As zstd.h lays out ZSTD_inBuffer and ZSTD_outBuffer.
    private struct Buffer {
        var address: UnsafeRawPointer?
        var size: Int
        var position: Int
    }

    private typealias Decompress =
        @convention(c) (OpaquePointer, UnsafeMutableRawPointer, UnsafeMutableRawPointer) -> Int

    private let stream: OpaquePointer
    private let step: Decompress
    private let isError: @convention(c) (Int) -> UInt32
    private let errorName: @convention(c) (Int) -> UnsafePointer<CChar>
    private let free: @convention(c) (OpaquePointer) -> Int
    private(set) var isAtEnd = true

    init() throws(WorkloadError) {
        let library = try DynamicLibrary("libzstd.so.1", purpose: "a trace compressed with zstd")
        let create = try library.function(
            "ZSTD_createDStream", as: (@convention(c) () -> OpaquePointer?).self)
        step = try library.function("ZSTD_decompressStream", as: Decompress.self)
        isError = try library.function("ZSTD_isError", as: (@convention(c) (Int) -> UInt32).self)
        errorName = try library.function(
            "ZSTD_getErrorName", as: (@convention(c) (Int) -> UnsafePointer<CChar>).self)
        free = try library.function("ZSTD_freeDStream", as: (@convention(c) (OpaquePointer) -> Int).self)
        guard let stream = create() else { throw WorkloadError("no memory to decompress with") }
        self.stream = stream
    }

    deinit { _ = free(stream) }

    func decompress(
        _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(WorkloadError) -> (consumed: Int, produced: Int) {
        var source = Buffer(address: input.baseAddress, size: input.count, position: 0)
        var target = Buffer(address: UnsafeRawPointer(output.baseAddress), size: output.count, position: 0)
        let hint = step(stream, &target, &source)
        if isError(hint) != 0 { throw WorkloadError("damaged zstd frame: \(String(cString: errorName(hint)))") }
        // 0: a frame has ended, whole. It stays so until bytes of another one come.
        if source.position > 0 || target.position > 0 { isAtEnd = hint == 0 }
        return (source.position, target.position)
    }
}
