import Glibc
import MartletServer

/// The life of the process around the server, from the command line to the exit status.
///
/// 1. What the process comes with: signals without a handler, and three standard streams.
/// 2. Parse; texts such as `-h` end here.
/// 3. Limits of the process, while root may still raise them.
/// 4. Privileges, so that nothing below runs as root unless asked for.
/// 5. The background, before there are threads that a fork would lose.
/// 6. The server: store, threads, sockets. Low ports are out of reach by now, as in memcached.
/// 7. The pid file, when the server listens; then whoever supervises the process is told.
/// 8. Serve, until a signal or `shutdown` ends it. The server takes itself down, and the pid file goes last.
enum ServerProcess {
    /// Runs the server to its end. `words` is the command line without the program's name.
    static func run(_ words: [String]) -> Int32 {
        CrashSignals.giveBack()
        do {
            try StandardStreams.fill()
            var words = words
            var surroundings = Surroundings(variables: environment, memoryLimitBytes: MemoryLimit.bytes)
            if words == ["--healthcheck"], let server = RunningServer.find() {
                words = server.words + words
                surroundings.variables = server.environment.merging(environment) { $1 }
            }
            switch try CommandLineParser.parse(words, in: surroundings) {
            case .print(.hashedPasswords):
                return HashedPasswords.print(remark: remark)
            case .print(let text):
                say(OptionHelp.text(text), to: STDOUT_FILENO)
                return ExitStatus.success
            case .run(let settings, _) where settings.checksHealth:
                return checkHealth(settings)
            case .run(let settings, let remarks):
                remarks.forEach(remark)
                settings.memoryRemark(limitBytes: surroundings.memoryLimitBytes).map(remark)
                settings.adminRemark.map(remark)
                try serve(settings)
                return ExitStatus.success
            }
        } catch {
            say(error.message + "\n", to: STDERR_FILENO)
            return error.status
        }
    }

    private static func checkHealth(_ settings: ServerSettings) -> Int32 {
        do throws(HealthCheck.Failure) {
            say("healthy: \(try HealthCheck(settings).run())\n", to: STDOUT_FILENO)
            return ExitStatus.success
        } catch {
            say("unhealthy: \(error.reason)\n", to: STDERR_FILENO)
            return ExitStatus.failure
        }
    }

    private static var environment: [String: String] {
        var variables: [String: String] = [:]
        var next = environ
        while let text = next.pointee {
            let parts = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { variables[String(parts[0])] = String(parts[1]) }
            next += 1
        }
        return variables
    }

    private static func serve(_ given: ServerSettings) throws(StartError) {
        var settings = given
        // The background is in another folder.
        if settings.isDaemon, let folder = getcwd(nil, 0) {
            settings.makePathsAbsolute(in: String(cString: folder))
            free(folder)
        }
        if settings.raisesCoreLimit { try ProcessLimits.raiseCoreSize() } else { ProcessLimits.forbidCores() }
        try ProcessLimits.raiseOpenFiles(
            connections: settings.connectionsMax,
            besides: Limits.ownDescriptorsMax(threadCount: settings.threadCount)
                + (settings.adminAddress == nil ? 0 : Limits.adminDescriptorsMax))
        try Privileges.drop(to: settings.userName, remark: remark)
        if settings.isDaemon {
            // While whoever starts it still hears what is wrong with them.
            try Server.checkFiles(settings)
            if let path = settings.pidFilePath { PidFile.check(path: path, remark: remark) }
            try detach(settings)
        }

        StopSignals.hold()
        let server = try Server(settings: settings)
        if settings.locksMemory, let reason = ProcessLimits.lockMemory() { remark("-k: cannot lock memory: \(reason)") }
        try server.start()
        let pidFile = settings.pidFilePath.flatMap { PidFile(path: $0, remark: remark) }
        ServiceNotice.ready()
        server.context.pointee.stopNotice = { ServiceNotice.stopping() }
        server.run(watchesSignals: true)
        pidFile?.remove(remark: remark)
        if server.hasFailed { throw StartError("the server could not go on", status: ExitStatus.system) }
    }

    /// `-d`. With core files wanted the process stays where it is, so that they can be written; with `-v` it keeps its
    /// standard streams.
    private static func detach(_ settings: ServerSettings) throws(StartError) {
        guard daemon(settings.raisesCoreLimit ? 1 : 0, settings.verbosity > 0 ? 1 : 0) == 0 else {
            throw StartError("failed to daemon() in order to daemonize", status: ExitStatus.failure)
        }
    }

    private static func remark(_ text: String) { ServerLog.write("martletd: \(text)") }

    private static func say(_ text: String, to descriptor: Int32) {
        var text = text
        text.withUTF8 { bytes in
            var sent = 0
            while sent < bytes.count, let start = bytes.baseAddress {
                let count = write(descriptor, start + sent, bytes.count - sent)
                guard count > 0 else { return }
                sent += count
            }
        }
    }
}
