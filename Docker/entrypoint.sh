#!/bin/sh
# `docker run martlet`, `docker run martlet -m 256` and `docker run martlet martletd -m 256` start the server; anything else
# is run as it is: `docker run -it martlet sh`. The server itself sees to what a container is (martletd --container):
# it listens everywhere unless -l or -s, and takes the memory that the container's limit leaves unless -m.
set -eu

case ${1-martletd} in
    martletd) [ $# -eq 0 ] || shift ;;
    -*) ;;
    *) exec "$@" ;;
esac
exec martletd --container "$@"
