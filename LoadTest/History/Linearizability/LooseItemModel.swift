/// The same for servers whose tokens are only different from each other, which `TokenRule` sees to: here any token may
/// come next. Without ranks it is good for a few clients at once.
package enum LooseItemModel: SequentialModel {
    package typealias State = ItemModel.State
    package typealias Operation = ItemModel.Operation

    package static var initial: State { State() }

    package static func apply(_ operation: Operation, to state: State) -> State? {
        ItemModel.apply(operation, to: state, tokensRise: false)
    }

    package static func rank(of operation: Operation) -> UInt64? { nil }

    package static func isObservation(_ operation: Operation) -> Bool { ItemModel.isObservation(operation) }
}
