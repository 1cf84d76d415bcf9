//! Who owns a Scale's number of replicas: those who own that of the object which is scaled, under other names.

use std::sync::Arc;

use super::managers::{Entry, Manager, Managers, group};
use super::set::Set;
use crate::kinds::KindInfo;
use crate::object::text;

const VERSION: &str = "autoscaling/v1";

/// An object as far as its scale goes.
pub(crate) struct Scaled<'a> {
    pub kind: &'a KindInfo,
    /// Where it keeps the number, without a leading dot: `spec.replicas`.
    pub path: &'a str,
}

impl Scaled<'_> {
    fn knows(&self, entry: &Entry) -> bool {
        group(&entry.api_version) == &*self.kind.group
            || !self.kind.custom && *entry.api_version == *"extensions/v1beta1"
    }

    fn place(&self) -> Set {
        Set::of_fields(&[self.path])
    }
}

fn own() -> Set {
    Set::of_fields(&["spec.replicas"])
}

fn has(entry: &Entry, place: &Set) -> bool {
    !entry.fields.intersection(place).is_empty()
}

impl Managers {
    /// Those who own the number, as owners of the Scale's.
    pub(crate) fn of_scale(&self, scaled: &Scaled<'_>) -> Self {
        let place = scaled.place();
        let owners = self.known().filter(|(_, entry)| scaled.knows(entry) && has(entry, &place));
        Self::of_entries(owners.map(|(manager, entry)| {
            let version = text(VERSION);
            let entry =
                Entry { fields: own().kept(), api_version: Arc::clone(&version), time: entry.time };
            let applies = manager.api_version.is_empty();
            let api_version = if applies { text("") } else { version };
            (Manager { api_version, ..manager.clone() }, entry)
        }))
    }

    /// Owners of the whole object after those of its Scale are `scale`. Who owned the number by an update is another
    /// one there: if he keeps it, he stands in the list twice, until the next write.
    pub(crate) fn with_scale(&self, scaled: &Scaled<'_>, scale: &Self) -> Self {
        let place = scaled.place();
        let mut after = Self::default();
        let mut left = scale.clone();
        for (manager, entry) in self.known().filter(|(_, entry)| scaled.knows(entry)) {
            if !has(entry, &place) || left.take_out(manager) {
                after.put(manager.clone(), entry.clone());
                continue;
            }
            let rest = entry.fields.set().difference(&place);
            if !rest.is_empty() {
                after.put(manager.clone(), Entry { fields: rest.kept(), ..entry.clone() });
            }
        }
        let version = text(&scaled.kind.api_version());
        for (manager, _) in left.known().filter(|(_, entry)| has(entry, &own())) {
            let applies = manager.api_version.is_empty();
            let api_version = if applies { text("") } else { Arc::clone(&version) };
            let manager = Manager { api_version, ..manager.clone() };
            // On the way back nobody knows any more when that was.
            let entry = Entry {
                fields: place.clone().kept(),
                api_version: Arc::clone(&version),
                time: None,
            };
            after.put_beside(manager, entry);
        }
        after
    }
}
