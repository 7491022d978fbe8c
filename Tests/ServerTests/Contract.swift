// openapi.yaml as its examples are played: requests made from it, answers held against it.
import Foundation
import Testing

/// The document, and which of its examples were used.
final class Contract {
    private let root: YAML
    private var used: Set<ObjectIdentifier> = []

    init(_ text: String) throws { root = try YAMLReader.read(text) }

    struct Operation {
        let method: String
        let path: String
        let content: YAML
        /// Its own parameters, and those of all operations on the path.
        let parameters: [YAML]
    }

    /// A node, or what its `$ref` names.
    func resolved(_ node: YAML) throws -> YAML {
        guard let reference = node["$ref"]?.text else { return node }
        var found = root
        for name in reference.split(separator: "/").dropFirst() {
            guard let next = found[String(name)] else { throw Trouble(description: "no \(reference)") }
            found = next
        }
        return found
    }

    private func list(_ node: YAML?) throws -> [YAML] {
        guard case .sequence(let items) = node?.content else { return [] }
        return try items.map(resolved)
    }

    var operations: [Operation] {
        get throws {
            var all: [Operation] = []
            for (path, item) in root["paths"]?.members ?? [] {
                for (method, content) in item.members where method != "parameters" {
                    let parameters = try list(item["parameters"]) + list(content["parameters"])
                    all.append(
                        Operation(
                            method: method.uppercased(), path: path, content: content, parameters: parameters)
                    )
                }
            }
            return all
        }
    }

    func operation(_ id: String) throws -> Operation {
        guard let found = try operations.first(where: { $0.content["operationId"]?.text == id }) else {
            throw Trouble(description: "no operation \(id)")
        }
        return found
    }

    /// The example of that name, or the only one where the name is empty, of what stands in `node`.
    func example(_ name: String, of node: YAML?) throws -> YAML {
        let named = name.isEmpty ? node?["example"] : node?["examples"]?[name]
        guard let named else { throw Trouble(description: "no example \"\(name)\"") }
        used.insert(ObjectIdentifier(named))
        return name.isEmpty ? named : named["value"] ?? named
    }

    /// Where the examples stand that nobody has used: those of parameters, requests and answers.
    var unused: [String] {
        get throws {
            var places: [String] = []
            var seen = used
            func look(_ node: YAML?, _ place: String) {
                var examples = node?["examples"]?.members.map { ($0.value, " \($0.name)") } ?? []
                if let example = node?["example"] { examples.append((example, "")) }
                for (example, name) in examples where seen.insert(ObjectIdentifier(example)).inserted {
                    places.append(place + name)
                }
            }
            for operation in try operations {
                let id = operation.content["operationId"]?.text ?? "\(operation.method) \(operation.path)"
                for parameter in operation.parameters {
                    look(parameter, "\(id) \(parameter["name"]?.text ?? "")")
                }
                for (type, media) in operation.content["requestBody"]?["content"]?.members ?? [] {
                    look(media, "\(id) \(type)")
                }
                for (status, response) in operation.content["responses"]?.members ?? [] {
                    for (type, media) in try resolved(response)["content"]?.members ?? [] {
                        look(media, "\(id) \(status) \(type)")
                    }
                }
            }
            return places
        }
    }

    /// What the document does not have: an operation that never says what an answer or a content looks like.
    var lacking: [String] {
        get throws {
            var places: [String] = []
            for operation in try operations where operation.method != "HEAD" {
                let id = operation.content["operationId"]?.text ?? "\(operation.method) \(operation.path)"
                for (status, response) in operation.content["responses"]?.members ?? [] {
                    let media = try resolved(response)["content"]?.members ?? []
                    if media.isEmpty, status != "304" { places.append("\(id) \(status)") }
                    // What is no text has none.
                    for (type, content) in media
                    where type != "application/gzip" && type != "application/http" {
                        if content["example"] == nil, content["examples"] == nil {
                            places.append("\(id) \(status) \(type)")
                        }
                    }
                }
                let bodies = operation.content["requestBody"]?["content"]?.members ?? []
                for (type, content) in bodies where content["example"] == nil && content["examples"] == nil {
                    places.append("\(id) \(type)")
                }
            }
            return places
        }
    }
}

