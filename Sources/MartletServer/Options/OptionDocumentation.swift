/// The text of `docs/options.md`, written from the rows of `OptionTable`. A test holds the file to it.
package enum OptionDocumentation {
    package static var page: String {
        introduction
            + section("Options", OptionTable.options, spelled: optionSpelling)
            + section("Options of `-o`", OptionTable.extended, spelled: extendedSpelling)
            + withoutMeaning + notOffered + differences
    }

    private static let introduction = """
        # Options

        This page is written by `./martlet docs` from the table that the server parses with. Spelling, joining and \
        abbreviation are those of memcached: `-vv`, `-t4`, `-t 4`, `--threads=4`, `--threads 4`, `--thr 4`, \
        `-o idle_timeout=60,maxconns_fast`.

        A mistake ends the start with one sentence on stderr. Exit statuses: 0 for a clean end, 1 and 64 for a wrong \
        command line, 67 for a user that does not exist, 71 when the system refuses something, such as the address to \
        listen on. With `-d` this holds until the server goes to the background: by then it has read the files of logins, \
        certificates, cluster and admin token once. What it finds afterwards (an address in use, a memory file that is no \
        such file) is said with `-v` only, and the status was 0, as in memcached.


        """

    // MARK: Tables

    private static func section(_ title: String, _ options: [Option], spelled: (Option) -> String) -> String {
        var text = "## \(title)\n\n| option | meaning | default | in `stats settings` |\n| --- | --- | --- | --- |\n"
        for option in options where option.standing == .applied {
            let setting = option.setting.map { "`\($0)`" } ?? ""
            let value = option.defaultText.map { "`\($0)`" } ?? ""
            text += "| \(spelled(option)) | \(option.summary) | \(value) | \(setting) |\n"
        }
        return text + "\n"
    }

    private static var withoutMeaning: String {
        var text = """
            ## Accepted, without meaning here

            Values are checked as in memcached. Most are kept and shown by `stats settings`.

            | option | in memcached | here |
            | --- | --- | --- |

            """
        for (option, spelled) in everything {
            guard case .withoutMeaning(let reason) = option.standing else { continue }
            text += "| \(spelled) | \(option.summary) | \(reason) |\n"
        }
        return text + "\n"
    }

    private static var notOffered: String {
        var text = """
            ## Not offered in this version

            Each ends the start with its sentence and status \(ExitStatus.usage).

            | option | sentence |
            | --- | --- |

            """
        for (option, spelled) in everything {
            guard case .notOffered(let sentence) = option.standing else { continue }
            text += "| \(spelled) | \(sentence) |\n"
        }
        return text + "\n"
    }

    private static var everything: [(option: Option, spelled: String)] {
        OptionTable.options.map { ($0, optionSpelling($0)) } + OptionTable.extended.map { ($0, extendedSpelling($0)) }
    }

    private static func optionSpelling(_ option: Option) -> String {
        let argument = option.placeholder.isEmpty ? "" : " \(option.placeholder)"
        guard let letter = option.letter else { return "`--\(option.name)\(argument)`" }
        let short = "`-\(letter)\(argument)`"
        // -D has no long name in memcached.
        return option.name.count > 1 ? short + ", `--\(option.name)`" : short
    }

    private static func extendedSpelling(_ option: Option) -> String {
        let argument =
            option.placeholder.isEmpty || option.placeholder.hasPrefix("[")
            ? option.placeholder : "=\(option.placeholder)"
        return "`\(option.name)\(argument)`"
    }

    // MARK: Differences

    private static let differences = """
        ## Different from memcached on purpose

        - Without `-l` the server listens on 127.0.0.1 and ::1 only. `-l 0.0.0.0`, or an address of the machine, opens it.
        - `-m` bounds everything the cache holds: items, hash table and bookkeeping. memcached counts items only.
        - `-f` is 1.05 by default, 1.03 from `-m 256` on, because slab classes can be many when pages are \
        small; pages are 64 KiB up to `-m 1024` and 256 KiB above.
        - `-n` is no minimum by default.
        - `-R` is 64 by default; a number given is exact.
        - `-c` counts client connections, not descriptors.
        - `-o read_buf_mem_limit` is 32 MB unless given, and with 0; in memcached there is no bound then.
        - `-l` must name an address; with `-l ,` memcached runs without a listening socket.
        - Numbers must be numbers: where memcached reads `-p abc` as 0, this server says so and ends.
        - A word that is no option is remarked upon; memcached says nothing.
        - `-P` also works without `-d`, and the file is removed either way.
        - With `-d` all names of files mean the folder the server was started in; memcached's `-P` and `-s` mean `/`.
        - A value given to a sub-option that takes none is remarked upon.
        - Listening sockets that a supervisor hands on (`LISTEN_FDS`) replace all addresses of the options, and one \
        that waits at `NOTIFY_SOCKET` is told `READY=1`: a unit of `Type=notify`, with a socket unit or without, is enough.
        - `-o ssl_key` may be left out when the file of `ssl_chain_cert` has the key, too. `-Z` without a certificate, \
        and numbers that mean nothing (`ssl_keyformat=3`, `ssl_wbuf_size=0`), end the start with a sentence. \
        [tls.md](tls.md) has the rest about TLS.
        - SIGHUP also looks at the file of `--cluster-file`, at once and whether it has changed or not. One that cannot be \
        read, has a line that is no node or has no node changes nothing, and stderr says so; at the start it is an error.
        - `slab_automove=0` and `no_slab_reassign` keep pages where they are only as long as every store finds a chunk.

        """
}
