/// The texts of `-h`, `-i` and `-V`.
package enum OptionHelp {
    package static func text(_ kind: OptionArgument.PrintedText) -> String {
        switch kind {
        case .help: help
        case .license: license
        case .hashedPasswords: ""
        case .version: "martletd \(ServerVersion.own), protocol of memcached \(protocolLevel)\n"
        }
    }

    private static var protocolLevel: String {
        String(ServerVersion.wire.description.prefix(while: { $0 != "-" }))
    }

    private static let license = """
        martletd \(ServerVersion.own)
        Licensed under the Apache License, Version 2.0: https://www.apache.org/licenses/LICENSE-2.0
        Uses libevent 2, which is under the 3-clause BSD license: https://libevent.org/LICENSE.txt
        \(TLSLibrary.isThere ? "Uses OpenSSL 3, which is under the Apache License, Version 2.0, too" : "Built without TLS")

        """

    private static let help: String = {
        var text = "martletd \(ServerVersion.own), a server for clients of memcached\n"
        for option in OptionTable.options where !option.isHidden { text += line(option, spelled: spelling(option)) }
        text += "\nOptions of -o:\n"
        for option in OptionTable.extended where !option.isHidden { text += line(option, spelled: extended(option)) }
        text += "\n* accepted, without meaning here; docs/options.md says why, and lists what is not offered\n"
        return text
    }()

    private static let nameColumns = 36

    private static func line(_ option: Option, spelled: String) -> String {
        var left = "  " + spelled
        if left.count >= nameColumns { left += "\n" + String(repeating: " ", count: nameColumns) }
        while left.count < nameColumns { left += " " }
        return left + mark(option) + option.summary + defaultRemark(option) + "\n"
    }

    private static func mark(_ option: Option) -> String {
        if case .withoutMeaning = option.standing { return "* " }
        return ""
    }

    private static func defaultRemark(_ option: Option) -> String {
        option.defaultText.map { " (default: \($0))" } ?? ""
    }

    private static func spelling(_ option: Option) -> String {
        let letter = option.letter.map { "-\($0), " } ?? ""
        return "\(letter)--\(option.name)" + (option.placeholder.isEmpty ? "" : "=\(option.placeholder)")
    }

    private static func extended(_ option: Option) -> String {
        guard !option.placeholder.isEmpty else { return option.name }
        return option.placeholder.hasPrefix("[")
            ? option.name + option.placeholder : "\(option.name)=\(option.placeholder)"
    }
}

extension Option {
    /// The default as help texts show it; `nil` where there is nothing to say.
    package var defaultText: String? {
        let defaults = ServerSettings()
        switch argument {
        case .number(let path, let range, let scale):
            let value = defaults[keyPath: path] / scale
            return range.contains(value) ? String(value) : nil
        case .numberOr(let path, _, _): return String(defaults[keyPath: path])
        case .fraction(let path, _, _): return FixedPoint.text(defaults[keyPath: path], places: 2)
        case .octal(let path, _): return String(defaults[keyPath: path], radix: 8)
        case .size(let path, _): return Self.sizeText(defaults[keyPath: path])
        case .choice(let path, let names):
            return names.contains(defaults[keyPath: path]) ? defaults[keyPath: path] : nil
        case .texts where letter == "l": return ServerSettings.defaultListenAddresses.joined(separator: ",")
        default: return nil
        }
    }

    private static func sizeText(_ bytes: Int) -> String {
        if bytes % (1 << 20) == 0 { return "\(bytes >> 20)m" }
        return bytes % (1 << 10) == 0 ? "\(bytes >> 10)k" : String(bytes)
    }
}
