#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// What etcd's gateway is asked and answers: its gRPC messages as JSON, integers of 64 bits as texts, bytes in base64.
package enum EtcdMessage {
    struct Header: Decodable {
        var revision: String?

        /// nil if there is none, or one that etcd's 63 bits cannot hold.
        var number: UInt64? { EtcdMessage.revision(revision) }
    }

    static func revision(_ text: String?) -> UInt64? {
        text.flatMap { Int64($0) }.flatMap { UInt64(exactly: $0) }
    }

    /// A key with its value, and the revision that it was last changed at.
    struct Pair: Decodable {
        var key: Data
        var value: Data?
        var modRevision: String?

        enum CodingKeys: String, CodingKey {
            case key, value
            case modRevision = "mod_revision"
        }

        var name: String { String(decoding: key, as: UTF8.self) }
        var revision: UInt64 { EtcdMessage.revision(modRevision) ?? 0 }
    }

    /// All keys from `key` up to, and without, `rangeEnd`; that one key without an end.
    struct Range: Encodable {
        var key: Data
        var rangeEnd: Data?

        enum CodingKeys: String, CodingKey {
            case key
            case rangeEnd = "range_end"
        }
    }

    struct Pairs: Decodable {
        var header: Header
        var kvs: [Pair]?
    }

    struct Put: Encodable {
        var key: Data
        var value: Data
        var lease: String?
    }

    struct Done: Decodable {}

    /// A put, if the key's last change was at `revision`; 0 stands for no such key.
    struct ConditionalPut: Encodable {
        struct Condition: Encodable {
            let target = "MOD"
            let result = "EQUAL"
            var key: Data
            var revision: String

            enum CodingKeys: String, CodingKey {
                case target, result, key
                case revision = "mod_revision"
            }
        }

        struct Operation: Encodable {
            var put: Put

            enum CodingKeys: String, CodingKey { case put = "request_put" }
        }

        var compare: [Condition]
        var success: [Operation]

        init(_ put: Put, ifAt revision: UInt64) {
            compare = [Condition(key: put.key, revision: "\(revision)")]
            success = [Operation(put: put)]
        }
    }

    struct ConditionalDone: Decodable {
        var header: Header
        /// Left out where it is false.
        var succeeded: Bool?
    }

    struct LeaseGrant: Encodable {
        var seconds: String

        enum CodingKeys: String, CodingKey { case seconds = "TTL" }
    }

    struct LeaseName: Encodable {
        var identity: String

        enum CodingKeys: String, CodingKey { case identity = "ID" }
    }

    struct Lease: Decodable {
        var identity: String?
        /// Left out where it is over.
        var seconds: String?

        enum CodingKeys: String, CodingKey {
            case identity = "ID"
            case seconds = "TTL"
        }
    }

    struct KeptAlive: Decodable {
        var result: Lease?
    }

    struct Watch: Encodable {
        struct Creation: Encodable {
            var key: Data
            var rangeEnd: Data
            var startRevision: String

            enum CodingKeys: String, CodingKey {
                case key
                case rangeEnd = "range_end"
                case startRevision = "start_revision"
            }
        }

        var creation: Creation

        enum CodingKeys: String, CodingKey { case creation = "create_request" }
    }

    /// One line of a watch.
    struct Watched: Decodable {
        struct Event: Decodable {
            /// `DELETE`; left out for a put.
            var type: String?
            var kv: Pair
        }

        struct Result: Decodable {
            var canceled: Bool?
            var reason: String?
            /// Of a watch that began before it: the oldest revision that is still there. Left out, or 0, elsewhere.
            var compactRevision: String?
            var events: [Event]?

            enum CodingKeys: String, CodingKey {
                case canceled, events
                case reason = "cancel_reason"
                case compactRevision = "compact_revision"
            }

            var isCompacted: Bool { EtcdMessage.revision(compactRevision) ?? 0 > 0 }
        }

        var result: Result?
        /// Instead of a result, where the gateway has lost the watch.
        var error: Refusal?
    }

    /// The end of the range of all keys that begin with `prefix`: the first key behind them.
    package static func end(ofPrefix prefix: Data) -> Data {
        var end = prefix
        while let last = end.popLast() {
            if last < 0xFF { return end + [last + 1] }
        }
        // Nothing is greater than all of these: etcd takes a zero byte for no end.
        return Data([0])
    }

    struct Login: Encodable {
        var name: String
        var password: String
    }

    struct Token: Decodable {
        var token: String
    }

    /// What comes instead of an answer.
    struct Refusal: Decodable {
        var message: String?
    }
}
