// A client that nobody here wrote: libcurl, one connection a call, so that it never sends anything twice.
import CCurl
import Foundation

/// How one call ended.
enum Answer: Sendable {
    case response(Response)
    /// No connection was made, so nothing was sent.
    case notSent(String)
    /// The connection broke or time ran out after it was made: nobody knows.
    case lost(String)

    var status: Int {
        if case .response(let response) = self { response.status } else { 0 }
    }
}

/// A whole answer.
struct Response: Sendable, CustomStringConvertible {
    let status: Int
    /// Names in lower case; of repeated ones the last.
    let fields: [String: String]
    let body: [UInt8]

    var text: String { String(decoding: body, as: UTF8.self) }
    var revision: UInt64? { fields["rast-revision"].flatMap { UInt64($0) } }
    /// The `code`, `reason` or another text member of the body, if it is a JSON object with one.
    func member(_ name: String) -> String? { object?[name] as? String }
    var object: [String: Any]? { (try? JSONSerialization.jsonObject(with: Data(body))) as? [String: Any] }
    var description: String { "\(status) \(text)" }
}

/// One request.
struct Call: Sendable {
    var method = "GET"
    var url: String
    var fields: [String] = []
    var body: [UInt8]?
    var milliseconds = 3_000
    /// The address that it comes from; any if nil.
    var source: String?

    static func get(_ url: String) -> Call { Call(url: url) }
    static func put(_ url: String, _ value: String, _ fields: [String] = []) -> Call {
        Call(method: "PUT", url: url, fields: fields, body: Array(value.utf8))
    }
    static func post(_ url: String, _ body: String, _ fields: [String] = []) -> Call {
        Call(method: "POST", url: url, fields: fields, body: Array(body.utf8))
    }
}

/// A libcurl handle; used by one thread.
///
/// libcurl sends a request again by itself when a connection that it had kept turns out to be closed. So
/// every call makes its own connection (rule 28). Redirects are not followed here.
final class Client {
    private let handle: OpaquePointer
    private static let isReady: Bool = curl_global_init(Int(CURL_GLOBAL_ALL)) == CURLE_OK

    private final class Received {
        var head: [UInt8] = []
        var body: [UInt8] = []
    }

    init() {
        precondition(Self.isReady)
        guard let handle = curl_easy_init() else { preconditionFailure("no memory for libcurl") }
        self.handle = OpaquePointer(handle)
    }

    deinit { curl_easy_cleanup(UnsafeMutableRawPointer(handle)) }

    /// Makes one call, and waits for its whole answer.
    func perform(_ call: Call) -> Answer {
        let handle = UnsafeMutableRawPointer(handle)
        curl_easy_reset(handle)
        var list: UnsafeMutablePointer<curl_slist>?
        // A content type, or nothing, but not libcurl's own.
        for field in call.fields + ["Expect:"] { list = curl_slist_append(list, field) }
        defer { curl_slist_free_all(list) }
        let received = Received()
        let context = Unmanaged.passUnretained(received).toOpaque()
        ccurl_set_text(handle, CURLOPT_URL, call.url)
        ccurl_set_text(handle, CURLOPT_CUSTOMREQUEST, call.method)
        ccurl_set_text(handle, CURLOPT_NOPROXY, "*")
        ccurl_set_list(handle, CURLOPT_HTTPHEADER, list)
        if let source = call.source { ccurl_set_text(handle, CURLOPT_INTERFACE, "host!\(source)") }
        for (option, value) in [
            (CURLOPT_NOSIGNAL, 1), (CURLOPT_PATH_AS_IS, 1), (CURLOPT_FRESH_CONNECT, 1),
            (CURLOPT_FORBID_REUSE, 1), (CURLOPT_FOLLOWLOCATION, 0), (CURLOPT_TIMEOUT_MS, call.milliseconds),
            (CURLOPT_NOBODY, call.method == "HEAD" ? 1 : 0),
        ] { ccurl_set_number(handle, option, value) }
        ccurl_set_receiver(handle, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
            Client.received(context) { $0.head.append(contentsOf: Client.copy(bytes, size * count)) }
            return size * count
        }
        ccurl_set_receiver(handle, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
            Client.received(context) { $0.body.append(contentsOf: Client.copy(bytes, size * count)) }
            return size * count
        }
        ccurl_set_context(handle, CURLOPT_HEADERDATA, context)
        ccurl_set_context(handle, CURLOPT_WRITEDATA, context)
        if let body = call.body {
            ccurl_set_number(handle, CURLOPT_POSTFIELDSIZE, body.count)
            _ = body.withUnsafeBytes {
                ccurl_set_bytes(handle, CURLOPT_COPYPOSTFIELDS, $0.baseAddress ?? UnsafeRawPointer(context))
            }
        }
        let code = withExtendedLifetime(received) { curl_easy_perform(handle) }
        if code == CURLE_OK { return .response(response(handle, received)) }
        let reason = String(cString: curl_easy_strerror(code))
        return code == CURLE_COULDNT_CONNECT ? .notSent(reason) : .lost(reason)
    }

    private func response(_ handle: UnsafeMutableRawPointer, _ received: Received) -> Response {
        var status = 0
        ccurl_get_number(handle, CURLINFO_RESPONSE_CODE, &status)
        var fields: [String: String] = [:]
        for line in String(decoding: received.head, as: UTF8.self).split(whereSeparator: \.isNewline) {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            fields[line[..<colon].lowercased()] = String(value)
        }
        return Response(status: status, fields: fields, body: received.body)
    }

    private static func received(_ context: UnsafeMutableRawPointer?, _ body: (Received) -> Void) {
        guard let context else { return }
        body(Unmanaged<Received>.fromOpaque(context).takeUnretainedValue())
    }

    private static func copy(_ bytes: UnsafeMutablePointer<CChar>?, _ count: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: bytes, count: count)
    }
}

extension Client {
    /// A call that follows the leader: redirects count as one call with what they lead to.
    ///
    /// A `307` certainly did nothing, so what was lost is lost on the last way only.
    func follow(_ call: Call) -> Answer {
        var call = call
        var answer = perform(call)
        for _ in 0..<3 {
            guard case .response(let response) = answer, response.status == 307,
                let location = response.fields["location"]
            else { return answer }
            call.url = location
            answer = perform(call)
        }
        return answer
    }
}
