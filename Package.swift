// swift-tools-version: 6.2
import PackageDescription

// The server side (everything below) depends on libevent only: no package is resolved to build it.
let package = Package(
    name: "martlet",
    products: [
        .executable(name: "martletd", targets: ["martletd"]),
        // For `./martlet allocations`: loaded in front of a server to count what it allocates.
        .library(name: "AllocationCounter", type: .dynamic, targets: ["AllocationCounter"]),
    ],
    targets: [
        // The C door to libevent: opaque types and thin functions, libevent's own headers only in the .c file.
        .target(
            name: "CLibevent",
            linkerSettings: [.linkedLibrary("event_core")]
        ),
        // What Swift cannot say: prefetch, pause, futex, accept4, getopt_long. Header only.
        .target(name: "CShims"),

        .target(name: "MartletStore", dependencies: ["CShims"]),
        .target(name: "MartletProtocol"),
        .target(name: "MartletEvent", dependencies: ["CLibevent"]),
        .target(
            name: "MartletServer",
            dependencies: ["MartletStore", "MartletProtocol", "MartletEvent", "CShims"]
        ),
        .executableTarget(name: "martletd", dependencies: ["MartletServer", "CShims"]),

        // In-process benchmarks of the store; times are recorded, not gated.
        .executableTarget(name: "martlet-microbench", dependencies: ["MartletStore"], path: "LoadTest/Microbench"),
        // Gates: what the compiled hot path calls, and what a running server allocates per request.
        .executableTarget(name: "hot-path-check", path: "Tools/HotPathCheck", exclude: ["hot-path.txt"]),
        .executableTarget(name: "allocation-check", path: "Tools/AllocationCheck"),
        .target(name: "AllocationCounter", path: "Tools/AllocationCounter", linkerSettings: [.linkedLibrary("dl")]),

        // What several suites share: a store with a session and keys as strings.
        .target(name: "StoreTesting", dependencies: ["MartletStore"], path: "Tests/Support/StoreTesting"),
        // Parser and executor driven without sockets.
        .target(
            name: "ExecutionTesting", dependencies: ["MartletServer", "MartletStore"],
            path: "Tests/Support/ExecutionTesting"
        ),
        // Checks histories of concurrent operations; pure.
        .target(name: "Linearizability", path: "Tests/Support/Linearizability"),
        .testTarget(name: "MartletStoreTests", dependencies: ["MartletStore", "StoreTesting"]),
        .testTarget(name: "ModelTests", dependencies: ["MartletStore", "StoreTesting"]),
        .testTarget(name: "LinearizabilityTests", dependencies: ["Linearizability", "MartletStore", "StoreTesting"]),
        .testTarget(name: "MartletProtocolTests", dependencies: ["MartletProtocol"]),
        .testTarget(
            name: "MartletServerTests",
            dependencies: [
                "MartletServer", "MartletStore", "MartletProtocol", "ExecutionTesting", "StoreTesting",
            ]
        ),
        // Transcripts as data, run against the logic alone, a server in process and any server elsewhere.
        .testTarget(
            name: "ConformanceTests", dependencies: ["MartletServer", "ExecutionTesting", "StoreTesting"],
            exclude: ["Transcripts"]
        ),
        // The repository looks at itself: lengths, imports, words, the unsafe fence, links.
        .testTarget(name: "TidyTests"),
    ],
    swiftLanguageModes: [.v6]
)
