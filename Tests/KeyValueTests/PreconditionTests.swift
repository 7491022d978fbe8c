// If-Match and If-None-Match as the store decides them (RFC 9110 §13.1, Interface §2).
import KeyValue
import Testing

@Suite("Preconditions")
struct PreconditionTests {
    private func matching(_ tags: (String, isWeak: Bool)...) -> Precondition {
        var precondition = Precondition.none
        for (tag, isWeak) in tags { precondition.addIfMatch(tag: Array(tag.utf8).span, isWeak: isWeak) }
        return precondition
    }

    private func notMatching(_ tags: (String, isWeak: Bool)...) -> Precondition {
        var precondition = Precondition.none
        for (tag, isWeak) in tags { precondition.addIfNoneMatch(tag: Array(tag.utf8).span, isWeak: isWeak) }
        return precondition
    }

    @Test("none holds for every key, present or absent")
    func none() {
        #expect(Precondition.none.isEmpty)
        #expect(Precondition.none.holds(current: nil))
        #expect(Precondition.none.holds(current: Revision(7)))
    }

    @Test("If-Match with a revision holds only while the key is at that revision")
    func ifMatchOne() {
        let precondition = matching(("7", false))
        #expect(precondition == Precondition(ifMatch: .one(Revision(7))))
        #expect(precondition.holds(current: Revision(7)))
        #expect(!precondition.holds(current: Revision(8)))
        #expect(!precondition.holds(current: nil))
    }

    @Test("If-Match takes a list, of which one must be the revision")
    func ifMatchList() {
        let precondition = matching(("7", false), ("9", false))
        #expect(precondition.holds(current: Revision(7)))
        #expect(precondition.holds(current: Revision(9)))
        #expect(!precondition.holds(current: Revision(8)))
    }

    @Test("If-Match: * holds for every key that exists")
    func ifMatchAny() {
        let precondition = Precondition(ifMatch: .any)
        #expect(precondition.holds(current: Revision(2)))
        #expect(!precondition.holds(current: nil))
    }

    @Test("If-Match compares strongly: a weak tag never matches, and does not undo a strong one")
    func ifMatchWeak() {
        #expect(!matching(("7", true)).holds(current: Revision(7)))
        #expect(!matching(("7", true)).isEmpty)
        #expect(matching(("7", true), ("7", false)).holds(current: Revision(7)))
        #expect(matching(("7", false), ("8", true)).holds(current: Revision(7)))
        #expect(!matching(("7", false), ("8", true)).holds(current: Revision(8)))
    }

    @Test("If-None-Match: * holds only for an absent key")
    func ifNoneMatchAny() {
        let precondition = Precondition(ifNoneMatch: .any)
        #expect(precondition.holds(current: nil))
        #expect(!precondition.holds(current: Revision(2)))
    }

    @Test("If-None-Match compares weakly, and fails at each listed revision")
    func ifNoneMatchWeak() {
        let precondition = notMatching(("7", true), ("9", false))
        #expect(!precondition.holds(current: Revision(7)))
        #expect(!precondition.holds(current: Revision(9)))
        #expect(precondition.holds(current: Revision(8)))
        #expect(precondition.holds(current: nil))
    }

    @Test("given both, both must hold")
    func both() {
        let precondition = Precondition(
            ifMatch: .list([Revision(5), Revision(6)]), ifNoneMatch: .one(Revision(6)))
        #expect(precondition.holds(current: Revision(5)))
        #expect(!precondition.holds(current: Revision(6)))
        #expect(!precondition.holds(current: nil))
    }

    @Test(
        "a tag that is no revision never matches",
        arguments: [
            "", "0", "07", "+7", "-7", "7 ", "0x7", "abc", "9007199254740992", "99999999999999999999",
        ])
    func foreignTags(tag: String) {
        #expect(Revision(tag: Array(tag.utf8).span) == nil)
        for current in [Revision(7), Revision(0), .largest, nil] {
            #expect(!matching((tag, false)).holds(current: current))
            #expect(notMatching((tag, false)).holds(current: current))
        }
    }

    @Test("the largest revision is a tag")
    func largest() {
        #expect(Revision(tag: Array("9007199254740991".utf8).span) == .largest)
    }

    @Test("a foreign tag beside a revision leaves the revision")
    func foreignBesideReal() {
        #expect(matching(("abc", false), ("7", false)) == Precondition(ifMatch: .one(Revision(7))))
        #expect(matching(("7", false), ("abc", false)) == Precondition(ifMatch: .one(Revision(7))))
        #expect(matching(("abc", false)) == Precondition(ifMatch: .list([])))
    }
}
