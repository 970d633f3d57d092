// Sockets to store and back.
