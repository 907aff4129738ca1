//! Everything that can be made into a node.

use std::sync::Arc;

use deadpool_redis::Pool;
use deadpool_redis::redis::ConnectionInfo;

use crate::error::ConfigError;
use crate::node::{Node, RedisNode};

/// Everything that can be made into a node: a URL, connection settings, a pool, or a node.
///
/// Sealed: a node of your own implements [`Node`], which is enough.
pub trait IntoNode: sealed::Sealed {
    /// Makes the node. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Address`] if there is no valid address in it.
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

    #[allow(unnameable_types, reason = "that is the point of it")]
    pub trait Sealed {}

    impl<N: Node> Sealed for N {}
    impl Sealed for &str {}
    impl Sealed for &&str {}
    impl Sealed for String {}
    impl Sealed for &String {}
    impl Sealed for ConnectionInfo {}
    impl Sealed for Pool {}
}
