//! Commands as a server reads them.

use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::{Cmd, Pipeline};

use super::script::{self, Source};
use crate::clock::Moment;
use crate::node::{Acquire, Command, Fence, Keys, Release, Reply};
use crate::validity;

/// A command in the form in which it goes to the server.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) command: Command,
    pub(super) form: Form,
}

/// How a command is put to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As commands of the server's own.
    Native,
    /// As a script that the server has.
    Hash,
    /// As a script that the server had forgotten, by its text.
    Text,
    /// A native acquire was refused; now ask who has the key and for how long.
    Detail,
}

impl Item {
    pub(super) fn new(command: Command) -> Self {
        let form = match &command {
            // A third of the script's cost on the server, and as good where a grant is likely.
            // Where it is not, it would move the counter for nothing.
            Command::Acquire(acquire) if !acquire.contended => Form::Native,
            Command::Ping(_) => Form::Native,
            _ => Form::Hash,
        };
        Self { command, form }
    }

    /// Whether somebody still wants this to be sent.
    pub(super) fn is_wanted(&self) -> bool {
        match &self.command {
            Command::Acquire(acquire) => acquire.reply.is_wanted(),
            _ => true,
        }
    }

    /// What undoes this command, if it may have been carried out.
    pub(super) fn undo(&self) -> Option<Self> {
        let Command::Acquire(it) = &self.command else {
            return None;
        };
        let until = validity::gone_by(Moment::now(), it.ttl, 0.0);
        let (keys, id, reply) = (it.keys.clone(), it.id.clone(), Reply::ignored());
        let command = Command::Release(Release {
            keys,
            id,
            until,
            keep: None,
            reply,
        });
        // By its text: a server without the script would have it sent once more, behind the
        // command that follows, whose key it would then delete.
        Some(Self {
            command,
            form: Form::Text,
        })
    }

    /// The number of answers the server gives to it.
    pub(super) fn answers(&self) -> usize {
        match (&self.command, self.form) {
            (Command::Acquire(Acquire { fence: Some(_), .. }), Form::Native) => 4,
            _ => 1,
        }
    }

    /// Adds the command to a pipeline.
    pub(super) fn encode(&self, pipeline: &mut Pipeline) {
        match &self.command {
            Command::Acquire(it) => self.encode_acquire(it, pipeline),
            Command::Extend(it) => {
                let key = only(&it.keys);
                let counter = it
                    .fence_retention
                    .map(|retention| (counter(key), retention));
                let script = self.script(pipeline, &script::EXTEND, key, counter.as_ref());
                let _same = script.arg(it.id.as_str()).arg(millis(it.ttl));
                if let Some((_, retention)) = counter {
                    let _same = pipeline.arg(millis(retention));
                }
            }
            Command::Raise(it) => {
                let key = only(&it.keys);
                let counter = Some((counter(key), it.retention));
                let script = self.script(pipeline, &script::RAISE, key, counter.as_ref());
                let _same = script
                    .arg(it.id.as_str())
                    .arg(it.token)
                    .arg(millis(it.retention));
            }
            Command::Release(it) => {
                let key = only(&it.keys);
                let script = self.script(pipeline, &script::RELEASE, key, None);
                let script = script.arg(it.id.as_str());
                if let Some(keep) = it.keep {
                    let _same = script.arg(millis(keep));
                }
            }
            Command::Inspect(it) => self.encode_inspect(&it.key, pipeline),
            Command::Ping(_) => {
                let _same = pipeline.cmd("PING");
            }
        }
    }

