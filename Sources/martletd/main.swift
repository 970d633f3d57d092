// Starts the server; filled in with the options table.
