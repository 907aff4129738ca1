//! The protocol: commands as they are written, and responses as they are read.

pub(crate) mod batch;
pub(crate) mod call;
pub(crate) mod calls;
pub(crate) mod compare_delete;
pub(crate) mod contended_keys;
pub(crate) mod counter_ttl;
pub(crate) mod decode;
pub(crate) mod decode_acquire;
pub(crate) mod decode_batch;
pub(crate) mod dialect;
pub(crate) mod encode;
mod encode_batch;
mod encode_shared;
mod encode_waiting;
pub(crate) mod error;
pub(crate) mod identity;
pub(crate) mod invalidation;
pub(crate) mod key_filter;
mod other_key;
pub(crate) mod push_probe;
pub(crate) mod request;
pub(crate) mod script;
mod script_call;
pub(crate) mod server_info;
pub(crate) mod server_kind;
pub(crate) mod value;
pub(crate) mod waiting;
