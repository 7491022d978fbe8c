// Requests as openapi.yaml describes them, sent to a node, and the answers held against its examples.
import Foundation
import Testing

/// What a request carries.
enum Content {
    case none
    /// The example of that type and name; the name is empty where there is one only.
    case example(String, String = "")
    case bytes(String, [UInt8])
}

/// Plays operations of the document on one connection.
struct Play {
    let contract: Contract
    let caller: Caller

    /// What no two runs share: addresses, places in the log, times, and what the machine has.
    static let varying: Set = [
        "url", "peerUrl", "term", "commitIndex", "appliedIndex", "firstIndex", "lastIndex", "snapshotIndex",
        "lastLeaderContactMs", "uptimeSeconds", "logBytes", "snapshotBytes", "freeBytes", "matchIndex", "lag",
        "rttMs", "remaining", "next", "index", "reachable", "missing", "lastLeader", "cluster", "boot",
    ]

    /// Sends an operation, and compares status, type, fields and content with what the document says of it.
    ///
    /// - Parameters:
    ///   - id: the operation's.
    ///   - parameters: by name; `@` stands for the document's example, `@name` for one of several.
    ///   - content: what is sent.
    ///   - status: what must be answered.
    ///   - example: the name of the example of the answer, empty where there is one only; nil: its content is
    ///     another one.
    ///   - type: of the answer.
    ///   - query: what the document does not have.
    ///   - method: another one than the operation's.
    ///   - fields: further lines of the request's head.
    ///   - masked: members of which only the kind is compared, besides ``varying``.
    /// - Returns: the answer.
    /// - Throws: what is missing in the document, or what became of the connection.
    @discardableResult
    func ask(
        _ id: String, at parameters: KeyValuePairs<String, String> = [:], with content: Content = .none,
        gives status: Int, like example: String? = nil, type: String = "application/json", query: String = "",
        method: String? = nil, fields: String = "", masked: Set<String> = []
    ) throws -> Response {
        let operation = try contract.operation(id)
        let request = try request(operation, parameters, content, fields, query)
        let answer = try caller.ask(
            method ?? operation.method, request.target, request.content, request.fields)
        let place = "\(id) \(status) \(example ?? "")"
        #expect(answer.status == status, "\(place): \(answer.text)")
        let responses = operation.content["responses"]
        guard let declared = responses?["\(status)"] ?? responses?["default"] else {
            throw Trouble(description: "\(place): not in the document")
        }
        let response = try contract.resolved(declared)
        try check(answer, response, place)
        guard status != 304, let media = response["content"] else { return answer }
        let own = answer.field("Content-Type")?.split(separator: ";").first.map(String.init) ?? ""
        #expect(media[own] != nil || media["*/*"] != nil, "\(place): \(own) is not in the document")
        guard let example else { return answer }
        let isProblem = answer.status >= 300 && own == "application/problem+json"
        let value = try contract.example(example, of: media[isProblem ? own : type])
        let differences = try self.differences(answer, value, own, masked)
        #expect(differences.isEmpty, "\(place), line \(value.line): \(differences)")
        return answer
    }

    private func differences(
        _ answer: Response, _ example: YAML, _ type: String, _ masked: Set<String>
    ) throws -> [String] {
        if type.hasSuffix("json"), !type.hasSuffix("ndjson") {
            return try example.differences(from: answer.text, masked: masked.union(Self.varying))
        }
        guard let text = example.text else { return ["the example is no text"] }
        // "…" stands for what is left out.
        var rest = answer.text[...]
        let parts = text.components(separatedBy: "…")
        for (place, part) in parts.enumerated() {
            guard let found = place == 0 ? rest.range(of: part, options: .anchored) : rest.range(of: part)
            else {
                if part.isEmpty { continue }
                return ["\(part) is not in \(answer.text)"]
            }
            rest = rest[found.upperBound...]
        }
        return parts.count == 1 && !rest.isEmpty ? ["more than the example: \(rest)"] : []
    }

