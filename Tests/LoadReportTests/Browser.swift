import Foundation

/// A headless Chromium, where one is installed and shows a page: on some systems there is only a name that tells where
/// to get it, or a program that sees no temporary folder.
struct Browser {
    static let installed: Browser? = {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        for folder in folders {
            for name in ["chromium", "chromium-browser", "google-chrome"] {
                let path = "\(folder)/\(name)"
                guard FileManager.default.isExecutableFile(atPath: path) else { continue }
                let browser = Browser(path: path)
                // Whatever has that name: it may be something that never ends.
                let page = try? browser.document(
                    of: "<body><script>document.body.append('shown ' + 6 * 7)</script>", width: 400, secondsMax: 60)
                if page?.html.contains("shown 42") == true { return browser }
            }
        }
        return nil
    }()

    let path: String

    /// The page as it is after its script has run; what the script complained about comes on standard error. A browser
    /// that takes longer than `secondsMax` is ended: usually one that disregards its own limit.
    func document(of html: String, width: Int, secondsMax: Int = 400) throws -> (html: String, log: String) {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("report-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let page = folder.appendingPathComponent("page.html")
        try html.write(to: page, atomically: true, encoding: .utf8)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--enable-logging=stderr",
            "--user-data-dir=\(folder.path)/profile", "--window-size=\(width),1000", "--virtual-time-budget=3000",
            "--timeout=300000", "--dump-dom", page.absoluteString,
        ]
        // Files rather than pipes: nobody has to read while the browser writes.
        let output = folder.appendingPathComponent("out"), log = folder.appendingPathComponent("log")
        for file in [output, log] { try Data().write(to: file) }
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = try FileHandle(forWritingTo: log)
        try process.run()
        let end = ContinuousClock.now + .seconds(secondsMax)
        while process.isRunning, ContinuousClock.now < end { usleep(10_000) }
        // Nor is its end waited for: it may have started others, which do not go with it.
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        return try (
            String(decoding: Data(contentsOf: output), as: UTF8.self),
            String(decoding: Data(contentsOf: log), as: UTF8.self)
        )
    }
}
