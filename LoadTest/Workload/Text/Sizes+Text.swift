extension Sizes: CustomStringConvertible {
    /// Reads the forms that the type's description lists. A relative FILE is looked for in the current folder and then
    /// in `folder`, where the trace is, for example.
    package init(
        parsing text: String, subject: String = "value sizes", folder: String? = nil
    ) throws(WorkloadError) {
        let option = OptionText(subject, text)
        let (name, parts) = option.form
        switch name {
        case "etc" where parts == nil: self = .etc
        case "uniform":
            let parts = try option.expect(parts, "the least", "the most bytes", example: "uniform:10,1000")
            let lower = try option.bytes(parts[0], "the least")
            self = .uniform(lower, try option.bytes(parts[1], "the most", from: lower))
        case "ln":
            let parts = try option.expect(parts, "median", "sigma", "the most bytes", example: "ln:120,0.9,4000")
            self = .logNormal(
                median: try option.number(parts[0], "median", from: 1, to: Double(Self.bytesMax)),
                sigma: try option.number(parts[1], "sigma", from: 0, to: 20),
                most: try option.bytes(parts[2], "the most", from: 1))
        case "pareto":
            let shape = try Self.threeNumbers(option, parts, example: "pareto:0,214.5,0.35,4000")
            self = .generalisedPareto(location: shape.0, scale: shape.1, shape: shape.2, most: shape.3)
        case "gev":
            let shape = try Self.threeNumbers(option, parts, example: "gev:31,8.2,0.08,250")
            self = .generalisedExtremeValue(location: shape.0, scale: shape.1, shape: shape.2, most: shape.3)
        case "dist":
            let parts = try option.expect(parts, "a file", "the most bytes", example: "dist:values.sizes,8000")
            let most = try option.bytes(parts[1], "the most", from: 1)
            self = .steps(try SizeSteps(file: String(parts[0]), folder: folder, subject: option), most: most)
        case _ where parts == nil && name.first?.isNumber == true:
            self = try Self.numbers(name, option)
        default:
            throw option.error(
                "is none of N, A-B, uniform:A,B, ln:MEDIAN,SIGMA,MOST, pareto:LOCATION,SCALE,SHAPE,MOST, "
                    + "gev:LOCATION,SCALE,SHAPE,MOST, dist:FILE,MOST, etc")
        }
    }

    private static func numbers(_ text: Substring, _ option: OptionText) throws(WorkloadError) -> Sizes {
        guard let range = OptionText.range(text) else { return .fixed(try option.bytes(text, "the size")) }
        let lower = try option.bytes(range.lower, "the least", from: 1)
        return .logUniform(lower, try option.bytes(range.upper, "the most", from: lower))
    }

    private static func threeNumbers(
        _ option: OptionText, _ parts: [Substring]?, example: String
    ) throws(WorkloadError) -> (Double, Double, Double, Int) {
        let parts = try option.expect(parts, "location", "scale", "shape", "the most bytes", example: example)
        return (
            try option.number(parts[0], "location", from: -0x1p30, to: 0x1p30),
            try option.number(parts[1], "scale", from: 0, to: 0x1p30),
            try option.number(parts[2], "shape", from: -10, to: 10), try option.bytes(parts[3], "the most", from: 1)
        )
    }

    /// The form it is read from; of a file, how many steps it had.
    package var description: String {
        switch self {
        case .fixed(let bytes): "\(bytes)"
        case .uniform(let lower, let upper): "uniform:\(lower),\(upper)"
        case .logUniform(let lower, let upper): "\(lower)-\(upper)"
        case .logNormal(let median, let sigma, let most): "ln:\(plain(median)),\(plain(sigma)),\(most)"
        case .generalisedPareto(let location, let scale, let shape, let most):
            "pareto:\(plain(location)),\(plain(scale)),\(plain(shape)),\(most)"
        case .generalisedExtremeValue(let location, let scale, let shape, let most):
            "gev:\(plain(location)),\(plain(scale)),\(plain(shape)),\(most)"
        case .steps(let steps, let most): "dist:\(steps.file ?? "\(steps.steps.count) steps"),\(most)"
        case .etc: "etc"
        }
    }
}

/// A number as people write it: no `.0`.
func plain(_ number: Double) -> String {
    abs(number) < 0x1p53 && number == number.rounded() ? "\(Int64(number))" : "\(number)"
}