    /// A list as lines, whole, like the only example.
    func stream(
        _ id: String, _ parameters: KeyValuePairs<String, String>, accept: String
    ) throws {
        let operation = try contract.operation(id)
        let request = try request(operation, parameters, .none, "Accept: \(accept)\r\n", "")
        try caller.send("GET \(request.target) HTTP/1.1\r\nHost: localhost\r\n\(request.fields)\r\n")
        let answer = try caller.streamed()
        let media = operation.content["responses"]?["200"]?["content"]?[accept]
        let example = try contract.example("", of: media)
        #expect(answer.has("Content-Type: \(accept)") && answer.text == example.text, "line \(example.line)")
    }

    /// The first events of a watch, like the only example: all of its lines, or the one that it is.
    func events(
        _ parameters: KeyValuePairs<String, String>, accept: String, skipping: Int = 0
    ) throws {
        let operation = try contract.operation("watch")
        let request = try request(operation, parameters, .none, "Accept: \(accept)\r\n", "")
        let head = try caller.open(request.target, request.fields)
        #expect(head.status == 200 && head.has("Content-Type: \(accept)"))
        for _ in 0..<skipping { _ = try caller.line() }
        let media = operation.content["responses"]?["200"]?["content"]?[accept]
        let example = try contract.example("", of: media)
        guard let text = example.text else {
            let line = try caller.line() ?? ""
            let differences = try example.differences(from: line, masked: [])
            #expect(differences.isEmpty, "line \(example.line): \(differences)")
            return
        }
        for expected in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            #expect(try caller.line() == String(expected), "line \(example.line)")
        }
    }

    /// The fields of the answer are as their schemas say.
    private func check(_ answer: Response, _ response: YAML, _ place: String) throws {
        for (name, header) in response["headers"]?.members ?? [] {
            guard let value = answer.field(name), let schema = try contract.resolved(header)["schema"] else {
                continue
            }
            if let only = schema["const"]?.text { #expect(value == only, "\(place): \(name)") }
            if schema["type"]?.text == "integer" { #expect(Int(value) != nil, "\(place): \(name)") }
            if let pattern = schema["pattern"]?.text {
                let isLike = try Regex(pattern).wholeMatch(in: value) != nil
                #expect(isLike, "\(place): \(name): \(value)")
            }
        }
        for name in ["Date", "Rast-Node", "Cache-Control"] { #expect(answer.has("\(name): "), "\(place)") }
    }

    private func request(
        _ operation: Contract.Operation, _ parameters: KeyValuePairs<String, String>, _ content: Content,
        _ fields: String, _ query: String
    ) throws -> (target: String, content: [UInt8]?, fields: String) {
        var (path, head) = (operation.path, fields)
        var query = query.isEmpty ? "" : "?\(query)"
        for (name, given) in parameters {
            guard let parameter = operation.parameters.first(where: { $0["name"]?.text == name }) else {
                throw Trouble(description: "\(operation.path) has no parameter \(name)")
            }
            let isExample = given.hasPrefix("@")
            let text =
                isExample ? try contract.example(String(given.dropFirst()), of: parameter).text ?? "" : given
            switch parameter["in"]?.text {
            case "path": path = path.replacing("{\(name)}", with: text)
            case "query": query += (query.isEmpty ? "?" : "&") + (text.isEmpty ? name : "\(name)=\(text)")
            default: head += "\(name): \(text)\r\n"
            }
        }
        var bytes: [UInt8]?
        switch content {
        case .none: break
        case .example(let type, let name):
            let media = operation.content["requestBody"]?["content"]?[type]
            let example = try contract.example(name, of: media)
            let isJSON = type.hasSuffix("/json")
            bytes = Array((isJSON ? example.json : example.text ?? "").utf8)
            head += "Content-Type: \(type)\r\n"
        case .bytes(let type, let own):
            bytes = own
            head += "Content-Type: \(type)\r\n"
        }
        return (path + query, bytes, head)
    }
}