    fn encode_acquire(&self, it: &Acquire, pipeline: &mut Pipeline) {
        let key = only(&it.keys);
        match (self.form, &it.fence) {
            (Form::Detail, _) => self.encode_inspect(key, pipeline),
            (Form::Native, None) => set(pipeline, it),
            (
                Form::Native,
                Some(Fence {
                    proposal,
                    retention,
                }),
            ) => {
                set(pipeline, it);
                let counter = counter(key);
                // GT: up, or not at all. CH: tells whether it was this command that moved it.
                let _same = pipeline
                    .cmd("ZADD")
                    .arg(&counter)
                    .arg("GT")
                    .arg("CH")
                    .arg(*proposal)
                    .arg(MEMBER)
                    .cmd("ZSCORE")
                    .arg(&counter)
                    .arg(MEMBER)
                    .cmd("PEXPIRE")
                    .arg(&counter)
                    .arg(millis(*retention));
            }
            (_, None) => {
                let script = self.script(pipeline, &script::ACQUIRE, key, None);
                let _same = script.arg(it.id.as_str()).arg(millis(it.ttl));
            }
            (
                _,
                Some(Fence {
                    proposal,
                    retention,
                }),
            ) => {
                let counter = Some((counter(key), *retention));
                let script = self.script(pipeline, &script::ACQUIRE_FENCED, key, counter.as_ref());
                let _same = script
                    .arg(it.id.as_str())
                    .arg(millis(it.ttl))
                    .arg(*proposal)
                    .arg(millis(*retention));
            }
        }
    }

    fn encode_inspect(&self, key: &[u8], pipeline: &mut Pipeline) {
        let counter = Some((counter(key), Duration::ZERO));
        let _same = self.script(pipeline, &script::INSPECT, key, counter.as_ref());
    }

    /// Calls a script on a key, and on its counter where the script has to do with it.
    fn script<'p>(
        &self,
        pipeline: &'p mut Pipeline,
        source: &Source,
        key: &[u8],
        counter: Option<&(Vec<u8>, Duration)>,
    ) -> &'p mut Pipeline {
        let call = if self.form == Form::Text {
            pipeline.cmd("EVAL").arg(source.text)
        } else {
            pipeline.cmd("EVALSHA").arg(&source.hash)
        };
        match counter {
            Some((counter, _)) => call.arg(2).arg(key).arg(counter),
            None => call.arg(1).arg(key),
        }
    }
}

/// The scripts as commands that make the server keep them.
pub(super) fn load_scripts(pipeline: &mut Pipeline) -> usize {
    let scripts = script::all();
    for script in scripts {
        let mut load = Cmd::new();
        load.arg("SCRIPT").arg("LOAD").arg(script.text);
        pipeline.add_command(load);
    }
    scripts.len()
}

/// The key of a command that has one.
fn only(keys: &Keys) -> &Arc<[u8]> {
    &keys.as_slice()[0]
}

fn set(pipeline: &mut Pipeline, it: &Acquire) {
    let _same = pipeline
        .cmd("SET")
        .arg(&**only(&it.keys))
        .arg(it.id.as_str())
        .arg("NX")
        .arg("PX")
        .arg(millis(it.ttl));
}

/// The key of a lock's counter. In a cluster the two must share a slot: by the lock key as hash
/// tag, or by the tag that it has.
fn counter(key: &[u8]) -> Vec<u8> {
    let tag = key
        .iter()
        .position(|byte| *byte == b'{')
        .map(|open| &key[open + 1..]);
    let has_tag = tag
        .and_then(|rest| rest.iter().position(|byte| *byte == b'}'))
        .unwrap_or(0)
        > 0;
    if has_tag {
        [key, b":fence!"].concat()
    } else {
        [b"{", key, b"}:fence"].concat()
    }
}

fn millis(duration: Duration) -> u64 {
    // What cannot be counted was refused by the configuration.
    validity::whole_millis(duration).unwrap_or(u64::MAX)
}

/// The one member of the sorted set that is a counter.
const MEMBER: &str = "c";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_shares_the_slot_of_its_key() {
        assert_eq!(counter(b"a"), b"{a}:fence");
        assert_eq!(counter(b"a{user}b"), b"a{user}b:fence!");
        assert_eq!(counter(b"a{}b"), b"{a{}b}:fence");
        assert_eq!(counter(b"a{b"), b"{a{b}:fence");
    }
}
