/// Something that makes more bytes of fewer, piece by piece.
protocol Decompressor: AnyObject {
    /// Consumes some of `input` and fills some of `output`. Throws a reason without the file's name.
    func decompress(
        _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(WorkloadError) -> (consumed: Int, produced: Int)

    /// Whether the input may end here.
    var isAtEnd: Bool { get }
}
