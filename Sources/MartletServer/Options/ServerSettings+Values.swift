/// How an option's text becomes a value.
extension ServerSettings {
    /// Sets what `argument` names to what `text` says. Returns whether it could.
    mutating func apply(_ argument: OptionArgument, _ text: String) -> Bool {
        switch argument {
        case .on(let path): self[keyPath: path] = true
        case .off(let path): self[keyPath: path] = false
        case .counted(let path): self[keyPath: path] += 1
        case .preset(let set): set(&self)
        case .ignored, .ignoredText, .print, .extended: break
        case .text(let path), .file(let path):
            guard !text.isEmpty else { return false }
            self[keyPath: path] = text
        case .byte(let path, let switched):
            guard let byte = text.utf8.first, byte < 0x80 else { return false }
            self[keyPath: path] = byte
            self[keyPath: switched] = true
        case .texts(let path):
            return append(text, to: path)
        case .choice(let path, let names):
            guard names.contains(text) else { return false }
            self[keyPath: path] = text
        default:
            return applyNumber(argument, text)
        }
        return true
    }

    private mutating func applyNumber(_ argument: OptionArgument, _ text: String) -> Bool {
        switch argument {
        case .number(let path, let range, let scale):
            guard let number = Int(text), range.contains(number) else { return false }
            self[keyPath: path] = number * scale
        case .numberIfGiven(let path, let range, let scale):
            guard let number = Int(text), range.contains(number) else { return false }
            self[keyPath: path] = number * scale
        case .numberOr(let path, let range, let absent):
            guard let number = text.isEmpty ? absent : Int(text), range.contains(number) else { return false }
            self[keyPath: path] = number
        case .checkedNumber(let range):
            guard let number = Int(text), range.contains(number) else { return false }
        case .fraction(let path, let above, let upTo):
            guard let number = Double(text), number > above, number <= upTo else { return false }
            self[keyPath: path] = number
        case .octal(let path, let range):
            guard let number = Int(text, radix: 8), range.contains(number) else { return false }
            self[keyPath: path] = number
        case .size(let path, let range):
            guard let bytes = Self.bytes(text), range.contains(bytes) else { return false }
            self[keyPath: path] = bytes
        case .ascending(let path):
            guard let numbers = Self.ascendingNumbers(text) else { return false }
            self[keyPath: path] = numbers
        default:
            return false
        }
        return true
    }

    /// Parts of a list are kept one by one; `settle` leaves out what was given before.
    private mutating func append(_ text: String, to path: OptionArgument.Path<[String]>) -> Bool {
        let parts = text.split(whereSeparator: { $0 == "," || $0 == ";" }).map(String.init)
        self[keyPath: path] += parts
        return !parts.isEmpty
    }

    /// `1024`, `10k` or `2m`.
    private static func bytes(_ text: String) -> Int? {
        let factor =
            switch text.last {
            case "k", "K": 1 << 10
            case "m", "M": 1 << 20
            default: 1
            }
        guard let number = Int(factor == 1 ? text : String(text.dropLast())), number >= 0 else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: factor)
        return overflow ? nil : bytes
    }

    /// `100-200-400`: each more than 8 above the one before.
    private static func ascendingNumbers(_ text: String) -> [Int]? {
        var numbers: [Int] = []
        for part in text.split(separator: "-") {
            guard let number = Int(part), number > (numbers.last.map { $0 + 8 } ?? 0), number <= 1 << 20 else {
                return nil
            }
            numbers.append(number)
        }
        return numbers.isEmpty || numbers.count > 62 ? nil : numbers
    }
}

extension ServerSettings {
    /// Names of files mean those of `folder` wherever the process goes.
    package mutating func makePathsAbsolute(in folder: String) {
        for option in OptionTable.options + OptionTable.extended {
            guard case .file(let path) = option.argument, let name = self[keyPath: path], !name.hasPrefix("/") else {
                continue
            }
            self[keyPath: path] = "\(folder)/\(name)"
        }
    }
}

extension Option {
    /// Which values would do, in place of `value`.
    func complaint(about value: String) -> String {
        switch argument {
        case .number(_, let range, let scale), .numberIfGiven(_, let range, let scale):
            let unit = scale == 1 << 20 ? " of megabytes" : scale == 1 << 10 ? " of kilobytes" : ""
            return "\"\(value)\" is not a number\(unit) from \(range.lowerBound) to \(range.upperBound)"
        case .numberOr(_, let range, _), .checkedNumber(let range):
            return "\"\(value)\" is not a number from \(range.lowerBound) to \(range.upperBound)"
        case .fraction(_, let above, let upTo):
            return "\"\(value)\" is not a number greater than \(above), at most \(upTo)"
        case .octal: return "\"\(value)\" is not an octal number from 0 to 7777"
        case .size: return "\"\(value)\" is not a number of bytes, or of k or m"
        case .choice(_, let names): return "\"\(value)\" is not one of \(names.joined(separator: ", "))"
        case .ascending:
            return "\"\(value)\" is not ascending numbers joined by hyphens, each more than 8 above the one before"
        case .texts: return "\"\(value)\" names no address"
        default: return "the value is empty"
        }
    }
}
