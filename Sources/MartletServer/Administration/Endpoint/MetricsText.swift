/// Text in Prometheus' format while it grows: families of metrics, each with its description and type.
struct MetricsText {
    enum Kind: String { case counter, gauge, histogram, untyped }

    private(set) var bytes: [UInt8] = []
    private var family = ""

    init() { bytes.reserveCapacity(64 << 10) }

    /// Begins a family: `memcached_<name>`.
    mutating func begin(_ name: String, _ kind: Kind, _ help: String) {
        family = "memcached_" + name
        append("# HELP \(family) \(help)\n# TYPE \(family) \(kind.rawValue)\n")
    }

    /// A sample of the family begun last. `labels` are `name="value"` joined by commas; values come from the program.
    mutating func add(_ value: some CustomStringConvertible, _ labels: String = "", suffix: String = "") {
        append(family + suffix)
        if !labels.isEmpty { append("{\(labels)}") }
        append(" \(value.description)\n")
    }

    /// A family of one sample.
    mutating func add(_ name: String, _ kind: Kind, _ help: String, _ value: some CustomStringConvertible) {
        begin(name, kind, help)
        add(value)
    }

    private mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }
}

extension MetricsText {
    /// Seconds as Prometheus wants them, from nanoseconds.
    static func seconds(_ nanoseconds: Int) -> String { seconds(Double(nanoseconds) / 1e9) }

    static func seconds(_ seconds: Double) -> String { FixedPoint.text(seconds, places: 6) }
}
