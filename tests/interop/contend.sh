#!/bin/sh
# The command `redlock run` behind the line protocol of the interop tests, as far as contenders need
# it. The protocol is described in client.rs.
#
# usage: contend.sh COMMAND URL,URL,... PREFIX

command=$1
export REDLOCK_NODES="$2" REDLOCK_KEY_PREFIX="$3"

# Fails if another process is in its turn, and loses an update if one begins meanwhile.
turn='
mkdir "$1/inside" || { echo overlap; exit 1; }
count=$(cat "$1/counter")
sleep 0.002
echo $((count + 1)) >"$1/counter"
rmdir "$1/inside"
echo turn'

while read -r verb name folder; do
    [ "$verb" = contend ] || exit 1
    while [ ! -e "$folder/stop" ]; do
        # The ttl is that of the other contenders.
        "$command" run --ttl 10s --wait 60s "$name" -- sh -c "$turn" turn "$folder" || exit 1
    done
    echo done
done
