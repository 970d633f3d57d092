import Foundation
import LoadWorkload

/// The public traces beside the repository, where they are.
enum SharedTraces {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("shared/traces").path
    static let areThere = FileManager.default.fileExists(atPath: folder)

    /// The first requests of a trace; reads store what they miss. `values` counts where the trace does not say.
    static func workload(
        _ trace: String, values: String, requests: UInt64, lives: Lives = .forever
    ) throws -> Workload {
        var workload = Workload()
        workload.sizes = try Sizes(parsing: values, folder: folder)
        workload.lives = lives
        workload.operationCount = requests
        workload.storesOnMiss = true
        _ = try workload.replay(TraceReplay(path: "\(folder)/\(trace).txt.zst"))
        return workload
    }
}
