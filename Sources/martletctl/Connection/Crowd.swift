#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Many servers asked at once, by threads that wait: one that is dead costs no time but its own.
enum Crowd {
    private static let threadsMax = 256

    /// What `body` makes of each element, in their order. It is called by many threads, for no element twice.
    static func ask<Element, Answer>(_ elements: [Element], _ body: @escaping (Element) -> Answer) -> [Answer] {
        let threadCount = min(elements.count, threadsMax)
        var answers = [Answer?](repeating: nil, count: elements.count)
        var shares: [Share] = []
        for first in 0..<threadCount {
            let indices = stride(from: first, to: elements.count, by: threadCount)
            var own: [(index: Int, answer: Answer)] = []
            shares.append(
                Share(
                    work: { own = indices.map { ($0, body(elements[$0])) } },
                    collect: { for (index, answer) in own { answers[index] = answer } }))
        }
        for share in shares { share.start() }
        for share in shares { share.end() }
        return answers.compactMap { $0 }
    }
}

/// One thread and what it has to do. Nobody else looks at that before the thread has ended.
private final class Share {
    private let work: () -> Void
    private let collect: () -> Void
    #if canImport(Glibc)
    private var thread = pthread_t()
    #else
    private var thread: pthread_t?
    #endif
    private var isRunning = false

    init(work: @escaping () -> Void, collect: @escaping () -> Void) {
        self.work = work
        self.collect = collect
    }

    /// Where there is no thread to be had it is done at once.
    func start() {
        let share = Unmanaged.passRetained(self)
        let result = pthread_create(
            &thread, nil,
            { context in
                let context: UnsafeMutableRawPointer? = context
                if let context { Unmanaged<Share>.fromOpaque(context).takeRetainedValue().work() }
                return nil
            }, share.toOpaque())
        isRunning = result == 0
        guard !isRunning else { return }
        share.release()
        work()
    }

    func end() {
        #if canImport(Glibc)
        if isRunning { pthread_join(thread, nil) }
        #else
        if isRunning, let thread { pthread_join(thread, nil) }
        #endif
        collect()
    }
}
