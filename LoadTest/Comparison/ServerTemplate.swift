import Foundation

/// How to start a server: a command line with places for what differs from start to start.
///
/// `{port}` is a free TCP port of 127.0.0.1, `{socket}` the path of a Unix socket; one of them must be there. Options
/// that a suite asks for (`-m 64`) go where `{options}` stands, and behind the last word where it stands nowhere.
package struct ServerTemplate: Sendable {
    /// What reports call it.
    package let name: String
    package let command: CommandWords

    /// - Parameter name: nil for the program's own name.
    package init(name: String?, command text: String) throws(ComparisonError) {
        command = try CommandWords(parsing: text)
        guard let program = command.words.first else { throw .usage("an empty command starts no server") }
        guard command.contains("port") || command.contains("socket") else {
            throw .usage("'\(text)' names neither {port} nor {socket}: where would the server listen?")
        }
        self.name = name ?? URL(fileURLWithPath: program).lastPathComponent
    }

    /// The command with its places filled.
    func words(options: CommandWords, port: UInt16, socket: String) -> CommandWords {
        var words: [String] = []
        var hasPlace = false
        for word in command.words {
            if word == "{options}" {
                words += options.words
                hasPlace = true
            } else {
                words.append(word)
            }
        }
        if !hasPlace { words += options.words }
        return CommandWords(words).filled(["port": "\(port)", "socket": socket])
    }
}
