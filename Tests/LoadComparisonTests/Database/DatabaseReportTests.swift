import Foundation
import LoadComparison
import LoadEngine
import Testing

/// What is said about a scenario, in words and as JSON.
@Suite("Database: the report")
struct DatabaseReportTests {
    private func result() throws -> DatabaseResult {
        let text = """
            {"database": "PostgreSQL 15.9", "cache": "127.0.0.1:1", "cacheVersion": "1.6", "settings": {"clients": "4",
            "keys": "10", "popularity": "zipf:0.99", "rowsPerValue": "2", "delayMilliseconds": "5.0",
            "expiryMilliseconds": "100.0", "pauseMilliseconds": "1.0"}, "startedAt": 0, "rowCount": 22, "valueBytes": 11000,
            "fillSeconds": 0.5, "verified": 1234567, "wrong": 0, "violations": [],
            "steady": [{"way": "direct", "reads": \(reads(requests: 1000, hits: 0, misses: 0, queries: 1000))},
            {"way": "cacheAside", "reads": \(reads(requests: 4000, hits: 3900, misses: 100, queries: 100))}],
            "stampedes": [{"way": "cacheAside", "reads": \(reads(requests: 50, hits: 40, misses: 10, queries: 30)),
            "expiries": 10, "queriesPerExpiry": 3, "queriesPerExpiryMost": 4}]}
            """
        return try JSONDecoder().decode(DatabaseResult.self, from: Data(text.utf8))
    }

    private func reads(requests: Int, hits: Int, misses: Int, queries: Int) -> String {
        """
        {"seconds": 2, "requests": \(requests), "hits": \(hits), "misses": \(misses), "queries": \(queries),
        "overtaken": 0, "refused": 0, "staleMarked": 0, "staleUnmarked": 0, "waited": 0, "impatient": 0,
        "response": [1000, \(requests)], "query": [500000, \(queries)]}
        """
    }

    @Test("The text says what the cache buys: rates, their ratio, queries a second, hit ratio, queries per expiry")
    func text() throws {
        let text = DatabaseReport(try result()).text

        for words in [
            "PostgreSQL 15.9, 22 rows", "2 rows by their primary key, and 5.00 ms more", "500    ", "2,000  4.00×",
            "97.50 %", "0.10×", "3.00     4", "each 100 ms, 10 times",
            "1,234,567 values compared with their rows: all right",
        ] {
            #expect(text.contains(words), "\(words)\n\(text)")
        }
    }

    @Test("Wrong values come first")
    func wrong() throws {
        var result = try result()
        result.wrong = 1
        result.violations = [Violation(kind: "torn", key: "7", server: "the cache", explanation: "byte 3 is not right")]

        let text = DatabaseReport(result).text

        #expect(text.hasPrefix("WRONG ANSWERS: 1 value cannot be right\n  torn  key 7  from the cache  byte 3"))
        #expect(text.hasSuffix("1 wrong\n"))
    }

    @Test("The JSON says what it is and holds the result")
    func json() throws {
        struct Content: Decodable {
            let schema: String
            let version: Int
            let result: DatabaseResult
        }

        let content = try JSONDecoder().decode(Content.self, from: Data(DatabaseReport(try result()).json()))

        #expect(content.schema == "martlet-load-database" && content.version == 1)
        #expect(content.result.gain == 4)
        #expect(content.result.stampedes.first?.reads.requests == 50)
    }
}
