import Foundation
import LoadEngine
import LoadReport
import Testing

@Suite("The live line")
struct LiveLineTests {
    private static let point = {
        var point = TimelinePoint(second: 3, length: 1)
        point.requests = 162_345
        point.keysRead = 1000
        point.hits = 943
        point.errors = 2
        point.p50 = 98_200
        point.p99 = 412_000
        return point
    }()

    @Test("It tells phase, time, rate, latency, hits and errors")
    func text() {
        #expect(
            LiveLine.text("measuring", Self.point, totalSeconds: 10)
                == "measuring   3 s of 10 s   162 k/s   p50 98.2 µs   p99 412 µs   hits 94.30 %   errors 2")
    }

    @Test("Without reads there is no hit ratio, without a plan no end")
    func parts() {
        var point = TimelinePoint(second: 0.5, length: 0.5)
        point.requests = 10

        #expect(LiveLine.text("filling", point) == "filling   0.5 s   20/s   p50 0 ns   p99 0 ns   errors 0")
    }

    @Test("Away from a terminal each interval is a line of its own")
    func plain() throws {
        let text = try written(isTerminal: false) { line in
            line.show("measuring", Self.point)
            line.note("a note")
            line.finish()
        }

        #expect(text == LiveLine.text("measuring", Self.point) + "\na note\n")
    }

    @Test("On a terminal one line is written over, and gone at the end")
    func terminal() throws {
        let text = try written(isTerminal: true) { line in
            line.show("measuring", Self.point)
            line.show("measuring", Self.point)
            line.finish()
            line.finish()
        }

        #expect(!text.contains("\n"))
        #expect(text.split(separator: "\r").count == 3)
        #expect(text.hasSuffix("\r\u{1b}[K"))
    }

    private func written(isTerminal: Bool, _ show: (inout LiveLine) -> Void) throws -> String {
        let pipe = Pipe()
        var line = LiveLine(descriptor: pipe.fileHandleForWriting.fileDescriptor, isTerminal: isTerminal)
        show(&line)
        try pipe.fileHandleForWriting.close()
        return try String(decoding: pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    }
}
