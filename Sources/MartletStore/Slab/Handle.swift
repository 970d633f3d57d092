/// A position in the arena: address = origin + (raw << shift). 0 means none.
///
/// Handles count from one unit up, so no chunk has handle 0. No pointer to an item is ever stored; the arena can be
/// mapped elsewhere without touching a single handle.
package struct Handle: BitwiseCopyable, Equatable, Sendable {
    package let raw: UInt32

    @inlinable
    package init(raw: UInt32) {
        self.raw = raw
    }

    package var isNone: Bool { raw == 0 }

    static var none: Handle { Handle(raw: 0) }
}
