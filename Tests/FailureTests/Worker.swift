// One of the clients that make a history: what it asks for, and what the answers mean.
import Foundation
import KeyValue
import Simulation

/// One client of a ``Traffic``.
struct Worker {
    typealias Action = Simulation.Call.Action
    typealias Condition = Simulation.Call.Condition
    typealias Found = Simulation.Call.Found
    typealias Outcome = Simulation.Call.Outcome
    private let traffic: Traffic
    private let thread: Int
    private let client = Client()
    private var random: SplitMix64
    private var count = 0
    /// Keys that it alone has written.
    private var mine: [Int] = []
    /// What it has last seen of each hot key.
    private var seen: [Int: (revision: UInt64, value: UInt64)] = [:]

    init(_ traffic: Traffic, _ thread: Int) {
        self.traffic = traffic
        self.thread = thread
        random = SplitMix64(state: traffic.seed &* 1_000 &+ UInt64(thread))
    }

    /// One call. False: it was not served.
    mutating func step() -> Bool {
        count += 1
        let key = Int(random.next() % UInt64(Traffic.hotKeys))
        switch random.next() % 24 {
        case 0..<6: return read(key)
        case 6..<10: return put(key)
        case 10, 11: return put(key, .isAbsent)
        case 12, 13: return change(key) { $0.put(key, $1) }
        case 14, 15: return delete(key)
        case 16..<19:
            let own = traffic.newKey("own/\(thread)/\(count)")
            mine.append(own)
            return put(own)
        case 19, 20: return change(key) { $0.transact(key, $1) }
        case 21: return transact(key, random.next() % 2 == 0 ? .none : .isAbsent)
        case 22: return readTogether()
        default:
            return read(mine.randomElement(using: &random) ?? key)
        }
    }

    /// A write on the condition that nobody has written since this client looked.
    private mutating func change(_ key: Int, _ write: (inout Worker, Condition) -> Bool) -> Bool {
        guard let last = seen[key] else { return read(key) }
        return write(&self, .isAt(Revision(last.revision), value: last.value))
    }

    // Sending ----------------------------------------------------------------------------------------------

    private struct Request {
        let method: String
        let path: String
        var fields: [String] = []
        var body: String?
    }

    /// What became of a write, and when it began.
    private struct Written {
        let outcome: Outcome
        let invoked: UInt64
        let start: Double
    }

    /// Asks any node. Every third time that one is to answer itself: it sends on what it cannot decide.
    private mutating func perform(_ request: Request, milliseconds: Int? = nil) -> Answer {
        let isLed = random.next() % 3 == 0
        var call = Call(
            method: request.method,
            url: traffic.node(&random) + request.path + (isLed ? "?redirect=no" : ""),
            fields: request.fields, body: request.body.map { Array($0.utf8) })
        call.milliseconds = milliseconds ?? traffic.milliseconds
        let answer = client.follow(call)
        if isLed && answer.status == 307 { traffic.add(problem: "\(request.method): a redirect: \(answer)") }
        return answer
    }

    /// Sends a write once; or under a key, and then again until it is answered: with all its retries it is
    /// one call, for it takes effect once (Interface §6).
    private mutating func write(_ request: Request, _ done: (Response) -> Outcome?) -> Written {
        let (invoked, start) = (traffic.now(), Clock.now)
        func written(_ outcome: Outcome) -> Written {
            Written(outcome: outcome, invoked: invoked, start: start)
        }
        guard random.next() % 3 == 0 else {
            return written(outcome(of: perform(request), request.method, done))
        }
        var request = request
        request.fields.append("Idempotency-Key: \(traffic.seed)-\(thread)-\(count)")
        var isOpen = false
        for attempt in 0..<5 {
            // Now and then the first answer is not waited for.
            let isHasty = attempt == 0 && random.next() % 3 == 0
            let answer = perform(request, milliseconds: isHasty ? 1 + Int(random.next() % 30) : nil)
            let outcome = outcome(of: answer, request.method, done)
            switch outcome {
            case .unknown: isOpen = true
            case .refused:
                // What was sent before may still take effect.
                if !isOpen { return written(.refused) }
            default:
                if case .response(let response) = answer { answered(request, response, isRetry: isOpen) }
                return written(outcome)
            }
            usleep(20_000)
        }
        return written(.unknown)
    }

