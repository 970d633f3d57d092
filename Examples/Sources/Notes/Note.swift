import GRDB
import Hummingbird
import MartletClient

/// A note: a row of the database, a value of the cache, and what the service answers with.
public struct Note: Codable, Equatable, Sendable {
    public var id: Int64
    public var text: String

    public init(id: Int64, text: String) {
        self.id = id
        self.text = text
    }
}

extension Note: FetchableRecord, PersistableRecord {
    public static let databaseTableName = "note"
}

extension Note: CodedCacheValue {}

extension Note: ResponseCodable {}

/// What a client sends.
struct NoteDraft: Codable, Sendable {
    var text: String
}
