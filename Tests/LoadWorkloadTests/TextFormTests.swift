import LoadWorkload
import Testing

/// What the command line says is understood, said again in the same words, or refused with a sentence that names it.
@Suite("Text forms")
struct TextFormTests {
    @Test(
        "Forms of sizes are read and written",
        arguments: [
            "100", "0", "10-1000", "uniform:10,1000", "ln:120,0.9,4000", "pareto:0,214.476,0.348238,4000",
            "gev:30.8,8.2,0.08,250", "etc",
        ])
    func sizes(form: String) throws {
        #expect(try Sizes(parsing: form).description == form)
    }

    @Test(
        "Forms of popularity are read and written",
        arguments: [
            "uniform", "zipf:0.99", "zipf:1", "hot:0.1,0.9", "sequential", "latest:0.99", "uniform+drift:100/10000",
            "zipf:1.2+drift:100/5s", "zipf:0.99+scan:0.05", "zipf:0.99+drift:1/2.5s+scan:0.05,1000",
        ])
    func popularity(form: String) throws {
        #expect(try Popularity(parsing: form).description == form)
    }

    @Test(
        "Forms of mixes are read and written",
        arguments: [
            "get=90,set=10", "get=1", "get=30,mget:20=5,set=1", "get=1,mget:10-50=1",
            "set=1,add=1,delete=1,incr=1,touch=1,gat=1,cas=1,lease=0.5",
        ])
    func mix(form: String) throws {
        #expect(try Mix(parsing: form).description == form)
    }

    @Test("Forms of lives are read and written", arguments: ["0", "3600", "60-3600", "mix:60=0.3,0=0.7"])
    func lives(form: String) throws {
        #expect(try Lives(parsing: form).description == form)
    }

    @Test("Forms of key lengths are read and written", arguments: ["20", "10-40", "etc"])
    func keyLength(form: String) throws {
        #expect(try KeyLength(parsing: form).description == form)
    }

    @Test("Shorter forms mean the usual")
    func shorthand() throws {
        #expect(try Sizes(parsing: "4k") == .fixed(4096))
        #expect(try Sizes(parsing: "1k-1m") == .logUniform(1024, 1 << 20))
        #expect(try Popularity(parsing: "zipf").shape == .zipf(exponent: 0.99))
        #expect(try Mix(parsing: "get,set").share(of: .get) == 0.5)
        #expect(try Lives(parsing: "2m-1h") == .uniform(120, 3600))
        #expect(try Lives(parsing: "mix:60=3,0=7") == Lives(parsing: "mix:60=0.3,0=0.7"))
        #expect(try OptionText("keys", "10m").count("10m", "the number") == 10_000_000)
        #expect(try OptionText("time", "1.5ms").nanoseconds("1.5ms", "it") == 1_500_000)
    }

    @Test(
        "What is no size is refused",
        arguments: [
            ("", "is none of N"), ("big", "is none of N"), ("-5", "is none of N"), ("1x", "'1x' is not a whole number"),
            ("2g", "the size is 2g, must be 0 to 1073741824"), ("99999999999999999999", "is not a whole number"),
            ("1000-10", "the most is 10, must be 1000 to"), ("0-10", "the least is 0, must be 1 to"),
            ("ln:120", "needs median, sigma, the most bytes, as in ln:120,0.9,4000"), ("ln", "needs median"),
            ("ln:0,1,10", "median is 0, must be 1.0 to"), ("ln:a,1,10", "median 'a' is not a number"),
            ("ln:10,nan,10", "sigma 'nan' is not a number"), ("ln:10,inf,10", "sigma 'inf' is not a number"),
            ("uniform:5,4", "the most is 4"), ("pareto:1,2,3", "needs location, scale, shape"),
            ("gev:1,-2,0,9", "scale is -2"), ("dist:x", "needs a file, the most bytes"),
            ("dist:no-such-file,10", "file no-such-file cannot be opened: No such file or directory"),
            ("etc:1", "is none of N"),
        ])
    func badSizes(form: String, reason: String) {
        expect("value sizes '\(form)': ", reason) { _ = try Sizes(parsing: form) }
    }

    @Test(
        "What is no popularity is refused",
        arguments: [
            ("", "is none of uniform, zipf:EXPONENT"), ("zipf:", "the exponent '' is not a number"),
            ("zipf:0", "the exponent is 0, must be"), ("zipf:-1", "the exponent is -1, must be"),
            ("zipf:1,2", "needs an exponent, as in zipf:0.99"), ("hot:0.1", "needs the share of keys, the share of"),
            ("hot:10,90", "the share of keys is 10, must be 0.0 to 1.0"), ("uniform:1", "is none of uniform"),
            ("drift:1/1", "is none of uniform"),
        ])
    func badPopularity(form: String, reason: String) {
        expect("popularity '\(form)': ", reason) { _ = try Popularity(parsing: form) }
    }

