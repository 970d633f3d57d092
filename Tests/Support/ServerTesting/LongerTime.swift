/// Does again, with more and more time, what is told by the shape of something in real time, as long as a machine that
/// stood still for a while has spoiled it: each time what the machine adds is a smaller part.
///
/// A fault of ours that takes its share of the time spoils it every time. One of a fixed size does so only where the
/// bound on it stays as it is: times may grow, and so may what has to be seen at least, but not what may be seen at most.
///
/// `body` is given what its times are multiplied by, 1 at first, and returns nil where it has to be done again.
package func withLongerTime<Result>(_ body: (Double) throws -> Result?) rethrows -> Result? {
    for factor in [1, 2, 4, 8, 16] as [Double] {
        if let result = try body(factor) { return result }
    }
    return nil
}
