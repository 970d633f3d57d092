#!/bin/sh
# Makes an authority, a server's certificate for the names given, and a client's, for trying TLS out:
#
#   Docker/certificates.sh FOLDER NAME...
#
# Keys are readable by the group 11211 (the image's) if this is run by root, else by everybody on this machine.
set -eu
folder=${1:?a folder is needed}
shift
[ $# -gt 0 ] || set -- localhost
umask 077
mkdir -p "$folder"
cd "$folder"

names=
for name in "$@"; do names="${names:+$names,}DNS:$name"; done

issue() { # file, subject, extension
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -subj "/CN=$2" -out "$1.csr" 2>/dev/null
    printf '%s\n' "$3" >"$1.ext"
    openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 365 -extfile "$1.ext" -out "$1.pem" 2>/dev/null
    rm -f "$1.csr" "$1.ext"
}

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -subj "/CN=Martlet trial authority" \
    -days 365 -out ca.pem 2>/dev/null
issue server "$1" "subjectAltName=$names,DNS:localhost,IP:127.0.0.1"
issue client martlet-client "extendedKeyUsage=clientAuth"
rm -f ca.srl

chmod 755 .
chmod 644 ca.pem server.pem client.pem
if [ "$(id -u)" -eq 0 ]; then chgrp 11211 server.key && chmod 640 server.key; else chmod 644 server.key; fi
echo "certificates for $* are in $folder; ca.key signs more of them: keep it elsewhere"
