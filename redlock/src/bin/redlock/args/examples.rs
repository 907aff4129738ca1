//! Examples for the help and the manual. A test runs each of them.

pub(crate) const EXAMPLES: &str = "\
Examples:
  The nodes, for all verbs:
    export REDLOCK_NODES=redis://a:6379,redis://b:6379,redis://c:6379
  Of several hosts that start a job at the same time, one does it, and the others exit with 0:
    redlock run --on-busy skip --wait 0s --hold-at-least 30s nightly -- echo done
  A lock over several commands, which ends with its validity if the script dies:
    key=$(redlock lock deploy 30s) && { echo work; redlock unlock deploy \"$key\"; }
  A longer validity for the second half:
    key=$(redlock lock import 20s) && redlock extend import \"$key\" 50s
  Who holds a lock, and for how long:
    redlock status import
  A lock whose holder has died, if its validity is too long to wait for:
    redlock break --yes import
  The health of the nodes, for monitoring:
    redlock nodes --json";
