// The documents that are compiled into the program, as bytes that are never freed (Interface §7).
internal import API
internal import CAssets
internal import Network

/// Bytes of the program itself.
struct Document: @unchecked Sendable {
    // Constant memory: nobody writes to it.
    private let bytes: UnsafeBufferPointer<UInt8>

    private init(_ load: (UnsafeMutablePointer<Int>) -> UnsafePointer<UInt8>) {
        var count = 0
        let start = load(&count)
        bytes = UnsafeBufferPointer(start: start, count: count)
    }

    func withSpan<R>(_ body: (Span<UInt8>) -> R) -> R { body(Span(_unsafeElements: bytes)) }

    static let openapi = Document { rast_asset_openapi($0) }
    static let dashboard = Document { rast_asset_dashboard($0) }
    static let dashboardPolicy = Document { rast_asset_dashboard_policy($0) }
}

extension Node {
    mutating func answerOpenAPI(_ slot: Int) {
        answer(slot) { answer, out in Document.openapi.withSpan { answer.append(openapi: $0, to: &out) } }
    }

    mutating func answerDashboard(_ slot: Int) {
        answer(slot) { answer, out in
            Document.dashboard.withSpan { page in
                Document.dashboardPolicy.withSpan {
                    answer.append(dashboard: page, policy: $0, to: &out)
                }
            }
        }
    }
}
