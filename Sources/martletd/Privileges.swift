import Glibc
import MartletServer

/// Who the server runs as.
enum Privileges {
    /// Started by root, the process becomes `user` for good; started by anybody else it stays who it is. Root has to
    /// say whom it wants, be it root.
    static func drop(to user: String?, remark: (String) -> Void) throws(StartError) {
        guard getuid() == 0 || geteuid() == 0 else { return }
        guard let user, !user.isEmpty else {
            // memcached's sentence, and what is better.
            throw StartError(
                "must add '-u root' to start as root, or better '-u' and another user, such as '-u nobody'",
                status: ExitStatus.usage)
        }
        guard let account = getpwnam(user) else {
            throw StartError("can't find the user \(user) to switch to", status: ExitStatus.noUser)
        }
        let (group, id) = (account.pointee.pw_gid, account.pointee.pw_uid)
        if setgroups(0, nil) < 0 {
            // EPERM: somebody has taken that right already, so there is nothing left to drop.
            let reason = errno
            let message = "failed to drop supplementary groups: \(String(cString: strerror(reason)))"
            guard reason == EPERM else { throw StartError(message, status: ExitStatus.system) }
            remark(message)
        }
        guard setgid(group) == 0, setuid(id) == 0 else {
            throw StartError("failed to assume identity of user \(user)", status: ExitStatus.system)
        }
    }
}
