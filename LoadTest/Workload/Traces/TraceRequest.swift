/// One line of a trace, understood.
package struct TraceRequest: BitwiseCopyable, Sendable {
    package var kind: OperationKind = .get
    /// A number for the key, dense: the trace's own or the order of first appearance.
    package var key: UInt64 = 0
    /// Length of the key as the trace's makers had it, up to `KeySpace.bytesMax`; 0: not said.
    package var keyBytes: UInt8 = 0
    /// 0: not said.
    package var valueBytes: UInt32 = 0
    /// 0: not said, or for ever.
    package var secondsToLive: UInt32 = 0
    /// From the first request; 0 where the trace has no times.
    package var dueNanoseconds: UInt64 = 0

    package init() {}

    /// Whether the key is a counter's.
    var isCounter: Bool { kind == .increment }
}