    /// A keyed write has an answer: a repetition gets the same, if any.
    private mutating func answered(_ request: Request, _ first: Response, isRetry: Bool) {
        let mark = "idempotency-replayed"
        if isRetry { traffic.noteRetry(isReplay: first.fields[mark] == "true") }
        guard random.next() % 4 == 0, case .response(let again) = perform(request),
            ![429, 503, 504, 507].contains(again.status)
        else { return }
        let isAlike =
            again.status == first.status && again.fields[mark] == "true" && again.revision == first.revision
            && again.fields["etag"] == first.fields["etag"]
            && (again.status >= 300 || again.body == first.body)
        if isAlike {
            traffic.noteRepeated()
        } else {
            traffic.add(problem: "\(request.method) again: \(again.fields) \(again), and first \(first)")
        }
    }

    private func note(_ key: Int, _ action: Action, _ condition: Condition, _ written: Written) -> Bool {
        traffic.add(
            Simulation.Call(
                key: key, action: action, condition: condition, invoked: written.invoked, returned: nil,
                outcome: written.outcome), from: written.start)
        return written.outcome != .unknown && written.outcome != .refused
    }

    // Calls ------------------------------------------------------------------------------------------------

    mutating func read(_ key: Int) -> Bool {
        let (invoked, start) = (traffic.now(), Clock.now)
        let answer = perform(Request(method: "GET", path: path(key)))
        guard case .response(let response) = answer else { return false }
        var found: Found?
        switch response.status {
        case 200:
            guard let value = UInt64(response.text.prefix(while: \.isNumber)),
                let revision = response.number("etag"),
                let created = response.number("rast-created-revision"),
                let version = response.number("rast-version")
            else {
                traffic.add(problem: "GET: \(response.fields) \(response)")
                return false
            }
            found = Found(
                value: value, revision: Revision(revision), createdRevision: Revision(created),
                version: version)
        case 404: break
        case 307, 429, 503, 504: return false
        default:
            traffic.add(problem: "GET: \(response)")
            return false
        }
        guard let revision = response.revision else {
            traffic.add(problem: "GET without a revision: \(response)")
            return false
        }
        noteRead(key, found, at: revision, invoked, start)
        return true
    }

    private mutating func noteRead(
        _ key: Int, _ found: Found?, at revision: UInt64, _ invoked: UInt64, _ start: Double
    ) {
        seen[key] = found.map { ($0.revision.rawValue, $0.value) }
        traffic.add(
            Simulation.Call(
                key: key, action: .read, invoked: invoked, returned: nil,
                outcome: .read(found, at: Revision(revision))), from: start)
    }

    private func path(_ key: Int) -> String { "/kv/\(traffic.name(key))" }

    private mutating func newText() -> (value: UInt64, text: String) {
        let value = traffic.newValue()
        return (value, "\(value) " + String(repeating: "x", count: Int(random.next() % 200)))
    }

    private static func fields(_ condition: Condition) -> [String] {
        switch condition {
        case .none: []
        case .isAbsent: ["If-None-Match: *"]
        case .isAt(let revision, _): ["If-Match: \"\(revision.rawValue)\""]
        }
    }

    /// The first write of all.
    mutating func putWitness(at key: Int) -> Bool {
        count += 1
        let (value, text) = newText()
        let isServed = put(key, .none, value, text)
        if isServed { traffic.witnessText = text }
        return isServed
    }

    private mutating func put(_ key: Int, _ condition: Condition = .none) -> Bool {
        let (value, text) = newText()
        return put(key, condition, value, text)
    }

    private mutating func put(_ key: Int, _ condition: Condition, _ value: UInt64, _ text: String) -> Bool {
        let request = Request(method: "PUT", path: path(key), fields: Self.fields(condition), body: text)
        let written = write(request) { response in
            response.object.flatMap { Self.written($0, created: response.status == 201) }
        }
        if case .written(_, let revision, _, _) = written.outcome { seen[key] = (revision.rawValue, value) }
        return note(key, .put(value: value), condition, written)
    }

    private static func written(_ object: [String: Any], created: Bool) -> Outcome? {
        guard let revision = object["revision"] as? Int, let first = object["createdRevision"] as? Int,
            let version = object["version"] as? Int
        else { return nil }
        return .written(
            created: created, revision: Revision(UInt64(revision)), createdRevision: Revision(UInt64(first)),
            version: UInt64(version))
    }

    private mutating func delete(_ key: Int) -> Bool {
        var condition = Condition.none
        if random.next() % 2 == 0, let last = seen[key] {
            condition = .isAt(Revision(last.revision), value: last.value)
        }
        let request = Request(method: "DELETE", path: path(key), fields: Self.fields(condition))
        let written = write(request) { response in
            guard let object = response.object, let revision = object["revision"] as? Int,
                let count = object["deleted"] as? Int
            else { return nil }
            return .deleted(count: count, revision: Revision(UInt64(revision)))
        }
        return note(key, .delete, condition, written)
    }
}

