// The house as it is meant: its rooms, and the arrows between them (see Map in the documentation).

/// One room, and what may come in through its door.
struct Room {
    let name: String
    /// No clock, no input or output, no chance that was not given, no order of a hash table.
    let isPure: Bool
    /// The rooms below it that it stands on, and libraries.
    let standsOn: Set<String>
    /// What comes with Swift and is not named in the manifest.
    let systemModules: Set<String>
}

/// Another arrow is a decision about the house: it changes here, in `Package.swift` and in the Map.
let house: [Room] = [
    pure("Consensus"),
    pure("JSON"),
    pure("HTTP"),
    pure("Wire", on: ["Consensus", "JSON", "CDeflate", "CZlib"]),
    pure("KeyValue", on: ["JSON"]),
    pure("Journal", on: ["Wire", "Consensus", "JSON"]),
    pure("Snapshot", on: ["Journal", "Wire", "KeyValue", "Consensus", "JSON", "CZlib"]),
    pure("Replica", on: ["Consensus", "Wire", "KeyValue", "DequeModule", "HeapModule"]),
    pure("API", on: ["HTTP", "JSON", "KeyValue"]),
    pure(
        "Simulation",
        on: [
            "Replica", "Snapshot", "Journal", "Wire", "API", "HTTP", "Consensus", "KeyValue", "JSON",
        ]),
    shell("Network", on: ["CLinux"]),
    shell(
        "Server",
        on: [
            "API", "HTTP", "JSON", "Network", "Journal", "Replica", "Snapshot", "Wire", "Consensus",
            "KeyValue", "CLinux", "CAssets", "Logging", "DequeModule",
        ]),
    shell("Client", on: ["HTTP", "JSON"]),
    shell("Load", on: ["Client", "HTTP", "Network"]),
    shell(
        "rast",
        on: [
            "Server", "Client", "Load", "Simulation", "Snapshot", "Journal", "Replica", "Wire", "Consensus",
            "KeyValue", "JSON", "HTTP", "API", "Network", "CLinux", "ArgumentParser", "Logging",
        ],
        and: ["FoundationEssentials"]),
]

private func pure(_ name: String, on rooms: Set<String> = []) -> Room {
    Room(name: name, isPure: true, standsOn: rooms, systemModules: [])
}

private func shell(_ name: String, on rooms: Set<String>, and more: Set<String> = []) -> Room {
    Room(
        name: name, isPure: false, standsOn: rooms,
        systemModules: more.union(["Glibc", "Musl", "Synchronization"]))
}

/// What the manifest says a target depends on: by the target's name.
///
/// Read from the calls that declare targets: the first string in each is its name, and the others, but for
/// the packages that products come from, are what it depends on.
func manifestDependencies(in manifest: [Token]) -> [String: Set<String>] {
    var declared: [String: Set<String>] = [:]
    for (start, token) in manifest.enumerated() {
        guard ["room", "target", "executableTarget"].contains(token.text), token.kind == .word,
            start + 1 < manifest.count, manifest[start + 1].text == "("
        else { continue }
        let call = manifest[start..<closing(of: start + 1, in: manifest)]
        let strings = call.indices.filter { index in
            manifest[index].kind == .string
                && !(manifest[index - 1].text == ":" && manifest[index - 2].text == "package")
        }
        guard let name = strings.first else { continue }
        declared[manifest[name].text] = Set(strings.dropFirst().map { manifest[$0].text })
    }
    return declared
}

/// The place after the bracket that closes the one at `open`.
func closing(of open: Int, in tokens: [Token]) -> Int {
    var depth = 0
    for index in open..<tokens.count where tokens[index].kind == .symbol {
        switch tokens[index].text {
        case "(", "[", "{": depth += 1
        case ")", "]", "}": depth -= 1
        default: continue
        }
        if depth == 0 { return index + 1 }
    }
    return tokens.count
}
