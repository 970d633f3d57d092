import Glibc
import LoadEngine

/// Where PostgreSQL's server programs are.
package struct PostgresInstallation: Sendable, Equatable {
    package let folder: String

    var initdb: String { "\(folder)/initdb" }
    var postgres: String { "\(folder)/postgres" }

    /// Debian's place, a folder for each version.
    package static let usualFolders = "/usr/lib/postgresql/*/bin"

    /// The newest of those that `pattern` names and that have what is needed. Throws when there is none.
    package static func find(_ pattern: String = usualFolders) throws(LoadError) -> PostgresInstallation {
        var paths = glob_t()
        defer { globfree(&paths) }
        var found: [PostgresInstallation] = []
        if glob(pattern, 0, nil, &paths) == 0 {
            for index in 0..<Int(paths.gl_pathc) {
                guard let path = paths.gl_pathv?[index] else { continue }
                found.append(PostgresInstallation(folder: String(cString: path)))
            }
        }
        let whole = found.filter { access($0.initdb, X_OK) == 0 && access($0.postgres, X_OK) == 0 }
        guard let newest = whole.max(by: { $0.version < $1.version }) else {
            throw .circumstances(
                "PostgreSQL's server programs initdb and postgres are not in \(pattern) "
                    + "(Debian has them in the package postgresql).")
        }
        return newest
    }

    /// The number in the path: `/usr/lib/postgresql/15/bin` is 15.
    private var version: Double { folder.split(separator: "/").compactMap { Double($0) }.last ?? 0 }
}
