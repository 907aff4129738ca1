//! Searches with the library's rule, and with a rule that forgets too early.

use super::system::{Prunes, RELEASED, System};
use crate::search::{holds, violates};

#[test]
fn a_release_outlives_a_set_that_is_unknown() {
    for kills in [false, true] {
        let system = System {
            prunes: Prunes::AfterConnecting,
            kills,
        };
        holds(system, 20);
    }
}

#[test]
fn pruning_a_release_although_its_set_is_unknown() {
    for kills in [false, true] {
        let system = System {
            prunes: Prunes::AfterSending,
            kills,
        };
        violates(system, RELEASED);
    }
}
