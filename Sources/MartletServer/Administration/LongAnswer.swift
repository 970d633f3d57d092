/// The answer to an administrative command that takes more than one turn of its connection: in each there is as much of
/// it as others can be let wait for.
package protocol LongAnswer {
    /// Whether it is for connections of the text protocol only.
    var needsConnection: Bool { get }

    /// Appends what one turn may bring. The worker of the connection calls it until it is finished.
    mutating func appendLines(
        _ server: Administration.Server, _ output: UnsafeMutablePointer<OutputBuffer>
    ) -> AnswerProgress
}

/// How far a `LongAnswer` has come.
package enum AnswerProgress: BitwiseCopyable {
    case finished
    /// Call again when the output is sent.
    case outputFull
    /// Call again after other connections had a turn.
    case turnOver
    /// Nothing can be said yet. Call again when the worker was woken.
    case awaited
}
