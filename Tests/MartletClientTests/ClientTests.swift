import Testing

/// All suites of the client, one test after the other: each has servers, connections and tasks by the hundred of its
/// own, and what is late in one because of the others would prove nothing.
@Suite("Client", .serialized)
enum ClientTests {}
