import MartletStore
import Synchronization

/// `stats martlet`: what memcached has no name for. Fields may be added, never put into plain `stats`, whose fields
/// tools count.
struct MartletStatistics {
    let settings: ServerSettings
    let network: NetworkTotals
    let store: StoreStatistics
    let copiedBytes: Int
    let leasedBytes: Int

    init(_ server: Administration.Server) {
        settings = server.pointee.administration.shown.withLock { $0 }
        network = server.pointee.networkTotals()
        store = server.pointee.storeStatistics()
        copiedBytes = server.pointee.budget.copiedBytes
        leasedBytes = server.pointee.budget.leasedBytes
    }

    func append(to text: inout StatisticsText) {
        text.add("martlet_version", ServerVersion.own)
        text.add("page_size", store.pageBytes)
        text.add("slab_classes", store.classes.count)
        text.add("pages_moved", store.pagesMoved)
        text.add("table_bytes", store.tableBytes)
        text.add("item_bytes", store.itemBytes)
        text.add("reserved_bytes", store.reservedBytes)
        text.add("buffer_copied_bytes", copiedBytes)
        text.add("buffer_leased_bytes", leasedBytes)
        text.add("buffer_budget_kicks", network.budgetKicks)
        guard settings.tls.isEnabled else { return }
        text.add("tls_library", TLSLibrary.version)
        text.add("tls_handshakes", network.handshakes)
        text.add("tls_resumed", network.resumptions)
        text.add("tls_in_kernel", network.inKernel)
    }
}
