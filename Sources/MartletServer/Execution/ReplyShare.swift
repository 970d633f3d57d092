import MartletProtocol
import MartletStore

/// memcached's bound of replies under way, where `read_buf_mem_limit` is given.
///
/// 1. memcached keeps an object of about a kibibyte for each reply, and for each key of a `get`, until it is sent, in
///    memory that the limit bounds; each thread has an equal share of it. Replies here are bytes in a buffer and need
///    no such thing: the bound is held because who gives the option bounds what one client may ask for at a time.
/// 2. A `get` of more keys than the share has room for is refused as a whole.
/// 3. A turn has no more commands than that carried out. If `-R` asks for more, a connection that has more is closed,
///    its replies unsent; without a `-R`, it goes on with the next turn.
enum ReplyShare {
    private static let replyBytes = 1 << 10

    static func repliesMax(_ settings: ServerSettings) -> Int {
        guard settings.boundsReplies else { return .max }
        return max(1, settings.connectionBufferBytesMax / settings.threadCount / replyBytes)
    }
}

extension UnsafeMutablePointer where Pointee == Executor {
    /// Rule 2. Answers a list of keys if it is refused.
    @inline(never)
    func refuses(_ place: UnsafeMutablePointer<BatchedRequest>, _ output: OutputPointer) -> Bool {
        var count = 0
        var key = place.pointee.request.key
        while !key.isEmpty, count <= pointee.repliesMax {
            count += 1
            key = place.pointee.request.key(after: key, in: place.pointee.line)
        }
        guard count > pointee.repliesMax else { return false }
        counters.pointee.network.budgetKicks.increment()
        output.append(.outOfMemoryWriting)
        return true
    }

    /// Rule 3, when a turn has used up its commands and there may be more.
    @inline(never)
    func endTurn() -> MachineStep.Disposition {
        guard pointee.closesOverReplies else { return .yield }
        counters.pointee.network.budgetKicks.increment()
        return .closeSilently
    }
}
