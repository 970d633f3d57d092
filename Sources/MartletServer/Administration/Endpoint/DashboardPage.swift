import MartletProtocol

/// The dashboard: one page with its style and script in it, which asks for nothing but this endpoint's figures.
enum DashboardPage {
    /// Everything of the page.
    static let bytes: [UInt8] = {
        let parts = [
            "<!doctype html><html lang=en><meta charset=utf-8><title>Martlet</title>",
            "<meta name=viewport content=\"width=device-width,initial-scale=1\">",
            "<meta name=color-scheme content=\"light dark\">",
            "<link rel=icon href=\"data:,\"><style>",
        ]
        return parts.joined().utf8 + PackageResources.dashboard_css + Array("</style>".utf8)
            + PackageResources.dashboard_html + Array("<script>".utf8) + PackageResources.dashboard_js
            + Array("</script></html>\n".utf8)
    }()

    /// What a browser lets the page do: its own script, its own style, figures from here.
    static let policy: String = {
        let script = hash(PackageResources.dashboard_js)
        let style = hash(PackageResources.dashboard_css)
        return "default-src 'none'; script-src 'sha256-\(script)'; style-src 'sha256-\(style)'; connect-src 'self'; "
            + "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    }()

    private static func hash(_ text: [UInt8]) -> String { Base64.text(of: SHA256.bytes(SHA256.digest(text))) }
}
