import Glibc

/// Whom root becomes to run a database, which refuses to be run by root.
struct UnprivilegedUser: Sendable {
    let name: String
    let id: uid_t
    let group: gid_t

    /// The database's own user if there is one, else nobody. nil where neither exists.
    static func find() -> UnprivilegedUser? {
        for name in ["postgres", "nobody"] {
            if let user = getpwnam(name)?.pointee, user.pw_uid != 0 {
                return UnprivilegedUser(name: name, id: user.pw_uid, group: user.pw_gid)
            }
        }
        return nil
    }
}
