//! The help of `redlock nodes`.

/// What monitoring has to know.
pub(crate) const NODES_EXIT_CODES: &str = "\
Exit codes:
  0  all is well
  1  locks can be had, but something needs attention: a node that is not usable, a setting that weakens
     locks, a number of nodes that tolerates little
  2  invalid arguments or node addresses
  3  no lock can be had: too few nodes are usable";
