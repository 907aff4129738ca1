//! Commands that are encoded to be sent together.

use deadpool_redis::redis::{Cmd, Pipeline};

use crate::node::encoded::Encoded;
use crate::node::redis::protocol::call::Call;

/// Commands that are encoded to be sent together, in this order. The server responds once to each.
#[derive(Default)]
pub(crate) struct Calls {
    /// The bytes for a socket of ours.
    packed: Vec<u8>,
    /// The commands for a connection of the client library, if they go there instead.
    listed: Option<Pipeline>,
    count: usize,
}

impl Calls {
    /// Packs commands into one buffer.
    pub(crate) fn packed() -> Self {
        Self::default()
    }

    /// Lists commands for the client library.
    pub(crate) fn listed() -> Self {
        Self {
            listed: Some(Pipeline::new()),
            ..Self::default()
        }
    }

    /// Adds the command whose words `write` adds to an empty one.
    pub(crate) fn add(&mut self, write: impl FnOnce(&mut Call<'_>)) {
        self.count += 1;
        match &mut self.listed {
            Some(pipeline) => {
                let mut command = Cmd::new();
                write(&mut Call::listed(&mut command));
                pipeline.add_command(command);
            }
            None => {
                let mut call = Call::packed(&mut self.packed);
                write(&mut call);
                call.finish();
            }
        }
    }

    /// Adds a command of the client library.
    pub(crate) fn add_command(&mut self, command: &Cmd) {
        self.count += 1;
        match &mut self.listed {
            Some(pipeline) => {
                pipeline.add_command(command.clone());
            }
            None => command.write_packed_command(&mut self.packed),
        }
    }

    /// Adds commands that other connections send alike: `encode` adds them to the first one. The others
    /// copy their bytes.
    pub(crate) fn add_shared(&mut self, encoded: &Encoded, encode: impl Fn(&mut Self)) {
        if self.listed.is_some() {
            return encode(self);
        }
        let (start, before) = (self.packed.len(), self.count);
        let (bytes, count) = encoded.get_or(|| {
            encode(self);
            (self.packed[start..].into(), self.count - before)
        });
        if self.packed.len() == start {
            self.packed.extend_from_slice(bytes);
            self.count += count;
        }
    }

    /// Returns the number of commands that were added since the last call of this.
    pub(crate) fn take_count(&mut self) -> usize {
        std::mem::take(&mut self.count)
    }

    /// The bytes of the packed commands. Those that are written can be removed.
    pub(crate) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.packed
    }

    /// Removes and returns the listed commands.
    pub(crate) fn take_pipeline(&mut self) -> Pipeline {
        self.listed.as_mut().map(std::mem::take).unwrap_or_default()
    }
}