/// What JSON says, with true and 1 told apart.
enum JSONValue: Decodable {
    case null
    case bool(Bool)
    case number(Double)
    case text(String)
    case array([JSONValue])
    case object([String: JSONValue])

    init(from decoder: any Decoder) throws {
        let one = try decoder.singleValueContainer()
        if one.decodeNil() {
            self = .null
        } else if let value = try? one.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? one.decode(Double.self) {
            self = .number(value)
        } else if let value = try? one.decode(String.self) {
            self = .text(value)
        } else if let value = try? one.decode([JSONValue].self) {
            self = .array(value)
        } else {
            self = .object(try one.decode([String: JSONValue].self))
        }
    }
}

extension YAML {
    /// As JSON, members in their order.
    var json: String {
        switch content {
        case .mapping(let members):
            return "{" + members.map { "\(Self.quoted($0.name)):\($0.value.json)" }.joined(separator: ",")
                + "}"
        case .sequence(let items): return "[" + items.map(\.json).joined(separator: ",") + "]"
        case .text(let text): return Self.quoted(text)
        case .plain(let text):
            if ["true", "false", "null"].contains(text) { return text }
            return text.first.map { $0.isNumber && Double(text) != nil } ?? false ? text : Self.quoted(text)
        }
    }

    private static func quoted(_ text: String) -> String {
        let bytes = try? JSONEncoder().encode(text)
        return bytes.map { String(decoding: $0, as: UTF8.self) } ?? "\"\""
    }

    /// How an answer differs from this example. Under the names in `masked` only the kind of value counts; in
    /// sentences, numbers and ids do not.
    func differences(from text: String, masked: Set<String>) throws -> [String] {
        let expected = try JSONDecoder().decode(JSONValue.self, from: Foundation.Data(json.utf8))
        let given = try JSONDecoder().decode(JSONValue.self, from: Foundation.Data(text.utf8))
        var found: [String] = []
        compare(expected, given, "", isMasked: false, masked, &found)
        return found
    }
}

private func compare(
    _ expected: JSONValue, _ given: JSONValue, _ place: String, isMasked: Bool, _ masked: Set<String>,
    _ found: inout [String]
) {
    switch (expected, given) {
    case (.null, .null): break
    case (.bool(let one), .bool(let other)) where one == other: break
    case (.number(let one), .number(let other)) where isMasked || one == other: break
    case (.text(let one), .text(let other)) where isMasked || one == other: break
    case (.text(let one), .text(let other)) where place.hasSuffix("/detail"):
        let pattern = /[0-9a-f]{16,}|[0-9]+/
        if one.replacing(pattern, with: "#") != other.replacing(pattern, with: "#") {
            found.append("\(place): \"\(one)\", and not \"\(other)\"")
        }
    case (.array(let one), .array(let other)):
        if isMasked { break }
        if one.count != other.count { found.append("\(place): \(one.count) items, and not \(other.count)") }
        for (index, pair) in zip(one, other).enumerated() {
            compare(pair.0, pair.1, "\(place)/\(index)", isMasked: false, masked, &found)
        }
    case (.object(let one), .object(let other)):
        for name in Set(one.keys).symmetricDifference(other.keys).sorted() {
            found.append("\(place)/\(name): \(one[name] == nil ? "not in the example" : "not in the answer")")
        }
        for (name, value) in one.sorted(by: { $0.key < $1.key }) {
            guard let answer = other[name] else { continue }
            compare(value, answer, "\(place)/\(name)", isMasked: masked.contains(name), masked, &found)
        }
    default: found.append("\(place): \(expected), and not \(given)")
    }
}
