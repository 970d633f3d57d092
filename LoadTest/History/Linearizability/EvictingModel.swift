/// The same for a cache: an item may vanish at any moment. Once missed it stays away, until something is stored.
///
/// It is enough to let it vanish when an answer says so: until then nobody can have known, and whatever an earlier
/// answer needed the item for has been. No answer that an item allows changes anything else than it would without the
/// item, but for those that `Base` is asked for first. Two would: an `add` that is not answered, and an append or prepend
/// with N, which is stored either way. Neither may be in such a history.
package enum EvictingModel<Base: SequentialModel>: SequentialModel
where Base.State == ItemModel.State, Base.Operation == ItemModel.Operation {
    package typealias State = ItemModel.State
    package typealias Operation = ItemModel.Operation

    package static var initial: State { Base.initial }

    package static func apply(_ operation: Operation, to state: State) -> State? {
        if let after = Base.apply(operation, to: state) { return after }
        return state.item == nil ? nil : Base.apply(operation, to: State(item: nil, lastToken: state.lastToken))
    }

    package static func rank(of operation: Operation) -> UInt64? { Base.rank(of: operation) }

    package static func isObservation(_ operation: Operation) -> Bool { Base.isObservation(operation) }
}
