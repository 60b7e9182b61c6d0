#!/usr/bin/env bash
# A private PostgreSQL server for the suites: its own cluster, on loopback, run by an unprivileged user.
#   tests/postgres.sh start DIR PORT   makes a cluster in DIR (which may not hold one yet), starts it, prints its URL
#   tests/postgres.sh stop DIR         stops it; the folder stays
set -euo pipefail

fail() { echo "postgres.sh: $*" >&2; exit 1; }

# Debian keeps the server's programs out of PATH, one folder per version.
programs() {
    local found
    found=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1 || true)
    [ -n "$found" ] || found=$(dirname "$(command -v initdb || fail 'initdb is not installed (Debian: postgresql)')")
    echo "$found"
}

# PostgreSQL refuses to run as root.
as_owner() {
    if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

start() {
    local dir=$1 port=$2 bin
    bin=$(programs)
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd)
    if [ "$(id -u)" = 0 ]; then
        chown postgres "$dir"
        runuser -u postgres -- test -x "$dir" || fail "the user postgres cannot reach $dir; name a folder that it can"
    fi
    [ ! -e "$dir/data" ] || fail "$dir already holds a cluster"
    (
        cd "$dir"
        as_owner "$bin/initdb" --pgdata="$dir/data" --username=poolhouse --auth=trust --encoding=UTF8 --locale=C --no-instructions
        # The socket stays inside: nothing of this server is visible in the system's folders.
        as_owner "$bin/pg_ctl" --pgdata="$dir/data" --log="$dir/server.log" --wait --timeout=60 \
            --options="-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories='$dir' -c max_connections=200" start
        as_owner "$bin/createdb" --host=127.0.0.1 --port="$port" --username=poolhouse poolhouse
    ) </dev/null >"$dir.log" 2>&1 || { cat "$dir.log" >&2; fail "the server did not start"; }
    echo "postgres://poolhouse@127.0.0.1:$port/poolhouse"
}

stop() {
    local dir bin
    [ -e "$1/data/postmaster.pid" ] || return 0
    dir=$(cd "$1" && pwd)
    bin=$(programs)
    (cd "$dir" && as_owner "$bin/pg_ctl" --pgdata="$dir/data" --mode=fast --wait stop) </dev/null >/dev/null
}

case "${1:-} $#" in
    "start 3") start "$2" "$3" ;;
    "stop 2") stop "$2" ;;
    *) fail "usage: start DIR PORT | stop DIR" ;;
esac
