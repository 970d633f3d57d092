/// Does again, with more and more time, what is told by the shape of something in real time, as long as a machine that
/// stood still for a while has spoiled it: each time what the machine adds is a smaller part. A fault of the driver
/// spoils it every time.
///
/// `body` is given what its times are multiplied by, 1 at first, and returns nil where it has to be done again.
func withLongerTime<Result>(_ body: (Double) throws -> Result?) rethrows -> Result? {
    for factor in [1, 2, 4, 8, 16] as [Double] {
        if let result = try body(factor) { return result }
    }
    return nil
}
