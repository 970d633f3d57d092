import Glibc

/// Counts a program's instructions with valgrind's cachegrind.
///
/// The program prints how many requests it carried out; of two runs of different length, the difference is the
/// requests' alone, and the same in every run: the store's hash has a fixed secret, and nothing waits.
struct InstructionCounter {
    struct Failure: Error, CustomStringConvertible { let description: String }

    let program: String
    private static let rounds = 4

    func kinds() throws -> [String] {
        try output(of: "'\(program)' kinds").split(separator: "\n").map(String.init)
    }

    func instructionsPerRequest(_ kind: String) throws -> Int {
        let (few, fewRequests) = try count(kind, rounds: 1)
        let (many, manyRequests) = try count(kind, rounds: 1 + Self.rounds)
        guard manyRequests > fewRequests, many > few else { throw Failure(description: "\(kind): nothing to count") }
        return Int((Double(many - few) / Double(manyRequests - fewRequests)).rounded())
    }

    private func count(_ kind: String, rounds: Int) throws -> (instructions: Int, requests: Int) {
        let text = try output(
            of: "valgrind --tool=cachegrind --cache-sim=no --cachegrind-out-file=/dev/null "
                + "'\(program)' count \(kind) \(rounds) 2>&1")
        var requests: Int?
        var instructions: Int?
        for line in text.split(separator: "\n") {
            if let number = Int(line) { requests = number }
            // ==1234== I refs:        1,234,567
            let words = line.split(separator: " ")
            if words.count == 4, words[1] == "I", words[2].hasPrefix("refs") {
                instructions = Int(words[3].filter { $0 != "," })
            }
        }
        guard let instructions, let requests else {
            throw Failure(description: "valgrind says nothing of use about \(program):\n\(text)")
        }
        return (instructions, requests)
    }

    private func output(of command: String) throws -> String {
        guard let pipe = popen(command, "r") else { throw Failure(description: "cannot run \(command)") }
        let text = TextFile.rest(of: pipe)
        guard pclose(pipe) == 0 else { throw Failure(description: "\(command) failed:\n\(text)") }
        return text
    }
}
