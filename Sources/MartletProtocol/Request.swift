// The wire as values; see the module documentation in Request.swift.
