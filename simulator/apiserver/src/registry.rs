//! Which kinds a server has at the moment: the builtin ones of its version and those that custom resource
//! definitions brought.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::convert::home;
use crate::kinds::{KindId, KindInfo};
use crate::object::text;
use crate::request::Gvr;

#[derive(Clone, Default)]
pub(crate) struct Registry {
    /// Sorted by group, version and plural.
    kinds: Vec<Kind>,
    /// The same by kind and group, in this order, shorter kinds first: lengths tell most of them apart. One entry for
    /// all versions.
    names: Vec<(Arc<str>, Arc<str>, KindId)>,
    /// An id is never given to another kind, nor forgotten: a definition that is deleted and made again brings back
    /// the same kind.
    ids: BTreeMap<(Arc<str>, Arc<str>), KindId>,
    /// Group versions that exist and are not served: a fault.
    unserved: BTreeSet<String>,
}

#[derive(Clone)]
pub(crate) struct Kind {
    pub id: KindId,
    pub info: Arc<KindInfo>,
}

/// What is not there: the whole group, or the resource in it.
pub(crate) enum Missing {
    Group,
    Resource,
}

impl Registry {
    pub(crate) fn install(&mut self, info: KindInfo) -> KindId {
        let next = KindId(u32::try_from(self.ids.len()).expect("fewer kinds than u32 counts"));
        let key = match home(&info.group, &info.kind) {
            own if own.0 == &*info.group => (Arc::clone(&info.group), Arc::clone(&info.kind)),
            (group, kind) => (text(group), text(kind)),
        };
        let id = *self.ids.entry(key).or_insert(next);
        if let Err(at) = self.named(&info.group, &info.kind) {
            self.names.insert(at, (Arc::clone(&info.kind), Arc::clone(&info.group), id));
        }
        let kind = Kind { id, info: Arc::new(info) };
        match self.position(&kind.info.group, &kind.info.version, &kind.info.plural) {
            Ok(at) => self.kinds[at] = kind,
            Err(at) => self.kinds.insert(at, kind),
        }
        id
    }

    /// Removes all versions of a resource.
    pub(crate) fn remove(&mut self, group: &str, plural: &str) {
        self.kinds.retain(|known| *known.info.group != *group || *known.info.plural != *plural);
        let Self { kinds, names, .. } = self;
        names.retain(|(kind, group, _)| {
            kinds.iter().any(|known| known.info.kind == *kind && known.info.group == *group)
        });
    }

    pub(crate) fn find(&self, resource: &Gvr) -> Result<&Kind, Missing> {
        let found = self.position(&resource.group, &resource.version, &resource.resource);
        if let Ok(at) = found
            && self.is_served(&self.kinds[at].info)
        {
            return Ok(&self.kinds[at]);
        }
        // Of its own groups a server knows that they lack something; other groups it does not know at all.
        let builtin = self.is_builtin_group(&resource.group);
        Err(if builtin { Missing::Resource } else { Missing::Group })
    }

    fn is_served(&self, info: &KindInfo) -> bool {
        info.served && (self.unserved.is_empty() || !self.unserved.contains(&info.api_version()))
    }

    fn is_builtin_group(&self, group: &str) -> bool {
        self.kinds.iter().any(|known| *known.info.group == *group && !known.info.custom)
    }

    fn position(&self, group: &str, version: &str, plural: &str) -> Result<usize, usize> {
        self.kinds.binary_search_by(|known| {
            let info = &known.info;
            (&*info.group, &*info.version, &*info.plural).cmp(&(group, version, plural))
        })
    }

    pub(crate) fn id(&self, group: &str, kind: &str) -> Option<KindId> {
        Some(self.names[self.named(group, kind).ok()?].2)
    }

    fn named(&self, group: &str, kind: &str) -> Result<usize, usize> {
        self.names.binary_search_by(|(known, of, _)| {
            (known.len(), &**known, &**of).cmp(&(kind.len(), kind, group))
        })
    }

    /// The version in which objects of a kind are kept.
    pub(crate) fn storage(&self, id: KindId) -> Option<&Kind> {
        self.kinds.iter().find(|known| known.id == id && known.info.storage)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Kind> {
        self.kinds.iter()
    }

    /// What is served, one entry per kind and version.
    pub(crate) fn served(&self) -> impl Iterator<Item = &Kind> {
        self.kinds.iter().filter(|known| self.is_served(&known.info))
    }

    pub(crate) fn set_served(&mut self, group_version: &str, served: bool) {
        if served {
            self.unserved.remove(group_version);
        } else {
            self.unserved.insert(group_version.to_owned());
        }
    }
}
