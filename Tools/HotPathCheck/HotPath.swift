/// What the hot path is, where it ends, and what must not be on it.
///
/// Names are pieces of mangled names: a length and an identifier, so that `8takeTurn` means exactly `takeTurn`.
enum HotPath {
    /// Where a request's way begins. Each must be found.
    static let roots = ["ConnectionMachineV7receive_8executor"]

    /// Cold functions that hot ones call in rare cases; all are `@inline(never)`. The walk does not enter them.
    static let cold: [(name: String, reason: String)] = [
        ("14Administration", "administration may allocate"),
        ("9ServerLog", "only with -v"),
    ]

    /// Reached from the roots, any of these is a finding.
    static func isForbidden(_ symbol: String) -> Bool {
        forbidden.contains(symbol) || forbiddenPrefixes.contains { symbol.hasPrefix($0) }
    }

    private static let forbidden: Set = [
        "malloc", "calloc", "realloc", "free", "posix_memalign", "aligned_alloc", "operator new",
    ]

    private static let forbiddenPrefixes = [
        "swift_retain", "swift_release", "swift_bridgeObject", "swift_unknownObject", "swift_alloc", "swift_dealloc",
        "swift_slow", "swift_beginAccess", "swift_endAccess", "swift_once", "swift_dynamicCast",
        "swift_getWitnessTable",
        "swift_getGenericMetadata", "swift_getTypeByMangledName", "swift_getAssociated", "swift_isUniquely",
        "swift_initStackObject", "swift_projectBox", "swift_makeBox", "swift_weak", "swift_unowned", "swift_arrayInit",
        "$sSS", "$sSa",
    ]

    /// A function that is known to allocate. The check must find that, or it finds nothing.
    static let known = "14AdministrationO16answerStatistics"
}