// Transactions ---------------------------------------------------------------------------------------------

extension Worker {
    private static func transaction(_ body: [String: Any]) -> Request {
        let json = (try? JSONSerialization.data(withJSONObject: body)) ?? Data()
        return Request(
            method: "POST", path: "/txn", fields: ["Content-Type: application/json"],
            body: String(decoding: json, as: UTF8.self))
    }

    /// A put on a condition, as a transaction that reads the key if the condition does not hold.
    private mutating func transact(_ key: Int, _ condition: Condition) -> Bool {
        let (value, text) = newText()
        let name = traffic.name(key)
        let conditions: [[String: Any]] =
            switch condition {
            case .none: []
            case .isAbsent: [["key": name, "exists": false]]
            case .isAt(let revision, _): [["key": name, "revision": Int(revision.rawValue)]]
            }
        let request = Self.transaction([
            "if": conditions, "then": [["put": ["key": name, "value": text]]],
            "else": [["get": ["key": name]]],
        ])
        let written = write(request) { response in
            guard let object = response.object, let revision = object["revision"] as? Int,
                let result = (object["results"] as? [[String: Any]])?.first
            else { return nil }
            if object["succeeded"] as? Bool == true {
                guard let put = result["put"] as? [String: Any] else { return nil }
                return Self.written(put, created: put["version"] as? Int == 1)
            }
            let current = (result["get"] as? [String: Any])?["revision"] as? Int
            return .conditionFailed(
                current: current.map { Revision(UInt64($0)) }, at: Revision(UInt64(revision)))
        }
        if case .written(_, let revision, _, _) = written.outcome { seen[key] = (revision.rawValue, value) }
        return note(key, .put(value: value), condition, written)
    }

    /// Three keys as they stand at one revision.
    private mutating func readTogether() -> Bool {
        let keys = (0..<Traffic.hotKeys).shuffled(using: &random).prefix(3)
        let gets = keys.map { ["get": ["key": traffic.name($0)]] }
        let (invoked, start) = (traffic.now(), Clock.now)
        let answer = perform(Self.transaction(["then": gets]))
        guard case .response(let response) = answer,
            ![307, 429, 503, 504, 507].contains(response.status)
        else { return false }
        guard response.status == 200, let object = response.object, let revision = object["revision"] as? Int,
            let results = object["results"] as? [[String: Any]], results.count == keys.count
        else {
            traffic.add(problem: "POST /txn: \(response.fields) \(response)")
            return false
        }
        for (key, result) in zip(keys, results) {
            let found = (result["get"] as? [String: Any]).flatMap(Self.found)
            if found == nil && !(result["get"] is NSNull) { traffic.add(problem: "POST /txn: \(response)") }
            noteRead(key, found, at: UInt64(revision), invoked, start)
        }
        return true
    }

    private static func found(_ object: [String: Any]) -> Found? {
        guard let text = object["value"] as? String, let value = UInt64(text.prefix(while: \.isNumber)),
            let revision = object["revision"] as? Int, let created = object["createdRevision"] as? Int,
            let version = object["version"] as? Int
        else { return nil }
        return Found(
            value: value, revision: Revision(UInt64(revision)), createdRevision: Revision(UInt64(created)),
            version: UInt64(version))
    }
}

// Answers --------------------------------------------------------------------------------------------------

extension Worker {
    /// What an answer to a write means (Interface §5).
    private func outcome(
        of answer: Answer, _ method: String, _ done: (Response) -> Outcome?
    ) -> Outcome {
        guard case .response(let response) = answer else {
            if case .notSent = answer { return .refused }
            return .unknown
        }
        var meaning: Outcome?
        switch response.status {
        case 200, 201: meaning = done(response)
        case 412:
            meaning = response.revision.map {
                .conditionFailed(current: response.number("etag").map { Revision($0) }, at: Revision($0))
            }
        case 307, 429, 503, 507: meaning = .refused
        case 504: meaning = response.member("outcome") == "not_applied" ? .refused : .unknown
        default: meaning = nil
        }
        if meaning == nil { traffic.add(problem: "\(method): \(response.fields) \(response)") }
        return meaning ?? .unknown
    }
}

extension Response {
    /// A field that is a number, perhaps in quotes.
    fileprivate func number(_ name: String) -> UInt64? {
        fields[name].flatMap { UInt64($0.trimmingCharacters(in: ["\""])) }
    }
}
