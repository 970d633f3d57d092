// swift-tools-version: 6.2
import PackageDescription

// The server side depends on libevent, and on OpenSSL unless it is built without TLS
// (swift build --disable-default-traits). Packages serve the client library and the tools.
let package = Package(
    name: "martlet",
    // What Span and Mutex ask for on Apple's systems, where the client library runs, too.
    platforms: [.macOS(.v26), .iOS(.v26), .tvOS(.v26), .watchOS(.v26), .visionOS(.v26)],
    products: [
        // The executables have none: SwiftPM makes them here by itself, and what only they need, packages that depend
        // on these libraries do not have to fetch.
        // Which server has a key: pure, for whoever has a client of their own.
        .library(name: "MartletRing", targets: ["MartletRing"]),
        .library(name: "MartletClient", targets: ["MartletClient"]),
        .library(name: "MartletClientTLS", targets: ["MartletClientTLS"]),
        .library(name: "MartletClientServices", targets: ["MartletClientServices"]),
        .library(name: "MartletRecipes", targets: ["MartletRecipes"]),
        // For `./martlet allocations`: loaded in front of a server to count what it allocates.
        .library(name: "AllocationCounter", type: .dynamic, targets: ["AllocationCounter"]),
    ],
    // A package that depends on the client library and does not encrypt says `traits: []`: then swift-nio-ssl is
    // neither fetched nor built.
    traits: [
        // One, and no more: SwiftPM hands several to the compiler in an order that changes from run to run, and each
        // time everything is built anew.
        .default(enabledTraits: ["TLS"]),
        .trait(
            name: "TLS",
            description: "Encrypted connections: the server's by OpenSSL 3, MartletClientTLS by swift-nio-ssl"),
    ],
    dependencies: [
        // The command line of the tools.
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        // Latency percentiles as the whole field computes them.
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        // SQLite as the database behind the cache where no PostgreSQL is installed.
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        // The client library's event loops, sockets and byte buffers: what Swift servers have in their process anyway.
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        // TLS for MartletClientTLS alone, under the trait TLS.
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        // What a Swift service has around it, for MartletClientServices. Whoever depends on the package fetches these
        // whether they use that module or not, since SwiftPM leaves out only what no library of a package needs and
        // there is room for one trait only (see there); nothing of them is built for MartletClient, whose own are
        // swift-nio and what that needs. Small ones, which a service has in it anyway: being started and ended with its
        // other parts,
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        // its log,
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        // its metrics,
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        // its traces,
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
        // and its settings, of which the files in JSON or YAML are the service's to ask for.
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: []),
    ],
    targets: [
        // The C door to libevent: opaque types and thin functions, libevent's own headers only in the .c file.
        .target(
            name: "CLibevent",
            // libevent_extra has its HTTP server.
            linkerSettings: [.linkedLibrary("event_core"), .linkedLibrary("event_extra")]
        ),
        // The C door to OpenSSL, in the same manner; empty without the trait.
        .target(
            name: "COpenSSL",
            cSettings: [.define("MARTLET_TLS", .when(traits: ["TLS"]))],
            linkerSettings: [
                .linkedLibrary("ssl", .when(traits: ["TLS"])), .linkedLibrary("crypto", .when(traits: ["TLS"])),
            ]
        ),
        // What Swift cannot say: prefetch, pause, futex, accept4, getopt_long. Header only.
        .target(name: "CShims"),

        .target(name: "MartletStore", dependencies: ["CShims"]),
        .target(name: "MartletProtocol"),
        .target(name: "MartletEvent", dependencies: ["CLibevent"]),
        .target(
            name: "MartletServer",
            dependencies: [
                "MartletStore", "MartletProtocol", "MartletEvent", "CShims",
                .target(name: "COpenSSL", condition: .when(traits: ["TLS"])),
            ],
            // The dashboard becomes part of the program.
            resources: ["html", "css", "js"].map { .embedInCode("Administration/Endpoint/dashboard.\($0)") }
        ),
        .executableTarget(name: "martletd", dependencies: ["MartletServer", "CShims"]),

        // Which server has which key; pure.
        .target(name: "MartletRing"),
        // Everything that talks to a server.
        .target(
            name: "MartletClient",
            dependencies: [
                "MartletRing", "MartletProtocol",
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
                // Locks that the thread sanitizer sees: what Synchronization.Mutex does when it has to wait, it does
                // not.
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                // etcd's gateway.
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ]
        ),
        // The same over TLS.
        .target(
            name: "MartletClientTLS",
            dependencies: [
                "MartletClient", .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl", condition: .when(traits: ["TLS"])),
            ]
        ),
        // The client among the parts of a service: lifecycle, log, metrics, traces, settings.
        .target(
            name: "MartletClientServices",
            dependencies: [
                "MartletClient", "MartletRing", .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
                .product(name: "Configuration", package: "swift-configuration"),
            ]
        ),
        // What services build on it: rate limiter, sessions, leases.
        .target(name: "MartletRecipes", dependencies: ["MartletClient"]),
        // What operators ask from the command line.
        .executableTarget(
            name: "martletctl",
            dependencies: [
                "MartletRing", "MartletProtocol", .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .target(name: "COpenSSL", condition: .when(platforms: [.linux], traits: ["TLS"])),
            ]
        ),

        // The load driver, martlet-load: what to ask (pure), the loop that asks, what is said about it, and whole
        // suites of runs with the servers they start.
        .target(name: "LoadWorkload", path: "LoadTest/Workload"),
        // What a cache would have missed: models of slab caches, without a server.
        .target(name: "LoadSimulation", dependencies: ["LoadWorkload", "CShims"], path: "LoadTest/Simulation"),
        .target(
            name: "LoadEngine",
            dependencies: [
                "LoadWorkload", "MartletEvent", "MartletProtocol", "CShims",
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ],
            path: "LoadTest/Engine"
        ),
        // Checks histories of concurrent operations, and the run that makes such histories with a server.
        .target(name: "LoadHistory", dependencies: ["LoadWorkload", "LoadEngine"], path: "LoadTest/History"),
        .target(
            name: "LoadReport",
            dependencies: ["LoadEngine", "LoadWorkload", .product(name: "Histogram", package: "hdrhistogram-swift")],
            path: "LoadTest/Report",
            // The page's style and script become part of the program: a report is one file made by one file.
            resources: [.embedInCode("Page/page.css"), .embedInCode("Page/page.js")]
        ),
        .target(
            name: "LoadComparison",
            dependencies: [
                "LoadWorkload", "LoadEngine", "LoadReport", "MartletProtocol", "CShims",
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            path: "LoadTest/Comparison"
        ),
        // The same random commands to two servers, and what they answer compared.
        .target(
            name: "LoadDifference", dependencies: ["LoadWorkload", "LoadEngine"], path: "LoadTest/Difference"),
        .executableTarget(
            name: "martlet-load",
            dependencies: [
                "LoadWorkload", "LoadEngine", "LoadHistory", "LoadReport", "LoadComparison", "LoadSimulation",
                "LoadDifference",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "LoadTest/Driver"
        ),

        // In-process benchmarks of the store, of whole requests and of the load driver's work for each; times are
        // recorded, not gated.
        .executableTarget(
            name: "martlet-microbench",
            dependencies: [
                "MartletServer", "MartletStore", "MartletProtocol", "MartletRing", "LoadEngine", "LoadWorkload",
                "CShims",
            ],
            path: "LoadTest/Microbench"),
        // What the kernel leaves to any cache on sockets: replies without a store.
        .executableTarget(name: "martlet-limit", dependencies: ["CShims"], path: "LoadTest/Limit"),
        // Gates: what the compiled hot path calls, what a running server allocates per request, and how many
        // instructions a request takes.
        .executableTarget(
            name: "instruction-check", path: "Tools/InstructionCheck", exclude: ["instructions.txt"]),
        .executableTarget(name: "hot-path-check", path: "Tools/HotPathCheck", exclude: ["hot-path.txt"]),
        .executableTarget(name: "allocation-check", path: "Tools/AllocationCheck"),
        // The client library against real servers and beside other clients.
        .executableTarget(
            name: "client-check",
            dependencies: [
                "MartletClient", .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
            ],
            path: "Tools/ClientCheck"),
        // Whatever reads foreign bytes, as functions from bytes to a finding; and what runs them, under libFuzzer in
        // the build of `./martlet fuzz`.
        .target(
            name: "FuzzTargets",
            dependencies: [
                "MartletServer", "MartletStore", "MartletProtocol", "MartletClient", "MartletRing", "ExecutionTesting",
                "StoreTesting", .product(name: "NIOCore", package: "swift-nio"),
            ],
            path: "Tools/Fuzz/Targets"),
        .target(name: "CFuzzer", path: "Tools/Fuzz/CFuzzer"),
        .executableTarget(name: "martlet-fuzz", dependencies: ["FuzzTargets", "CFuzzer"], path: "Tools/Fuzz/Driver"),
        // A server on a simulated clock and network, under faults; and the command that runs seed after seed.
        .target(
            name: "FaultSimulation", dependencies: ["MartletServer", "MartletStore", "StoreTesting"],
            path: "Tools/FaultSimulation/Simulation"),
        .executableTarget(
            name: "simulate-faults", dependencies: ["FaultSimulation"], path: "Tools/FaultSimulation/Driver"),
        // A real server brought to its limits.
        .executableTarget(name: "exhaust-check", path: "Tools/ExhaustCheck"),
        // What the admin endpoint costs the workers of a real server.
        .executableTarget(name: "admin-check", dependencies: ["CShims"], path: "Tools/AdminCheck"),
        .target(name: "AllocationCounter", path: "Tools/AllocationCounter", linkerSettings: [.linkedLibrary("dl")]),

        // What several suites share: a store with a session and keys as strings.
        .target(name: "StoreTesting", dependencies: ["MartletStore"], path: "Tests/Support/StoreTesting"),
        // Parser and executor driven without sockets.
        .target(
            name: "ExecutionTesting", dependencies: ["MartletServer", "MartletStore"],
            path: "Tests/Support/ExecutionTesting"
        ),
        // A server in the test's process, and a blocking client for any server; ways to wait.
        .target(name: "ServerTesting", dependencies: ["MartletServer"], path: "Tests/Support/ServerTesting"),
        // A TLS client and certificates of its own making, by OpenSSL but not through the server's door.
        .target(
            name: "CTLSTesting", path: "Tests/Support/CTLSTesting",
            cSettings: [.define("MARTLET_TLS", .when(traits: ["TLS"]))],
            linkerSettings: [
                .linkedLibrary("ssl", .when(traits: ["TLS"])), .linkedLibrary("crypto", .when(traits: ["TLS"])),
            ]
        ),
        // Ways to a server that can be shut, or are encrypted.
        .target(
            name: "ClientTesting",
            dependencies: [
                "ServerTesting", .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            path: "Tests/Support/ClientTesting"
        ),
        // A server that answers wrongly when told to.
        .target(name: "DoubleTesting", path: "Tests/Support/DoubleTesting"),
        .testTarget(name: "MartletStoreTests", dependencies: ["MartletStore", "StoreTesting"]),
        .testTarget(name: "ModelTests", dependencies: ["MartletStore", "StoreTesting"]),
        .testTarget(
            name: "LinearizabilityTests",
            dependencies: [
                "LoadHistory", "LoadEngine", "MartletServer", "MartletStore", "DoubleTesting", "ExecutionTesting",
                "ServerTesting", "StoreTesting",
            ]
        ),
        .testTarget(name: "StressTests", dependencies: ["MartletStore", "StoreTesting"]),
        .testTarget(name: "MartletProtocolTests", dependencies: ["MartletProtocol"]),
        .testTarget(
            name: "MartletServerTests",
            dependencies: [
                "MartletServer", "MartletStore", "MartletProtocol", "MartletEvent", "ExecutionTesting", "ServerTesting",
                "StoreTesting",
                .target(name: "CTLSTesting", condition: .when(traits: ["TLS"])),
            ]
        ),
        // Transcripts as data, run against the logic alone, a server in process and any server elsewhere.
        .testTarget(
            name: "ConformanceTests", dependencies: ["MartletServer", "ExecutionTesting", "StoreTesting"],
            exclude: ["Transcripts"]
        ),
        .testTarget(name: "LoadWorkloadTests", dependencies: ["LoadWorkload"]),
        .testTarget(
            name: "LoadSimulationTests",
            dependencies: ["LoadSimulation", "LoadWorkload", "MartletStore", "StoreTesting"]
        ),
        .testTarget(
            name: "LoadEngineTests",
            dependencies: [
                "LoadEngine", "LoadWorkload", "MartletServer", "MartletStore", "DoubleTesting", "ServerTesting",
            ]
        ),
        .testTarget(
            name: "LoadDifferenceTests",
            dependencies: ["LoadDifference", "LoadEngine", "MartletServer", "ServerTesting"]
        ),
        .testTarget(name: "LoadReportTests", dependencies: ["LoadReport", "LoadEngine", "LoadWorkload"]),
        .testTarget(
            name: "LoadComparisonTests",
            dependencies: [
                "LoadComparison", "LoadReport", "LoadEngine", "LoadWorkload", "MartletServer", "ServerTesting",
            ]),
        .testTarget(
            name: "MartletRingTests", dependencies: ["MartletRing", "martletctl"],
            // Who has which key by other people's clients; see the folder's README.
            exclude: ["Vectors"]
        ),
        .testTarget(
            name: "MartletctlTests",
            dependencies: [
                "martletctl", "MartletServer", "ServerTesting", "StoreTesting",
                .target(name: "CTLSTesting", condition: .when(traits: ["TLS"])),
            ]
        ),
        .testTarget(
            name: "MartletClientTests",
            dependencies: [
                "MartletClient", "MartletProtocol", "MartletRecipes", "MartletRing", "MartletServer", "ClientTesting",
                "ServerTesting", "martletd",
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ]
        ),
        .testTarget(
            name: "MartletClientTLSTests",
            dependencies: [
                "MartletClientTLS", "MartletClient", "MartletRing", "MartletServer", "ClientTesting", "ServerTesting",
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl", condition: .when(traits: ["TLS"])),
            ]
        ),
        .testTarget(
            name: "MartletClientServicesTests",
            dependencies: [
                "MartletClientServices", "MartletClient", "ServerTesting",
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "MetricsTestKit", package: "swift-metrics"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
                .product(name: "InMemoryTracing", package: "swift-distributed-tracing"),
                .product(name: "Configuration", package: "swift-configuration"),
            ]
        ),
        .testTarget(name: "FaultSimulationTests", dependencies: ["FaultSimulation"]),
        .testTarget(name: "FuzzTests", dependencies: ["FuzzTargets", "StoreTesting"]),
        // The repository looks at itself: lengths, imports, words, the unsafe fence, links.
        .testTarget(name: "TidyTests"),
    ],
    swiftLanguageModes: [.v6]
)
