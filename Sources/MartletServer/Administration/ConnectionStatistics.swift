/// `stats conns`: a group of lines for each open socket, listeners included.
struct ConnectionStatistics {
    let now: UInt32

    func append(to text: inout StatisticsText) {}
}
