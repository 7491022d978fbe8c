// `rast health`: one probe of one node, for container health checks.
internal import ArgumentParser
internal import Client
internal import Server

struct Health: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ask one node whether it lives, or with --ready whether it can serve.",
        discussion: """
            Asks once, without retries. Alive does not depend on a quorum: a healthy member of a cluster \
            that lost its quorum must not be restarted.

            EXAMPLES:
              rast health
              rast health http://10.0.0.1:8001 --ready
              HEALTHCHECK CMD ["rast", "health"]        in a Dockerfile

            EXIT STATUS: 0 healthy, 1 not, 2 usage.
            """)

    @Argument(
        help: ArgumentHelp(
            "The node; else the first of RAST_ENDPOINTS, else \(ClientOptions.endpointDefault).",
            valueName: "url"))
    var url: String?
    @Flag(help: "Whether it can serve: a leader is known, and nearly all is applied.")
    var ready = false
    @Option(help: ArgumentHelp("How long to wait for the answer.", valueName: "time"))
    var timeout = "2s"

    func run() throws {
        let endpoint = try place()
        let call = Call(.get, path: ready ? "/readyz" : "/livez")
        let time = try ClientOptions.nanoseconds(timeout)
        switch Cluster.ask(call, each: [endpoint], timeoutNanoseconds: time).first {
        case .success(let response) where response.isSuccess:
            try putLine("\(endpoint) \(ready ? "is ready" : "is alive")")
        case .success(let response):
            throw failed("\(endpoint) is not \(ready ? "ready" : "healthy"): \(response.trouble)")
        case .failure(let miss):
            throw failed("\(endpoint) is not reached: \(miss.reason). Start that node, or give another URL.")
        case nil:
            throw failed("\(endpoint) was not asked.")
        }
    }

    private func place() throws(UsageError) -> Endpoint {
        guard let url else {
            // There is always one: an empty list is a flaw.
            return try ClientOptions.places(nil)[0]
        }
        do throws(Endpoint.Flaw) {
            return try Endpoint(url)
        } catch {
            throw UsageError("URL expects \(error).")
        }
    }
}
