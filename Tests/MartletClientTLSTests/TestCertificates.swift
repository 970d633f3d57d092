/// Certificates that nobody trusts but these tests: an authority, a server called localhost or 127.0.0.1, and a client.
/// Valid until 2120; their keys are no secret.
enum TestCertificates {
    /// Signs the others.
    static let authority = """
        -----BEGIN CERTIFICATE-----
        MIIBRDCB7KADAgECAgEBMAoGCCqGSM49BAMCMCExHzAdBgNVBAMMFk1hcnRsZXQg
        dGVzdCBhdXRob3JpdHkwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBa
        MCExHzAdBgNVBAMMFk1hcnRsZXQgdGVzdCBhdXRob3JpdHkwWTATBgcqhkjOPQIB
        BggqhkjOPQMBBwNCAASfN/mpvrPY2VdIF/WX97AI02zNvbYVxoXDjpnP9N/zlaYd
        5FbEzG1MImrM8VEIb9EXOQpFrJyjZh7sTLxuPNlqoxMwETAPBgNVHRMBAf8EBTAD
        AQH/MAoGCCqGSM49BAMCA0cAMEQCIGcNXzfTuAzjXaXLoIXLm3qKJqgHWE2S5VTm
        ZBtpBBMrAiBOXjdmtXcxnesCY1dL/aTSliJUg9ETcKawnOtCNLDPOA==
        -----END CERTIFICATE-----
        """

    /// For localhost and 127.0.0.1.
    static let server = """
        -----BEGIN CERTIFICATE-----
        MIIBVzCB/6ADAgECAgECMAoGCCqGSM49BAMCMCExHzAdBgNVBAMMFk1hcnRsZXQg
        dGVzdCBhdXRob3JpdHkwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBa
        MBQxEjAQBgNVBAMMCWxvY2FsaG9zdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IA
        BIs0ObbZVYfXsBJIdf755ReMrEZf6FMFrSECGyi7QvR4Zm2L8yKyGEKeUproHV8i
        Qx+fA8Gdb5yq3g6s9AYo+e2jMzAxMBoGA1UdEQQTMBGCCWxvY2FsaG9zdIcEfwAA
        ATATBgNVHSUEDDAKBggrBgEFBQcDATAKBggqhkjOPQQDAgNHADBEAiAWmjuhNuNg
        AY+5/AGmpZ43NT4zMUazikWLYjAYP0qErAIgBk3PoD03quYs5Ah8bW5AImi4vwO6
        lNEKHT+sljuCxKM=
        -----END CERTIFICATE-----
        """

    /// The server's.
    static let serverKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg6Dfl8+zYREjajXlc
        5S5AwnYTCnYScYeZiBgzA8ieOSuhRANCAASLNDm22VWH17ASSHX++eUXjKxGX+hT
        Ba0hAhsou0L0eGZti/MishhCnlKa6B1fIkMfnwPBnW+cqt4OrPQGKPnt
        -----END PRIVATE KEY-----
        """

    /// For a client that has to show one.
    static let client = """
        -----BEGIN CERTIFICATE-----
        MIIBTDCB86ADAgECAgEDMAoGCCqGSM49BAMCMCExHzAdBgNVBAMMFk1hcnRsZXQg
        dGVzdCBhdXRob3JpdHkwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBa
        MBExDzANBgNVBAMMBmNsaWVudDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABPsU
        2V9hvshWvmJvZclD+rc/3/KBjIMd19ndNu5KoLJAXoLCGNEdejR4xEIZVx1KbpBL
        W/i8QpeDCeXLsL9sRlijKjAoMBEGA1UdEQQKMAiCBmNsaWVudDATBgNVHSUEDDAK
        BggrBgEFBQcDAjAKBggqhkjOPQQDAgNIADBFAiBunKI7LW8bO0tbgUzB9k4B+XbC
        YaHRkaXoo+qXr5HakAIhAMPc78sfB8BuKXefOwu/dJaSVfQtrYYZRHSZJAy9/xI8
        -----END CERTIFICATE-----
        """

    /// The client's.
    static let clientKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgM3GQYqp1jy7kf4DB
        y7fbAj7eREmJ827/YdNeOmuQQzGhRANCAAT7FNlfYb7IVr5ib2XJQ/q3P9/ygYyD
        HdfZ3TbuSqCyQF6CwhjRHXo0eMRCGVcdSm6QS1v4vEKXgwnly7C/bEZY
        -----END PRIVATE KEY-----
        """
}
