extension FixedWidthInteger {
    /// Reads a decimal number as configurations and servers spell it: nil if there is anything but digits, a sign, say,
    /// which `init(_:)` would take, or if it is too large.
    package init?(digits: some StringProtocol) {
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        self.init(digits, radix: 10)
    }
}
