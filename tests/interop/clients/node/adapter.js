// node-redlock behind the line protocol of the interop tests.
//
// usage: adapter.js URL,URL,...
//
// INTEROP_DIR names the directory that the runner has installed the packages in. The protocol is
// described in tests/interop/client.rs.

"use strict";

const fs = require("fs");
const readline = require("readline");
const { createRequire } = require("module");

const packages = createRequire(`${process.env.INTEROP_DIR}/node/`);
const { default: Redis } = packages("ioredis");
const { default: Redlock, ExecutionError, Lock } = packages("redlock");

// Milliseconds, as in the other adapters. No turn takes nearly as long, even on a busy machine.
const TTL = 10_000;

const sleep = (millis) => new Promise((resolve) => setTimeout(resolve, millis));
const say = (line) => console.log(line);

const clients = process.argv[2].split(",").map((url) => new Redis(url));
// Several attempts, because what this library keeps between them is a part of what is tested.
const manager = new Redlock(clients, { retryCount: 4, retryDelay: 15, retryJitter: 5 });

// Returns the promise's value, or null if no quorum agreed.
async function agreed(promise) {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof ExecutionError) return null;
    throw error;
  }
}

async function lock(name, ttl) {
  const held = await agreed(manager.acquire([name], Number(ttl)));
  return held ? `locked ${held.value}` : "busy";
}

async function unlock(name, key) {
  const held = new Lock(manager, [name], key, [], Date.now() + TTL);
  await agreed(manager.release(held, { retryCount: 0 }));
  return "done";
}

async function contend(name, folder) {
  while (!fs.existsSync(`${folder}/stop`)) {
    const held = await agreed(manager.acquire([name], TTL));
    if (held === null) continue;
    await takeTurn(folder);
    await agreed(manager.release(held));
  }
  return "done";
}

// Fails if another process is in its turn, and loses an update if one begins meanwhile.
async function takeTurn(folder) {
  try {
    fs.mkdirSync(`${folder}/inside`);
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
    fs.writeSync(1, "overlap\n");
    process.exit(1);
  }
  const count = Number(fs.readFileSync(`${folder}/counter`, "utf8"));
  await sleep(2);
  fs.writeFileSync(`${folder}/counter`, String(count + 1));
  fs.rmdirSync(`${folder}/inside`);
  say("turn");
}

async function main() {
  const verbs = { lock, unlock, contend };
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [verb, ...words] = line.split(" ");
    say(await verbs[verb](...words));
  }
  process.exit(0);
}

main();