    @Test(
        "What is no change of popularity is refused",
        arguments: [
            ("", "is none of drift:KEYS/OPERATIONS"), ("drift", "needs keys and a period"),
            ("drift:1", "needs keys and a period"), ("drift:0/5", "the number of keys is 0, must be 1 or more"),
            ("drift:1/0s", "the period must be longer than nothing"), ("drift:1/xs", "the period 'x' is not a number"),
            ("scan:2", "the share is 2, must be 0.0 to 1.0"), ("scan:0.1,0", "the number of keys is 0"),
        ])
    func badChange(form: String, reason: String) {
        expect("popularity '\(form)': ", reason) { _ = try Popularity(parsing: "uniform+\(form)") }
    }

    @Test("A change of popularity comes once")
    func twice() {
        expect("popularity 'scan:0.2': ", "comes twice in 'uniform+scan:0.1+scan:0.2'") {
            _ = try Popularity(parsing: "uniform+scan:0.1+scan:0.2")
        }
    }

    @Test(
        "What is no mix is refused",
        arguments: [
            ("", "'' is none of get, mget"), ("fetch=1", "'fetch' is none of get, mget"),
            ("get=0", "no weight is above 0"), ("get=-1", "the weight of get is -1, must be"),
            ("get=1,get=2", "'get' comes twice"), ("get:5=1", "only mget has a number of keys"),
            ("mget:0=1", "the number of keys is 0"), ("mget:5-2=1", "the greatest number of keys is 2"),
            ("mget:100000=1", "must be 1 to 1000"), ("get=1=2", "is not OPERATION=WEIGHT"),
            ("get=x", "the weight of get 'x' is not a number"),
        ])
    func badMix(form: String, reason: String) {
        expect("mix '\(form)': ", reason) { _ = try Mix(parsing: form) }
    }

    @Test(
        "What is no life is refused",
        arguments: [
            ("", "is none of SECONDS"), ("soon", "is none of SECONDS"), ("5-", "the longest life '' is not a number"),
            ("9-5", "the range 9-5 ends before it begins"), ("0-5", "a range of lives begins with 1 second"),
            ("31d", "longer than 30 days, which a server takes for a date"), ("mix:5", "'5' is not SECONDS=WEIGHT"),
            ("mix:5=0", "no weight is above 0"), ("mix:5=x", "the weight of 5 'x' is not a number"),
            ("mux:5=1", "is none of SECONDS"),
        ])
    func badLives(form: String, reason: String) {
        expect("lives '\(form)': ", reason) { _ = try Lives(parsing: form) }
    }

    @Test(
        "What is no key length is refused",
        arguments: [
            ("", "is none of N, A-B, etc"), ("0", "the length is 0, must be 1 to 250"), ("251", "must be 1 to 250"),
            ("9-5", "the longest is 5, must be 9 to 250"), ("long", "is none of N, A-B, etc"),
        ])
    func badKeyLength(form: String, reason: String) {
        expect("key length '\(form)': ", reason) { _ = try KeyLength(parsing: form) }
    }

    @Test(
        "A damaged file of sizes is refused with its line",
        arguments: [
            ("10 1\nten 1\n", "line 2: 'ten 1' is not `upper-bound weight`"),
            ("10 1\n10 2\n", "line 2: bound 10 is not above the one before it"),
            ("10 -1\n", "line 1: '10 -1' is not"), ("10 nan\n", "line 1: '10 nan' is not"),
            ("10\n", "line 1: '10' is not"),
            ("", "needs at least one line with a weight above 0"), ("10 0\n20 0\n", "needs at least one line"),
            ("99999999999 1\n", "line 1: '99999999999 1' is not"),
        ])
    func badFile(text: String, reason: String) throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(text, to: "x.sizes")

        expect("value sizes 'dist:\(path),100': ", reason) { _ = try Sizes(parsing: "dist:\(path),100") }
    }

    private func expect(
        _ subject: String, _ reason: String, sourceLocation: SourceLocation = #_sourceLocation,
        _ body: () throws -> Void
    ) {
        let error = #expect(throws: WorkloadError.self, sourceLocation: sourceLocation) { try body() }
        let message = error?.message ?? ""
        #expect(message.hasPrefix(subject) && message.contains(reason), "\(message)", sourceLocation: sourceLocation)
    }
}
