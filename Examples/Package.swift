// swift-tools-version: 6.2
import PackageDescription

// Martlet's client among the parts of a web service. A package of its own: who depends on the client library fetches
// neither Hummingbird nor a database for it.
let package = Package(
    name: "martlet-examples",
    platforms: [.macOS(.v26)],
    products: [
        .library(name: "MartletHummingbird", targets: ["MartletHummingbird"])
    ],
    dependencies: [
        // Without TLS there is one library less to build.
        .package(name: "martlet", path: "..", traits: []),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
    ],
    targets: [
        // Hummingbird's persist driver on the cache.
        .target(
            name: "MartletHummingbird",
            dependencies: [
                .product(name: "MartletClient", package: "martlet"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "NIOCore", package: "swift-nio"),
            ]
        ),
        // A web service with SQLite behind the cache.
        .target(
            name: "Notes",
            dependencies: [
                "MartletHummingbird",
                .product(name: "MartletClient", package: "martlet"),
                .product(name: "MartletRecipes", package: "martlet"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "NIOCore", package: "swift-nio"),
            ]
        ),
        .executableTarget(
            name: "notes-service",
            dependencies: [
                "Notes",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "MartletClient", package: "martlet"),
                .product(name: "MartletClientServices", package: "martlet"),
                .product(name: "Configuration", package: "swift-configuration"),
            ]
        ),
        .testTarget(
            name: "NotesTests",
            dependencies: [
                "Notes", "MartletHummingbird",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "MartletClient", package: "martlet"),
                .product(name: "HummingbirdTesting", package: "hummingbird"),
            ]
        ),
    ],
    swiftLanguageModes: [.v6]
)
