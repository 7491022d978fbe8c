// What a local answer says of its age (Interface §2).
import API
import HTTP
import KeyValue
import Testing

@Test("a local answer says how old it may be")
func localAge() throws {
    let local = try Asked("GET /kv/k?consistency=local", "If-Match: \"9\"|")
    let failed = try response {
        $0.appendRead(
            record("k"), for: local.request, storeRevision: Revision(9),
            age: Age(appliedIndex: 40, leaderContactMilliseconds: 12), to: &$1)
    }
    #expect(failed.status == 412 && failed["ETag"] == "\"7\"" && failed["Rast-Revision"] == "9")
    #expect(failed["Rast-Applied-Index"] == "40" && failed["Rast-Leader-Contact"] == "12")
    let asked = try Asked("GET /kv/k?consistency=local")
    for some in [record(), nil] {
        let get = try response {
            $0.appendRead(
                some, for: asked.request, storeRevision: Revision(9),
                age: Age(appliedIndex: 40, leaderContactMilliseconds: 12), to: &$1)
        }
        #expect(get["Rast-Applied-Index"] == "40")
        #expect(get["Rast-Leader-Contact"] == "12")
        #expect(get["Rast-Revision"] == "9")
    }
    let never = try response {
        $0.appendRead(
            nil, for: asked.request, storeRevision: Revision(1),
            age: Age(appliedIndex: 0, leaderContactMilliseconds: nil), to: &$1)
    }
    #expect(never["Rast-Leader-Contact"] == nil)
}
