//! Conversions into a node.

use std::sync::Arc;

use deadpool_redis::Pool;
use deadpool_redis::redis::ConnectionInfo;

use crate::error::ConfigError;
use crate::node::{Node, RedisNode};

/// Conversion into a node, from a URL, connection settings, a pool, or a node.
///
/// The trait is sealed. A custom node implements [`Node`], and thereby this trait.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be made into a node",
    note = "a node is a URL, a `Node`, or a `ConnectionInfo` or `Pool` of `deadpool-redis` 0.23",
    note = "types of another version of `deadpool-redis` or `redis` are different types"
)]
pub trait IntoNode: sealed::Sealed {
    /// Creates the node. It connects when a session is opened.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Address`] if the address is not valid, or needs a feature that is off.
    fn into_node(self) -> Result<Arc<dyn Node>, ConfigError>;
}

impl<N: Node> IntoNode for N {
    fn into_node(self) -> Result<Arc<dyn Node>, ConfigError> {
        Ok(Arc::new(self))
    }
}

impl IntoNode for &str {
    fn into_node(self) -> Result<Arc<dyn Node>, ConfigError> {
        Ok(Arc::new(RedisNode::open(self)?))
    }
}

impl IntoNode for &&str {
    fn into_node(self) -> Result<Arc<dyn Node>, ConfigError> {
        (*self).into_node()
    }
}

impl IntoNode for String {
    fn into_node(self) -> Result<Arc<dyn Node>, ConfigError> {
        self.as_str().into_node()
    }
}

impl IntoNode for &String {
    fn into_node(self) -> Result<Arc<dyn Node>, ConfigError> {
        self.as_str().into_node()
    }
}

impl IntoNode for ConnectionInfo {
    fn into_node(self) -> Result<Arc<dyn Node>, ConfigError> {
        Ok(Arc::new(RedisNode::from_info(self)?))
    }
}

impl IntoNode for Pool {
    fn into_node(self) -> Result<Arc<dyn Node>, ConfigError> {
        Ok(Arc::new(RedisNode::from_unnamed_pool(self)))
    }
}

mod sealed {
    use super::{ConnectionInfo, Node, Pool};

    #[allow(unnameable_types, reason = "the seal of `IntoNode`")]
    pub trait Sealed {}

    impl<N: Node> Sealed for N {}
    impl Sealed for &str {}
    impl Sealed for &&str {}
    impl Sealed for String {}
    impl Sealed for &String {}
    impl Sealed for ConnectionInfo {}
    impl Sealed for Pool {}
}
