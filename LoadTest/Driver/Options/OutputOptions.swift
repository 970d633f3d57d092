import ArgumentParser

/// What is said about the run, and where.
struct OutputOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Write the results as JSON; - for standard output.", valueName: "file"))
    var json: String?

    @Option(help: ArgumentHelp("Write the percentiles as HdrHistogram's plotters read them.", valueName: "file"))
    var hgrm: String?

    @Option(help: ArgumentHelp("Write one page with charts.", valueName: "file"))
    var html: String?

    @Option(help: ArgumentHelp("What to call the run.", valueName: "text"))
    var label: String?

    @Flag(name: .shortAndLong, help: "No live line.")
    var quiet = false

    @Flag(help: "Fail (exit status 1) also when the figures are doubtful or the server answered with errors.")
    var strict = false
}
