/// The token that an item must have for a request to be carried out.
@frozen
public enum ComparedToken: BitwiseCopyable, Equatable, Sendable {
    case exactly(UInt64)
    /// That of no item. No number can stand for this: clients may give an item any (meta `E`).
    case noItem

    @inline(__always)
    func matches(_ token: UInt64) -> Bool {
        if case .exactly(let own) = self { own == token } else { false }
    }

    @inline(__always)
    func isLower(than token: UInt64) -> Bool {
        if case .exactly(let own) = self { own < token } else { false }
    }
}
