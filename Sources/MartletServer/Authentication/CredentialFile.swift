// Authentication: who may use the server, before anything else is answered (`-Y`).
//
//     CredentialFile ---> Credentials ----> LoginCheck ----> ConnectionMachine+Login
//     the file's text     what it says      one try          what is said before a login
//
// Goals: memcached's file and replies; passwords that need not stand in the file; a time that tells nothing of names.
// Non-goals: SASL, rights beyond all or nothing, accounts that change while the server runs but by SIGHUP.
//
// Threads: `Credentials` do not change once made; the main thread puts new ones in the place of the old, a login keeps
// those it has begun with. All else belongs to one worker.

import Glibc
import MartletProtocol
import Synchronization

/// The file of `-Y` and what was last read from it.
///
/// Read at the start, where a bad file ends the start, and again on SIGHUP, where it changes nothing but says so. Who
/// is logged in stays logged in.
package struct CredentialFile: ~Copyable {
    struct Reading {
        var credentials: Credentials?
        var generation = 0
    }

    private let path: String?
    /// Random, of this process.
    private let secret: [UInt8]
    private let reading: Mutex<Reading>

    /// None: everybody may use the server.
    package init() {
        path = nil
        secret = []
        reading = Mutex(Reading())
    }

    /// A bad file is an error.
    package init(settings: ServerSettings) throws(StartError) {
        let (secret, first) = try Self.firstReading(settings.authFilePath)
        path = settings.authFilePath
        self.secret = secret
        reading = Mutex(first)
    }

    private static func firstReading(_ path: String?) throws(StartError) -> (secret: [UInt8], Reading) {
        guard let path else { return ([], Reading()) }
        guard let secret = PasswordHash.randomBytes(SHA256.digestBytes) else {
            throw StartError("the system gives no random bytes", status: ExitStatus.system)
        }
        switch read(path, secret: secret, generation: 1) {
        case .success(let credentials):
            SmallFile.remarkOnRights(path, option: "-Y")
            return (secret, Reading(credentials: credentials, generation: 1))
        case .failure(let failure):
            throw StartError("-Y: \(path): \(failure.reason)", status: ExitStatus.failure)
        }
    }

    /// What was read last; nil without a file. Any thread.
    package var credentials: Credentials? { reading.withLock { $0.credentials } }

    /// Reads the file again. The main thread only.
    package borrowing func reload() {
        guard let path else { return }
        // Without the lock: whoever logs in meanwhile does not wait for a disk.
        let generation = reading.withLock { $0.generation } + 1
        switch Self.read(path, secret: secret, generation: generation) {
        case .success(let credentials):
            reading.withLock { $0 = Reading(credentials: credentials, generation: generation) }
        case .failure(let failure):
            ServerLog.write("-Y: \(path): \(failure.reason); who may log in stays as it was")
        }
        SmallFile.remarkOnRights(path, option: "-Y")
    }

    private struct Failure: Error { let reason: String }

    private static func read(_ path: String, secret: [UInt8], generation: Int) -> Result<Credentials, Failure> {
        guard let bytes = SmallFile.bytes(path) else { return .failure(Failure(reason: ServerLog.reason(errno))) }
        guard bytes.count <= SmallFile.bytesMax else { return .failure(Failure(reason: "too long")) }
        do {
            return .success(try Credentials(parsing: bytes, secret: secret, generation: generation))
        } catch {
            return .failure(Failure(reason: "line \(error.number): \(error.reason)"))
        }
    }
}
