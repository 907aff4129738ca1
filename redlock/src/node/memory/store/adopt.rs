//! Adoptions of the keys of one node, and their return.

use crate::lease_id::LeaseId;
use crate::node::memory::store::{FormerOwner, Store};
use crate::node::{Adopt, Adopted, Extension, Keys, Removal, Stamp};
use crate::time::clock::Moment;

impl Store {
    pub(in crate::node::memory) fn adopt(&mut self, it: &Adopt) -> Adopted {
        let now = self.now();
        match self.held(&it.keys, &it.from, now) {
            Extension::Confirmed => {}
            Extension::Contested => return Adopted::Contested,
            Extension::NotHeld => return Adopted::NotHeld,
        }
        let former = FormerOwner {
            id: it.from.clone(),
            until: now.saturating_add(it.decided_within),
        };
        for key in &it.keys {
            if let Some(entry) = self.keys.get_mut(key) {
                entry.id = it.id.clone();
                entry.former = Some(former.clone());
                entry.label = None;
            }
        }
        let stamp = it.fence.map(|fence| {
            let value = self.move_counters(&it.keys, fence, now);
            Stamp::Moved(value)
        });
        Adopted::Changed { stamp }
    }

    /// Returns those of the keys that hold `id` to the lease from which they were adopted.
    pub(in crate::node::memory) fn return_keys(
        &mut self,
        keys: &Keys,
        id: &LeaseId,
        former: &LeaseId,
    ) -> Removal {
        let now = self.now();
        let mut removal = Removal::Absent;
        for key in keys {
            if let Some(entry) = self.live_entry(key, now).filter(|entry| entry.id == *id) {
                entry.id = former.clone();
                entry.former = None;
                entry.label = None;
                removal = Removal::Deleted;
            }
        }
        removal
    }

    /// Whether all keys exist and hold `id`, or are held by an adopter that has not decided.
    pub(super) fn held(&mut self, keys: &Keys, id: &LeaseId, now: Moment) -> Extension {
        let mut held = Extension::Confirmed;
        for key in keys {
            let Some(entry) = self.live_entry(key, now) else {
                return Extension::NotHeld;
            };
            if entry.id == *id {
                continue;
            }
            let former = entry.former.as_ref();
            if !former.is_some_and(|former| former.id == *id && former.until > now) {
                return Extension::NotHeld;
            }
            held = Extension::Contested;
        }
        held
    }
}
