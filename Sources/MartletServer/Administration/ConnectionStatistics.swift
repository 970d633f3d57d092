/// `stats conns`: a group of lines for each open socket, listeners included.
struct ConnectionStatistics {
    let snapshots: [ConnectionSnapshot]

    func append(to text: inout StatisticsText) {
        for snapshot in snapshots {
            let id = snapshot.descriptor
            text.add("\(id):addr", snapshot.address)
            if let listenAddress = snapshot.listenAddress { text.add("\(id):listen_addr", listenAddress) }
            text.add("\(id):state", snapshot.state)
            text.add("\(id):secs_since_last_cmd", snapshot.secondsSinceLastCommand)
        }
    }
}
