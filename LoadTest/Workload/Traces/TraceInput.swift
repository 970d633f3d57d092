import Glibc

/// The bytes of a trace, asked for a few hundred times a second: a file or standard input, plain or compressed (which
/// its first bytes tell, not its name).
final class TraceInput {
    /// What is read at a time.
    private static let readBytes = 128 * 1024

    private let path: String
    private let descriptor: Int32
    private let buffer: UnsafeMutableRawBufferPointer
    /// Bytes read and not yet used: `start..<end` of the buffer.
    private var start = 0
    private var end = 0
    private var isAtEndOfFile = false
    private var decompressor: (any Decompressor)?

    /// `-` is standard input.
    init(path: String) throws(WorkloadError) {
        self.path = path
        descriptor = path == "-" ? 0 : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw WorkloadError("trace \(path) cannot be opened: \(String(cString: strerror(errno)))")
        }
        buffer = .allocate(byteCount: Self.readBytes, alignment: 16)
        while end < ZstdDecompressor.magic.count, !isAtEndOfFile { try readMore() }
        if starts(with: ZstdDecompressor.magic) { decompressor = try ZstdDecompressor() }
        if starts(with: GzipDecompressor.magic) { decompressor = try GzipDecompressor() }
    }

    deinit {
        if descriptor > 0 { close(descriptor) }
        buffer.deallocate()
    }

    /// Fills `output` from its start and returns how many bytes there are; 0 is the end.
    func read(into output: UnsafeMutableRawBufferPointer) throws(WorkloadError) -> Int {
        while true {
            if start == end {
                (start, end) = (0, 0)
                try readMore()
            }
            guard let decompressor else {
                let count = min(output.count, end - start)
                output.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[start..<(start + count)]))
                start += count
                return count
            }
            let input = UnsafeRawBufferPointer(rebasing: buffer[start..<end])
            let step: (consumed: Int, produced: Int)
            do {
                step = try decompressor.decompress(input, into: output)
            } catch {
                throw WorkloadError("trace \(path): \(error.message)")
            }
            start += step.consumed
            if step.produced > 0 { return step.produced }
            if step.consumed == 0, isAtEndOfFile {
                guard decompressor.isAtEnd else {
                    throw WorkloadError("trace \(path) ends in the middle of a compressed frame: it was cut off")
                }
                return 0
            }
        }
    }

    /// Appends to what is in the buffer.
    private func readMore() throws(WorkloadError) {
        guard !isAtEndOfFile else { return }
        let count = Glibc.read(descriptor, buffer.baseAddress! + end, buffer.count - end)
        if count < 0 {
            if errno == EINTR { return }
            throw WorkloadError("trace \(path) cannot be read: \(String(cString: strerror(errno)))")
        }
        isAtEndOfFile = count == 0
        end += count
    }

    private func starts(with magic: [UInt8]) -> Bool {
        end - start >= magic.count && buffer[start..<(start + magic.count)].elementsEqual(magic)
    }
}
