// Differences: the same bytes to two servers, and what they answer compared.
//
//     ProbeSource ---> ProbeBatch ---> ProbedServer a ---> AnswerRow --\
//     commands         with markers \-> ProbedServer b ---> AnswerRow --+--> AnswerComparison ---> AllowedDifference?
//
// Goals: a million commands, valid, nearly valid and hostile, in a minute; every difference shown with the commands
// that made it, or counted under the written reason for it.
// Non-goals: speed, time passing (expiries are never or far away, or have passed), memory pressure.
//
// Threads: one.

/// One command with its data block, if it has one.
package struct Probe: Equatable, Sendable {
    package var bytes: [UInt8]
    /// What it makes of the stream's framing is not sure: more may be waited for than is sent, or the connection close.
    package var isUnsafe = false
}

/// Commands in a row, each with a marker behind it: a look-up of a key that nobody has, whose answer tells where the
/// answers of the next command begin.
package struct ProbeBatch: Sendable {
    package let probes: [Probe]
    /// Of the first probe's marker.
    let firstMarker: Int

    package init(probes: [Probe], firstMarker: Int) {
        self.probes = probes
        self.firstMarker = firstMarker
    }

    package var isUnsafe: Bool { probes.contains { $0.isUnsafe } }

    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        for (index, probe) in probes.enumerated() {
            bytes += probe.bytes
            bytes += Array("mg \(Self.markerKey(firstMarker + index)) k\r\n".utf8)
        }
        return bytes
    }

    static func markerKey(_ number: Int) -> String { "=marker\(number)=" }

    /// The answer to the marker behind the probe of this index.
    func markerAnswer(_ index: Int) -> [UInt8] { Array("EN k\(Self.markerKey(firstMarker + index))\r\n".utf8) }
}
