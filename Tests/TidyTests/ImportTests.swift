import Testing

/// Imports go downwards only: a module may import what its row names, and the server's side knows neither Foundation
/// nor NIO, which would triple its size.
@Suite("Tidy: imports")
struct ImportTests {
    static let allowed: [String: Set<String>] = [
        "MartletStore": ["CShims", "Glibc", "Synchronization"],
        "MartletProtocol": [],
        "MartletEvent": ["CLibevent", "Glibc"],
        "MartletServer": [
            "MartletStore", "MartletProtocol", "MartletEvent", "CShims", "COpenSSL", "Glibc", "Synchronization",
        ],
        "martletd": ["MartletServer", "CShims", "Glibc"],
        "MartletRing": [],
        "MartletClient": [
            "MartletRing", "MartletProtocol", "NIOCore", "NIOPosix", "NIOConcurrencyHelpers", "NIOHTTP1",
            "Synchronization",
            // Names of socket options.
            "Glibc", "Musl", "Darwin",
            "FoundationEssentials", "Foundation",
        ],
        "MartletClientServices": [
            "MartletClient", "MartletRing", "NIOConcurrencyHelpers", "ServiceLifecycle", "Logging", "Metrics",
            "Tracing",
            "Configuration",
        ],
        "MartletRecipes": ["MartletClient", "FoundationEssentials", "Foundation"],
        "MartletClientTLS": ["MartletClient", "NIOCore", "NIOSSL"],
        "martletctl": ["MartletRing", "MartletProtocol", "COpenSSL", "ArgumentParser", "Glibc", "Musl", "Darwin"],
    ]

    @Test("Every module imports only what stands below it")
    func layers() {
        let findings = Repository.shared.swiftFiles(in: "Sources").flatMap(strangers)

        #expect(findings.isEmpty, "\(listed(findings))")
    }

    @Test("Tests reach code through package access, not through @testable, which release builds refuse")
    func testable() {
        let findings = Repository.shared.swiftFiles(in: "Tests", "Sources", "LoadTest").flatMap { file in
            file.codeLines.enumerated().filter { $0.element.contains("@testable") }
                .map { Finding(path: file.path, line: $0.offset + 1, what: "@testable") }
        }

        #expect(findings.isEmpty, "\(listed(findings))")
    }

    @Test("The rule finds what it is meant to find")
    func teeth() {
        let text =
            "import Glibc\n@preconcurrency import Foundation\npackage import struct NIOCore.ByteBuffer\n// import A\n"
        let file = SwiftFile(path: "Sources/MartletStore/A.swift", text: text)

        #expect(file.imports.map(\.module) == ["Glibc", "Foundation", "NIOCore"])
        #expect(strangers(file).map(\.line) == [2, 3])
        #expect(!strangers(SwiftFile(path: "Sources/Unheard/A.swift", text: "import Glibc\n")).isEmpty)
    }

    private func strangers(_ file: SwiftFile) -> [Finding] {
        guard let allowed = Self.allowed[file.module] else {
            return [Finding(path: file.path, line: 1, what: "\(file.module) has no row in the table of imports")]
        }
        return file.imports.filter { !allowed.contains($0.module) }.map {
            Finding(path: file.path, line: $0.line, what: "\(file.module) must not import \($0.module)")
        }
    }
}
