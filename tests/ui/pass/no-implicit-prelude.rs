//! Generated code that relies on absolute paths only.

#![no_implicit_prelude]
#![allow(dead_code)]

#[derive(::std::fmt::Debug)]
struct Ok;
struct Err;
struct Some;
struct None;
struct Option;
struct Box;
struct String;
struct Duration;

mod core {}
mod std {}

#[::redlock::redlocked("{id:?}:{pair.0}", ttl = "30s", guard = lock)]
async fn error(id: Ok, pair: (u8,)) -> ::std::result::Result<Ok, ::redlock::Error> {
    let _held = lock.is_held();
    ::std::result::Result::Ok(id)
}

#[::redlock::redlocked("skip", on_busy = skip)]
async fn skip() {}

#[::redlock::redlocked("default", on_busy = default(::std::result::Result::Ok(Ok)))]
async fn default() -> ::std::result::Result<Ok, ::redlock::Error> {
    ::std::result::Result::Ok(Ok)
}

fn main() {}
