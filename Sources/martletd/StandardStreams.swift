import Glibc
import MartletServer

/// The descriptors 0 to 2, which everything takes for stdin, stdout and stderr.
enum StandardStreams {
    /// Opens those that are closed, on nothing. Otherwise the next files and sockets would get their numbers, and the
    /// log would be written into them: into the cache's own file, if that is one of them.
    static func fill() throws(StartError) {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
            // The lowest that is free, which is this one.
            guard open("/dev/null", O_RDWR) == descriptor else {
                throw StartError(
                    "descriptor \(descriptor) is closed, and /dev/null cannot take its place",
                    status: ExitStatus.system)
            }
        }
    }
}
