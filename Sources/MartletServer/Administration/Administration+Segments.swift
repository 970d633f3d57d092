import MartletStore

/// `lru`: shares and ages of the segments.
extension Administration {
    static func lruAnswer(_ words: [String], _ desk: Desk) -> String {
        switch (words.first, words.count) {
        case ("tune", 5...): return tuneAnswer(words, desk)
        case ("mode", 2...) where desk.server.pointee.settings.lruMaintainer:
            switch words[1] {
            case "flat": return setSegmented(false, desk)
            case "segmented": return setSegmented(true, desk)
            default: return "ERROR"
            }
        case ("temp_ttl", 2...) where desk.server.pointee.settings.lruMaintainer:
            guard let seconds = Int32(words[1]) else { return "ERROR" }
            desk.server.pointee.store.setTemporarySeconds(UInt32(max(seconds, 0)))
            return desk.keep { $0.temporaryTTLSeconds = seconds < 0 ? nil : Int(seconds) }
        default:
            return "ERROR"
        }
    }

    private static func setSegmented(_ isSegmented: Bool, _ desk: Desk) -> String {
        desk.server.pointee.store.setSegmented(isSegmented)
        return desk.keep { $0.lruSegmented = isSegmented }
    }

    private static func tuneAnswer(_ words: [String], _ desk: Desk) -> String {
        guard let hot = UInt32(words[1]), let warm = UInt32(words[2]), let hotFactor = Double(words[3]),
            let warmFactor = Double(words[4])
        else { return "ERROR" }
        guard hot <= 80, warm <= 80, hot + warm <= 80 else { return "ERROR hot and warm pcts must not exceed 80" }
        if hotFactor <= 0 || warmFactor <= 0 { return "ERROR hot/warm age factors must be greater than 0" }
        guard hotFactor <= fractionMax, warmFactor <= fractionMax else { return "ERROR" }
        desk.server.pointee.store.setSegmentShares(hotPercent: Int(hot), warmPercent: Int(warm))
        desk.server.pointee.store.setSegmentAges(hotFactor: hotFactor, warmFactor: warmFactor)
        return desk.keep {
            ($0.hotPercent, $0.warmPercent, $0.hotFactorMax, $0.warmFactorMax) =
                (Int(hot), Int(warm), hotFactor, warmFactor)
        }
    }
}
