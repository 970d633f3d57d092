import CShims

/// Processor cores, written `0-3,6`.
package struct CoreSet: Equatable, Sendable, CustomStringConvertible {
    /// In ascending order, each once.
    package let cores: [Int]

    package init(_ cores: [Int]) { self.cores = Set(cores).sorted() }

    package static let coreMax = 1023

    package init(parsing text: String) throws(ComparisonError) {
        var cores: [Int] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
            guard ends.count <= 2, let first = ends.first ?? nil, let last = ends.last ?? nil, first >= 0,
                first <= last, last <= Self.coreMax
            else { throw .usage("'\(text)' are no cores: expected something like 0-3,6") }
            cores += first...last
        }
        self.init(cores)
    }

    /// The cores this process may use.
    package static var allowed: CoreSet {
        var cores = [Int32](repeating: 0, count: coreMax + 1)
        let count = cshims_allowed_cores(&cores, cores.count)
        return CoreSet(cores.prefix(min(count, cores.count)).map(Int.init))
    }

    /// The lower half for servers, the rest for the driver: they must not take each other's time. With a single core
    /// there is nothing to divide.
    package func divided() -> (servers: CoreSet, driver: CoreSet) {
        guard cores.count > 1 else { return (self, self) }
        let middle = cores.count / 2
        return (CoreSet(Array(cores[..<middle])), CoreSet(Array(cores[middle...])))
    }

    package var description: String {
        var parts: [String] = []
        var rest = cores[...]
        while let first = rest.first {
            var last = first
            while rest.dropFirst().first == last + 1 {
                rest = rest.dropFirst()
                last += 1
            }
            rest = rest.dropFirst()
            parts.append(first == last ? "\(first)" : "\(first)-\(last)")
        }
        return parts.joined(separator: ",")
    }

    /// Does `work`, with everything it starts kept to these cores; the calling thread returns to where it was.
    package func keeping<Result, Failure: Error>(_ work: () throws(Failure) -> Result) throws(Failure) -> Result {
        let before = Self.allowed
        let isKept = keepCallingThread()
        defer { if isKept { _ = before.keepCallingThread() } }
        return try work()
    }

    /// Whether the kernel agreed.
    private func keepCallingThread() -> Bool {
        let numbers = cores.map(Int32.init)
        return cshims_keep_to_cores(numbers, numbers.count)
    }
}
