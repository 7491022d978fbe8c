// swift-tools-version: 6.2
// Fuzzing with libFuzzer: the pure rooms once more, instrumented, and a driver (see scripts/fuzz).
import PackageDescription

/// What the pure rooms are held to in the house's own manifest, but for how they are optimised.
let house: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]
let pure: [SwiftSetting] = house + [.strictMemorySafety()]

func room(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, path: "Rooms/\(name)", swiftSettings: pure)
}

let package = Package(
    name: "fuzz",
    dependencies: [.package(url: "https://github.com/apple/swift-collections", from: "1.6.0")],
    targets: [
        room("Consensus"),
        room("JSON"),
        room("HTTP"),
        .systemLibrary(name: "CZlib", path: "Rooms/CZlib", pkgConfig: "zlib"),
        .systemLibrary(name: "CDeflate", path: "Rooms/CDeflate", pkgConfig: "libdeflate"),
        room("Wire", ["Consensus", "JSON", "CDeflate", "CZlib"]),
        room("KeyValue", ["JSON"]),
        room("Journal", ["Wire", "Consensus", "JSON"]),
        room("Snapshot", ["Journal", "Wire", "KeyValue", "Consensus", "JSON", "CZlib"]),
        room(
            "Replica",
            [
                "Consensus", "Wire", "KeyValue",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HeapModule", package: "swift-collections"),
            ]),
        room("API", ["HTTP", "JSON", "KeyValue"]),
        .target(
            name: "FuzzTargets",
            dependencies: [
                "API", "Consensus", "HTTP", "JSON", "Journal", "KeyValue", "Replica", "Snapshot", "Wire",
            ],
            path: "Targets", swiftSettings: house),
        .executableTarget(
            name: "Driver", dependencies: ["FuzzTargets"], path: "Driver", swiftSettings: house,
            linkerSettings: [.linkedLibrary("stdc++")]),
    ]
)
