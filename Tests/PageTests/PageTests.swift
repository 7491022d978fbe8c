// The dashboard page as it is compiled in: whole, allowed by its own policy, and in need of nobody else.
import CAssets
import Testing

@Suite("The page")
struct PageTests {
    private let page = bytes(of: rast_asset_dashboard)
    private let policy = bytes(of: rast_asset_dashboard_policy)

    private static func bytes(of asset: (UnsafeMutablePointer<Int>) -> UnsafePointer<UInt8>) -> [UInt8] {
        var count = 0
        let start = asset(&count)
        return [UInt8](UnsafeBufferPointer(start: start, count: count))
    }

    private var text: String { String(decoding: page, as: UTF8.self) }

    /// What stands between `<tag>` and `</tag>`, which must be there once.
    private func inside(_ tag: String) throws -> [UInt8] {
        let parts = text.split(separator: "<\(tag)>", omittingEmptySubsequences: false)
        try #require(parts.count == 2)
        let ends = parts[1].split(separator: "</\(tag)>", omittingEmptySubsequences: false)
        try #require(ends.count == 2)
        return [UInt8](ends[0].utf8)
    }

    @Test("the assets are whole")
    func whole() {
        #expect(text.hasPrefix("<!doctype html>"))
        #expect(text.hasSuffix("</html>\n"))
        #expect(page.count < 60 * 1_024)
        let openapi = String(decoding: Self.bytes(of: rast_asset_openapi), as: UTF8.self)
        #expect(openapi.hasPrefix("openapi: 3.1."))
        #expect(openapi.contains("\n  /kv/{key}:\n"))
    }

    @Test("the policy names exactly this script and this style", arguments: ["script", "style"])
    func policyAgrees(tag: String) throws {
        let policy = String(decoding: policy, as: UTF8.self)
        let hash = base64(sha256(try inside(tag)))
        #expect(
            policy.contains("; \(tag)-src 'sha256-\(hash)';"),
            "the page was changed: run scripts/check-page --policy")
        #expect(policy.hasPrefix("default-src 'none'; connect-src 'self'; "))
        #expect(!policy.contains("unsafe"))
        #expect(policy.utf8.allSatisfy { (0x20...0x7E).contains($0) })
    }

    @Test("no text can become markup or code, and nothing is fetched from elsewhere")
    func harmless() throws {
        let script = String(decoding: try inside("script"), as: UTF8.self)
        let sinks = [
            "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(",
            "DOMParser", "srcdoc", "createContextualFragment",
        ]
        for sink in sinks { #expect(!script.contains(sink), "\(sink)") }
        // The only address is a name: that of SVG.
        let elsewhere = text.split(separator: "://").dropFirst().map { $0.prefix(40) }.filter {
            !$0.hasPrefix("www.w3.org/2000/svg'")
        }
        #expect(elsewhere == [])
        #expect(!text.contains("src="))
        #expect(!text.contains(" style="))
    }

    @Test("the hash is SHA-256")
    func knownHash() {
        // FIPS 180-4, the examples of one and of two blocks.
        #expect(base64(sha256(Array("abc".utf8))) == "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=")
        let long = Array("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".utf8)
        #expect(base64(sha256(long)) == "JI1qYdIGOLjlwCaTDD5gOaM85Flk/yFn9uzt1BnbBsE=")
    }
}
