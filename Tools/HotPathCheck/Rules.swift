import Glibc

/// What the walk starts from, where it stops and what it must not meet: the lines of a text file.
///
///     # comment
///     root <pattern>       a function the walk starts from
///     cold <pattern>       a function the walk does not enter
///     pointer <pattern>    a function that calls through a pointer we know
///     forbidden <pattern>  a function that must not be reached
///     known <pattern>      a function known to reach a forbidden one: the check's own test
///
/// A pattern is a part of a demangled name; `=` in front of it asks for the whole name, with what the linker appends
/// (`@plt`, `@GLIBC_2.14`) left out.
struct Rules {
    struct Pattern: CustomStringConvertible {
        let description: String

        func matches(_ name: String) -> Bool {
            guard description.hasPrefix("=") else { return name.contains(description) }
            return name.prefix { $0 != "@" } == description.dropFirst()
        }
    }

    private(set) var roots: [Pattern] = []
    private(set) var cold: [Pattern] = []
    private(set) var pointer: [Pattern] = []
    private(set) var forbidden: [Pattern] = []
    private(set) var known: [Pattern] = []

    init(path: String) throws {
        guard let file = fopen(path, "r") else { throw Failure("cannot read \(path)") }
        defer { fclose(file) }
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(line) }
        while getline(&line, &capacity, file) > 0, let line {
            try read(String(cString: line).split(whereSeparator: \.isNewline).first ?? "")
        }
    }

    private mutating func read(_ line: Substring) throws {
        let words = line.split(separator: " ", maxSplits: 1)
        guard let kind = words.first, !kind.hasPrefix("#") else { return }
        guard words.count == 2 else { throw Failure("a rule without a pattern: \(line)") }
        let pattern = Pattern(description: String(words[1]))
        switch kind {
        case "root": roots.append(pattern)
        case "cold": cold.append(pattern)
        case "pointer": pointer.append(pattern)
        case "forbidden": forbidden.append(pattern)
        case "known": known.append(pattern)
        default: throw Failure("not a rule: \(line)")
        }
    }
}

/// Why the check could not be made.
struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
