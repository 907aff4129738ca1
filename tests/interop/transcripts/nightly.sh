#!/bin/sh
# A nightly job, as it was written for the command of redlock-py.
#
# usage: nightly.sh NAME URL...

name=$1 nodes=
shift
for url; do nodes="$nodes --redis $url"; done

key=$(redlock --quiet $nodes lock --retry-count 1 --retry-delay 50 "$name" 30000)
case $? in
    0) ;;
    1) echo "$name runs elsewhere"; exit 0 ;;
    *) echo "$name: the lock servers are down" >&2; exit 1 ;;
esac

# On Python 3, redlock-py prints b'...'.
key=${key#b\'} key=${key%\'}
trap 'redlock --quiet $nodes unlock "$name" "$key"' EXIT

echo "$name begins"
redlock --quiet $nodes lock --retry-count 0 --retry-delay 0 "$name" 30000 || echo "nobody else gets in"
echo "$name ends"
