// swift-tools-version: 6.2
// The house: one room a target, arrows that point down only (see Sources/rast/rast.docc/Map.md).
import PackageDescription

/// What every room is held to. (The rooms are optimised as one program: a quarter fewer instructions for a
/// read, for a getter of another room would copy the whole of what it is asked of.)
let house: [SwiftSetting] = [
    .unsafeFlags(["-cross-module-optimization"], .when(configuration: .release)),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// What a pure room is held to besides: every unsafe construct is marked where it stands.
let pure: [SwiftSetting] = house + [.strictMemorySafety()]

/// The simulated cluster is one object in one thread, and asking at each of its fields whether it is in use
/// took a tenth of a run. Debug builds ask.
let unchecked = SwiftSetting.unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))

func room(
    _ name: String, _ dependencies: [Target.Dependency] = [], settings: [SwiftSetting] = house
) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ room: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []) -> Target {
    .testTarget(
        name: "\(room)Tests", dependencies: [.byName(name: room)] + dependencies, exclude: exclude,
        swiftSettings: house)
}

let package = Package(
    name: "rast",
    products: [.executable(name: "rast", targets: ["rast"])],
    traits: [
        .trait(
            name: "PlantedFaults",
            description: "Faults in the product, to be chosen by name, that the simulator must notice.")
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    ],
    targets: [
        // Pure rooms: no clock, no IO, no chance they were not given.
        room("Consensus", settings: pure),
        room("JSON", settings: pure),
        room("HTTP", settings: pure),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(
            name: "CDeflate", pkgConfig: "libdeflate", providers: [.apt(["libdeflate-dev"])]),
        room("Wire", ["Consensus", "JSON", "CDeflate", "CZlib"], settings: pure),
        room("KeyValue", ["JSON"], settings: pure),
        room("Journal", ["Wire", "Consensus", "JSON"], settings: pure),
        room("Snapshot", ["Journal", "Wire", "KeyValue", "Consensus", "JSON", "CZlib"], settings: pure),
        room(
            "Replica",
            [
                "Consensus", "Wire", "KeyValue",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HeapModule", package: "swift-collections"),
            ], settings: pure),
        room("API", ["HTTP", "JSON", "KeyValue"], settings: pure),
        room(
            "Simulation",
            ["Replica", "Snapshot", "Journal", "Wire", "API", "HTTP", "Consensus", "KeyValue", "JSON"],
            settings: pure + [unchecked]),
        // The shell.
        .target(name: "CLinux"),
        room("Network", ["CLinux"]),
        room(
            "Server",
            [
                "API", "HTTP", "JSON", "Network", "Journal", "Replica", "Snapshot", "Wire", "Consensus",
                "KeyValue", "CAssets",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "DequeModule", package: "swift-collections"),
            ]),
        // The other end of a connection, for the command line.
        room("Client", ["HTTP", "JSON"]),
        // Load, and how long answers take.
        room("Load", ["Client", "HTTP", "Network"]),
        // The page and the document, compiled in.
        .target(name: "CAssets"),
        .executableTarget(
            name: "rast",
            dependencies: [
                "Server", "Client", "Load", "Simulation", "Snapshot", "Journal", "Network", "Wire",
                "KeyValue",
                "Consensus", "JSON", "CLinux",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ], swiftSettings: house),
        tests("Consensus", exclude: ["Scenarios"]),
        tests("JSON"),
        tests("HTTP"),
        tests("Wire", ["Consensus"]),
        tests("KeyValue", ["JSON"]),
        tests("Journal", ["Wire", "Consensus"]),
        tests("Snapshot", ["Wire", "KeyValue", "Consensus", "Journal", "CZlib"]),
        tests("Replica", ["Wire", "Consensus", "KeyValue", "JSON"]),
        tests("API", ["HTTP", "JSON", "KeyValue"]),
        tests("Network", ["CLinux"]),
        tests("Client"),
        tests("Load"),
        tests(
            "Server",
            [
                "API", "HTTP", "JSON", "Network", "Journal", "Replica", "Snapshot", "Wire", "Consensus",
                "KeyValue", "CZlib",
            ],
            exclude: ["malformed.requests"]),
        tests("Simulation", ["KeyValue"]),
        .testTarget(name: "PageTests", dependencies: ["CAssets"], swiftSettings: house),
        .testTarget(name: "TidyTests", swiftSettings: house),
        // Real processes under failure, and what the gate counts (Benchmarks/instructions).
        .target(name: "CCurl", path: "Tests/CCurl", linkerSettings: [.linkedLibrary("curl")]),
        .testTarget(
            name: "FailureTests",
            dependencies: ["CCurl", "Simulation", "Snapshot", "Wire", "Consensus", "KeyValue"],
            swiftSettings: house),
        // What fuzzing feeds (Fuzz/Package.swift has the fuzzer), and its corpus as a test.
        .target(
            name: "FuzzTargets",
            dependencies: [
                "API", "Consensus", "HTTP", "JSON", "Journal", "KeyValue", "Replica", "Snapshot", "Wire",
            ],
            path: "Fuzz/Targets", swiftSettings: house),
        .testTarget(name: "FuzzTests", dependencies: ["FuzzTargets"], swiftSettings: house),
        .target(name: "CCallgrind", path: "Benchmarks/CCallgrind"),
        .executableTarget(
            name: "Instructions",
            dependencies: [
                "API", "CCallgrind", "Consensus", "HTTP", "JSON", "Journal", "KeyValue", "Network", "Replica",
                "Wire",
            ],
            path: "Benchmarks/Instructions", swiftSettings: house),
    ]
)
