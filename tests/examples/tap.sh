# SPDX-License-Identifier: MIT
# What the tests of the example programs share: a scratch directory, TAP, and
# the end of whatever they started. To be sourced.
number=0
failed=0
children=
scratch=$(mktemp -d "${TMPDIR:-/tmp}/rota-example-XXXXXX")

finish() {
    for child in $children; do
        kill -KILL "$child" 2>/dev/null
    done
    rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 1' INT TERM

report() { # STATUS TEXT
    number=$((number + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $number - $2"
    else
        echo "not ok $number - $2"
        failed=1
    fi
}

skip() { # REASON
    number=$((number + 1))
    echo "ok $number # SKIP $1"
}

done_testing() {
    echo "1..$number"
    exit $failed
}

# Ends as skipped where no ring can be made: PROGRAM must say so with this text.
need_ring() { # COMMAND...
    said=$("$@" 2>&1)
    case $said in
    *"Function not implemented"* | *"Operation not permitted"*)
        echo "1..0 # SKIP this system gives no ring: $said"
        exit 77
        ;;
    esac
}

# Starts a server in the background, and waits until it has printed `listening on PORT`.
serve() { # COMMAND... sets $server and $port
    : >"$scratch/said"
    "$@" >"$scratch/said" 2>&1 &
    server=$!
    children="$children $server"
    port=
    tries=0
    while [ -z "$port" ] && [ $tries -lt 100 ] && kill -0 "$server" 2>/dev/null; do
        sleep 0.05
        port=$(sed -n 's/.*listening on \([0-9]*\).*/\1/p' "$scratch/said")
        tries=$((tries + 1))
    done
    if [ -z "$port" ]; then
        case $(cat "$scratch/said") in
        *"Function not implemented"* | *"Operation not permitted"*)
            echo "1..0 # SKIP this system gives no ring: $(cat "$scratch/said")"
            exit 77
            ;;
        esac
        echo "Bail out! the server does not start: $(cat "$scratch/said")"
        exit 1
    fi
}

# Asks a server to end; true when it does within ten seconds, with status 0.
ends_well() { # PID
    kill -TERM "$1"
    tries=0
    while kill -0 "$1" 2>/dev/null && [ $tries -lt 200 ]; do
        sleep 0.05
        tries=$((tries + 1))
    done
    wait "$1"
}
