import LoadDifference
import Testing

struct AnswerComparisonTests {
    private func areSame(_ one: String, _ other: String) -> Bool {
        AnswerComparison.areSame(Array(one.utf8), Array(other.utf8))
    }

    @Test(arguments: [
        ("STORED\r\n", "STORED\r\n"), ("VALUE k 0 1 5\r\nx\r\nEND\r\n", "VALUE k 0 1 77\r\nx\r\nEND\r\n"),
        ("HD c1 t-1 s5\r\n", "HD c99 t-1 s5\r\n"), ("VA 1 t1000 l0\r\nx\r\n", "VA 1 t998 l2\r\nx\r\n"),
        ("ME k exp=-1 la=0 cas=1 fetch=no cls=1 size=63\r\n", "ME k exp=-1 la=1 cas=9 fetch=no cls=4 size=20\r\n"),
        ("VERSION 1.6.45\r\n", "VERSION 1.6.45-martlet\r\n"),
    ])
    func `what each server has of its own is the same`(one: String, other: String) {
        #expect(areSame(one, other))
    }

    @Test(arguments: [
        ("STORED\r\n", "NOT_STORED\r\n"), ("STORED\r\n", "STORED\r\nSTORED\r\n"), ("", "END\r\n"),
        ("VALUE k 0 1\r\nx\r\nEND\r\n", "VALUE k 0 1\r\ny\r\nEND\r\n"), ("VALUE k 0 1\r\n", "VALUE k 1 1\r\n"),
        ("VALUE k 0 1 5\r\nx\r\n", "VALUE k 0 1\r\nx\r\n"), ("HD t10\r\n", "HD t20\r\n"),
        ("HD t-1\r\n", "HD t1000\r\n"),
        ("HD c1\r\n", "HD s1\r\n"), ("HD h0\r\n", "HD h1\r\n"), ("HD W\r\n", "HD Z\r\n"),
        ("ME k exp=-1 fetch=no\r\n", "ME k exp=-1 fetch=yes\r\n"), ("HD\r\n", "HD"),
    ])
    func `all else is a difference`(one: String, other: String) {
        #expect(!areSame(one, other))
    }
}
