/// The two versions the server tells.
package enum ServerVersion {
    /// Its own: `-V`, `-h` and `stats martlet`.
    package static let own = "0.1.0"
    /// What `version` and `stats` answer: the protocol level, which clients and exporters test for features, and ours
    /// behind it.
    package static let wire: StaticString = "1.6.45-martlet"
}
