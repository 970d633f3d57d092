import LoadReport

/// One run of a suite: what the servers are started with, what the driver does, and what happens meanwhile.
package struct Scenario: Sendable, Equatable {
    package var title: String
    /// Options of each server, behind its own command.
    package var serverOptions = CommandWords([])
    /// How many servers of each contender, each with its own address.
    package var serverCount = 1
    /// Options of `martlet-load run`.
    package var runOptions = CommandWords([])
    package var faults: [Fault] = []
    /// What is shown, by the names of `Measure`; the first one stands for the scenario.
    package var measures: [String] = []
    /// The driver is given up after this long.
    package var secondsMax = 300.0

    /// Runs of each contender, unless the user says how many.
    package var pairCount = 3

    package init(title: String) { self.title = title }

    /// The word in the options for half of the baseline's highest rate.
    static let halfLoad = "half"

    /// Whether the baseline's highest rate must be known first.
    package var needsHalfLoad: Bool { runOptions.contains(Self.halfLoad) }

    /// The options without a rate: as fast as the server can.
    var saturatingOptions: CommandWords {
        var words: [String] = []
        for word in runOptions.words {
            if word == "{\(Self.halfLoad)}" {
                // The option's name in front of it.
                words.removeLast(min(1, words.count))
            } else if !word.contains("{\(Self.halfLoad)}") {
                words.append(word)
            }
        }
        return CommandWords(words)
    }
}

/// Several scenarios with something in common, from a file.
package struct Suite: Sendable, Equatable {
    /// The file's name without its ending.
    package var name: String
    package var title: String
    package var about: String
    package var scenarios: [Scenario]

    package init(name: String, title: String, about: String, scenarios: [Scenario]) {
        self.name = name
        self.title = title
        self.about = about
        self.scenarios = scenarios
    }
}

/// Something done to a server while it is under load.
package struct Fault: Sendable, Equatable, CustomStringConvertible {
    package enum Action: String, Sendable, CaseIterable {
        /// Ends it in order.
        case stop
        /// Ends it at once, as a crash does.
        case kill
        /// The process stands still, its sockets stay open.
        case pause
        case resume
        /// Starts it again at the same address, empty.
        case start
    }

    /// Since measuring began.
    package var second: Double
    package var action: Action
    /// Which of several servers, from 0.
    package var server = 0

    package init(second: Double, action: Action, server: Int = 0) {
        self.second = second
        self.action = action
        self.server = server
    }

    package var description: String { server == 0 ? action.rawValue : "\(action.rawValue) \(server + 1)" }
}
