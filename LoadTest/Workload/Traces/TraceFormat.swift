/// How the lines of a trace are written.
package enum TraceFormat: UInt8, Sendable, CaseIterable {
    /// `op key size ttl` with dense key numbers.
    case numbered
    /// Twitter's cache traces: `timestamp,key,key size,value size,client id,operation,TTL`.
    case twitter
    /// memcached's `watch fetchers mutations`.
    case watch

    /// The word for it on the command line.
    package var word: String {
        switch self {
        case .numbered: "numbered"
        case .twitter: "twitter"
        case .watch: "watch"
        }
    }

    package init(parsing text: String) throws(WorkloadError) {
        guard let format = Self.allCases.first(where: { $0.word == text }) else {
            let words = Self.allCases.map(\.word).joined(separator: ", ")
            throw WorkloadError("trace format '\(text)' is none of \(words)")
        }
        self = format
    }

    /// What a trace's first line looks like; nil: like none of them.
    init?(firstLine line: UnsafeRawBufferPointer) {
        if line.starts(with: "ts=".utf8) || line.elementsEqual("OK".utf8) {
            self = .watch
        } else if line.count(where: { $0 == UInt8(ascii: ",") }) >= 6 {
            self = .twitter
        } else if line.count > 2, line[1] == 0x20, line.count(where: { $0 == 0x20 }) == 3 {
            self = .numbered
        } else {
            return nil
        }
    }
}
