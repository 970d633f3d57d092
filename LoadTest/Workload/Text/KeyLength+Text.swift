extension KeyLength: CustomStringConvertible {
    /// Reads `20`, `10-40` (even, both ends included) and `etc`.
    package init(parsing text: String, subject: String = "key length") throws(WorkloadError) {
        let option = OptionText(subject, text)
        if text == "etc" {
            self = .etc
        } else if let range = OptionText.range(text[...]) {
            let lower = try option.bytes(range.lower, "the shortest", from: 1, to: KeySpace.bytesMax)
            self = .range(lower, try option.bytes(range.upper, "the longest", from: lower, to: KeySpace.bytesMax))
        } else if text.first?.isNumber == true {
            self = .fixed(try option.bytes(text[...], "the length", from: 1, to: KeySpace.bytesMax))
        } else {
            throw option.error("is none of N, A-B, etc")
        }
    }

    package var description: String {
        switch self {
        case .fixed(let bytes): "\(bytes)"
        case .range(let lower, let upper): "\(lower)-\(upper)"
        case .etc: "etc"
        }
    }
}
