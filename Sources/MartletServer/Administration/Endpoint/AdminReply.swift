/// What the admin endpoint answers.
struct AdminReply {
    let status: Int
    let reason: String
    let type: String
    let body: [UInt8]
    var fields: [(name: String, value: String)] = []

    init(_ status: Int, _ reason: String, type: String = plain, body: [UInt8]) {
        self.status = status
        self.reason = reason
        self.type = type
        self.body = body
    }

    /// A sentence.
    init(_ status: Int, _ reason: String, _ text: String) {
        self.init(status, reason, body: Array((text + "\n").utf8))
    }

    static let plain = "text/plain; charset=utf-8"
    static let json = "application/json"
    /// Prometheus' own type, with its version.
    static let metrics = "text/plain; version=0.0.4; charset=utf-8"
    static let page = "text/html; charset=utf-8"

    static let notFound = AdminReply(
        404, "Not Found", "there are /, /metrics, /healthz, /readyz, /stats.json and /history.json")
    static let foreignHost = AdminReply(
        403, "Forbidden", "without --admin-token-file only requests to a loopback address are answered")
    static let withoutMemory = AdminReply(503, "Service Unavailable", "the system has no memory for an answer")
    static let unknown: AdminReply = {
        var reply = AdminReply(401, "Unauthorized", "the token of --admin-token-file is missing or wrong")
        reply.fields = [("WWW-Authenticate", "Basic realm=\"martlet\"")]
        return reply
    }()

    /// Fields of every reply: nothing is kept by anybody, guessed, framed or loaded from elsewhere.
    var allFields: [(name: String, value: String)] {
        fields + [
            ("Content-Type", type), ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"),
            ("X-Frame-Options", "DENY"), ("Referrer-Policy", "no-referrer"),
            ("Content-Security-Policy", type == Self.page ? DashboardPage.policy : "default-src 'none'"),
        ]
    }
}
