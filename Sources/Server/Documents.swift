// The documents that are compiled into the program, as bytes that are never freed (Interface §7).
internal import API
internal import CAssets
internal import HTTP
internal import Network

/// Bytes of the program itself.
struct Document: @unchecked Sendable {
    // Constant memory: nobody writes to it.
    private let memory: UnsafeBufferPointer<UInt8>

    private init(_ load: (UnsafeMutablePointer<Int>) -> UnsafePointer<UInt8>) {
        var count = 0
        let start = load(&count)
        memory = UnsafeBufferPointer(start: start, count: count)
    }

    func withSpan<R>(_ body: (Span<UInt8>) -> R) -> R { body(Span(_unsafeElements: memory)) }

    /// A copy.
    var bytes: [UInt8] { Array(memory) }

    static let openapi = Document { rast_asset_openapi($0) }
    static let dashboard = Document { rast_asset_dashboard($0) }
    static let dashboardPolicy = Document { rast_asset_dashboard_policy($0) }
}

extension Node {
    mutating func answerOpenAPI(_ slot: Int) { answer(slot, .openapi, Document.openapi) }

    mutating func answerDashboard(_ slot: Int) {
        answer(slot, .dashboard(policy: Document.dashboardPolicy.bytes), Document.dashboard)
    }

    private mutating func answer(_ slot: Int, _ large: LargeAnswer, _ document: Document) {
        if clients[slot].request?.coding == .identity {
            answer(slot) { answer, out in document.withSpan { answer.append(large, $0, to: &out) } }
        } else {
            answer(slot, large, document.bytes)
        }
    }
}
