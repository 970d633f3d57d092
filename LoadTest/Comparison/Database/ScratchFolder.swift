import Foundation
import Glibc
import LoadEngine

/// A folder for a database, gone with everything in it when it is removed.
final class ScratchFolder: Sendable {
    let path: String

    /// A new folder in `TMPDIR`, else in /tmp; only its owner may enter.
    init() throws(LoadError) {
        let place = getenv("TMPDIR").map { String(cString: $0) } ?? ""
        var template = Array("\(place.isEmpty ? "/tmp" : place)/martlet-load.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            let wanted = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
            throw .circumstances("The folder \(wanted) cannot be made: \(String(cString: strerror(errno))).")
        }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        Guardian.shared.watch(path: path)
    }

    deinit { remove() }

    func give(to user: UnprivilegedUser) throws(LoadError) {
        guard chown(path, user.id, user.group) == 0 else {
            throw .circumstances("\(path) cannot be given to \(user.name): \(String(cString: strerror(errno))).")
        }
    }

    func remove() {
        try? FileManager.default.removeItem(atPath: path)
        Guardian.shared.forget(path: path)
    }

    /// The last lines of a file that are not empty, joined to one: what a program said before it failed.
    func lastWords(of file: String) -> String {
        let text = (try? String(contentsOfFile: "\(path)/\(file)", encoding: .utf8)) ?? ""
        let lines = text.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }
        let last = lines.filter { !$0.isEmpty }.suffix(Self.lastLinesMax)
        return last.isEmpty ? "it said nothing" : last.joined(separator: " / ")
    }

    private static let lastLinesMax = 3
}
