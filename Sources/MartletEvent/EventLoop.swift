// libevent as Swift.
