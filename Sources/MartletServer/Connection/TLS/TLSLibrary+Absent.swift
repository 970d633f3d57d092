// What is left of TLSLibrary.swift in a server that was built without OpenSSL: no session ever exists.
#if !TLS

package enum TLSLibrary {
    package static let isThere = false
    package static var version: String { "none" }

    static func ask(_ descriptor: Int32, _ settings: TLSSettings, _ request: [UInt8]) throws(TLSFailure) -> [UInt8] {
        throw TLSFailure("This server was built without TLS")
    }
}

final class TLSCertificates: Sendable {
    init(_ settings: TLSSettings) throws(TLSFailure) {
        throw TLSFailure("This server was built without TLS")
    }

    func session(_ descriptor: Int32, verify: Int, calls: TLSCalls) -> TLSSession? { nil }
}

extension TLSFailure {
    static var reason: String { "" }
}

struct TLSCalls: Sendable {
    init(_ syscalls: Syscalls) {}

    func free() {}
}

struct TLSSession: BitwiseCopyable, Sendable {
    private let nothing: Never

    func negotiate() -> TLSOutcome { .failed }
    func read(into bytes: UnsafeMutableRawPointer, count: Int) -> TLSOutcome { .failed }
    func write(_ bytes: UnsafeRawPointer, count: Int) -> TLSOutcome { .failed }
    var hasInput: Bool { false }
    var holdsPacket: Bool { false }
    var newCount: Int { 0 }
    var isResumed: Bool { false }
    var isInKernel: Bool { false }
    var wasAddressed: Bool { false }
    func end(notifies: Bool) {}
}

#endif
