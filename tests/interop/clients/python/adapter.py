"""One Python library behind the line protocol of the interop tests.

usage: adapter.py LIBRARY URL,URL,...

The protocol is described in tests/interop/client.rs.
"""

import os
import random
import sys
import time

import libraries


def main():
    library, urls = sys.argv[1:]
    client = libraries.CLIENTS[library](urls.split(","))
    for line in sys.stdin:
        verb, *words = line.split()
        VERBS[verb](client, *words)


def lock(client, name, ttl):
    key = client.lock(name, int(ttl))
    say("busy" if key is None else f"locked {key}")


def unlock(client, name, key):
    client.unlock(name, key)
    say("done")


def contend(client, name, folder):
    while not os.path.exists(f"{folder}/stop"):
        key = client.lock(name, TTL)
        if key is None:
            time.sleep(random.uniform(0, PAUSE))
            continue
        take_turn(folder)
        client.unlock(name, key)
    say("done")


def take_turn(folder):
    """Fails if another process is in its turn, and loses an update if one begins meanwhile."""
    try:
        os.mkdir(f"{folder}/inside")
    except FileExistsError:
        say("overlap")
        sys.exit(1)
    with open(f"{folder}/counter") as file:
        count = int(file.read())
    time.sleep(0.002)
    with open(f"{folder}/counter", "w") as file:
        file.write(str(count + 1))
    os.rmdir(f"{folder}/inside")
    say("turn")


def say(line):
    print(line, flush=True)


VERBS = {"lock": lock, "unlock": unlock, "contend": contend}

# Milliseconds, as in the other adapters. No turn takes nearly as long, even on a busy machine.
TTL = 10_000

# Seconds between two calls that found the lock busy.
PAUSE = 0.02

main()
