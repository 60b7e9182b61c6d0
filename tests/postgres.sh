#!/bin/sh
# A private PostgreSQL for tests: loopback only, no password, nothing kept safe on the disk, thrown away afterwards.
#
#   tests/postgres.sh start DIR PORT   makes a cluster in DIR (new or empty) and prints its URL
#   tests/postgres.sh stop DIR         stops it; DIR may be removed then
#
# The server refuses to run as root; then user "postgres", whom Debian's package makes, owns and runs it.
set -eu

usage() { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2; }

bin=$(dirname "$(command -v initdb 2>/dev/null || ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null | sort -V | tail -n 1)")
[ -x "$bin/initdb" ] || { echo "PostgreSQL's initdb is not installed (Debian: apt-get install postgresql)" >&2; exit 1; }

as_owner() {
    if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

case "${1:-}" in
start)
    [ $# = 3 ] || usage
    mkdir -p "$2"
    dir=$(cd "$2" && pwd)
    [ "$(id -u)" != 0 ] || chown postgres "$dir"
    cd "$dir"
    as_owner "$bin/initdb" --pgdata="$dir/data" --username=postgres --auth=trust --encoding=UTF8 --locale=C \
        --no-sync >"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log" >&2; exit 1; }
    as_owner "$bin/pg_ctl" --pgdata="$dir/data" --log="$dir/data/server.log" --wait --timeout=60 --silent \
        --options="-p $3 -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off -c max_connections=300" \
        start || { cat "$dir/data/server.log" >&2; exit 1; }
    echo "postgres://postgres@127.0.0.1:$3/postgres"
    ;;
stop)
    [ $# = 2 ] || usage
    dir=$(cd "$2" && pwd)
    cd "$dir"
    as_owner "$bin/pg_ctl" --pgdata="$dir/data" --mode=immediate --wait --silent stop
    ;;
*) usage ;;
esac
