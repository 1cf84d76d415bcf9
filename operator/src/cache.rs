//! A copy of the cluster's objects, as far as the watches have told.

use std::collections::{BTreeMap, BTreeSet};

use drydock_operator_api::{AnyObject, Kind, ObjectMeta};
use drydock_operator_core::view::{Key, Selection, View};

/// **Invariant:** of one kind it shows what was true at one moment: a list that is still being read is
/// shown when it is complete.
#[derive(Default)]
pub struct Cache {
    kinds: BTreeMap<&'static Kind, Objects>,
}

/// An object that a watch tells of.
#[derive(Clone)]
pub struct Told {
    pub object: AnyObject,
    /// A digest of all of it but what is no news.
    pub news: u64,
}

#[derive(Default)]
struct Objects {
    shown: BTreeMap<Key, AnyObject>,
    news: BTreeMap<Key, u64>,
    by_owner: BTreeMap<String, BTreeSet<Key>>,
    by_label: BTreeMap<String, BTreeMap<String, BTreeSet<Key>>>,
    /// The newest revision that was told of.
    seen: u64,
    /// A list on its way in.
    listed: Option<BTreeMap<Key, Told>>,
}

/// What a watch tells.
#[derive(Clone)]
pub enum Change {
    /// The server does not have the kind; it may come later.
    NotServed,
    /// A list begins: what follows until `Listed` replaces all that is known.
    List,
    Found(Told),
    Listed,
    Stored(Told),
    Deleted(Told),
}

impl Cache {
    /// Takes a change in, and gives the objects that are new, changed or gone. A mark that a pass left behind is no
    /// change.
    pub fn take(&mut self, kind: &'static Kind, change: Change) -> Vec<AnyObject> {
        let objects = self.kinds.entry(kind).or_default();
        match change {
            Change::NotServed => {}
            Change::List => objects.listed = Some(BTreeMap::new()),
            Change::Found(told) => {
                let key = key(kind, &told.object);
                objects.listed.get_or_insert_default().insert(key, told);
            }
            Change::Listed => {
                let listed = objects.listed.take().unwrap_or_default();
                let mut changed = Vec::new();
                let gone: Vec<Key> = objects
                    .shown
                    .keys()
                    .filter(|key| !listed.contains_key(*key))
                    .cloned()
                    .collect();
                for key in gone {
                    changed.extend(objects.remove(kind, &key));
                }
                for told in listed.into_values() {
                    changed.extend(objects.insert(kind, told));
                }
                return changed;
            }
            Change::Stored(told) => return objects.insert(kind, told).into_iter().collect(),
            Change::Deleted(told) => {
                objects.saw(meta(kind, &told.object));
                objects.remove(kind, &key(kind, &told.object));
                return vec![told.object];
            }
        }
        Vec::new()
    }

    /// The newest revision of the kind that was told of.
    pub fn seen(&self, kind: &'static Kind) -> u64 {
        self.kinds.get(kind).map_or(0, |objects| objects.seen)
    }

    pub fn all(&self) -> impl Iterator<Item = (&'static Kind, &AnyObject)> {
        self.kinds
            .iter()
            .flat_map(|(kind, objects)| objects.shown.values().map(move |object| (*kind, object)))
    }
}

impl Objects {
    /// Gives the object back if it is news.
    fn insert(&mut self, kind: &'static Kind, told: Told) -> Option<AnyObject> {
        let Told { object, news } = told;
        let key = key(kind, &object);
        let known = self.news.get(&key) == Some(&news);
        self.remove(kind, &key);
        let meta = meta(kind, &object);
        self.saw(meta);
        for owner in &meta.owner_references {
            self.by_owner.entry(owner.uid.clone()).or_default().insert(key.clone());
        }
        for (name, value) in &meta.labels {
            let values = self.by_label.entry(name.clone()).or_default();
            values.entry(value.clone()).or_default().insert(key.clone());
        }
        self.news.insert(key.clone(), news);
        self.shown.insert(key, object.clone());
        (!known).then_some(object)
    }

    fn remove(&mut self, kind: &'static Kind, key: &Key) -> Option<AnyObject> {
        let object = self.shown.remove(key)?;
        self.news.remove(key);
        let meta = meta(kind, &object);
        for owner in &meta.owner_references {
            take_out(&mut self.by_owner, &owner.uid, key);
        }
        for (name, value) in &meta.labels {
            if let Some(values) = self.by_label.get_mut(name) {
                take_out(values, value, key);
                if values.is_empty() {
                    self.by_label.remove(name);
                }
            }
        }
        Some(object)
    }

    fn saw(&mut self, meta: &ObjectMeta) {
        let revision = meta.resource_version.parse().unwrap_or(0);
        self.seen = self.seen.max(revision);
    }

    fn those<'a>(
        &'a self,
        keys: Option<&'a BTreeSet<Key>>,
        namespace: &'a str,
    ) -> impl Iterator<Item = &'a AnyObject> {
        let keys = keys.into_iter().flatten();
        keys.filter(move |key| namespace.is_empty() || key.namespace == namespace)
            .filter_map(|key| self.shown.get(key))
    }
}

fn take_out(index: &mut BTreeMap<String, BTreeSet<Key>>, at: &str, key: &Key) {
    if let Some(keys) = index.get_mut(at) {
        keys.remove(key);
        if keys.is_empty() {
            index.remove(at);
        }
    }
}

pub fn meta<'a>(kind: &'static Kind, object: &'a AnyObject) -> &'a ObjectMeta {
    (kind.meta)(&**object)
}

fn key(kind: &'static Kind, object: &AnyObject) -> Key {
    let meta = meta(kind, object);
    Key::new(meta.namespace.as_str(), meta.name.as_str())
}

impl View for Cache {
    fn get_any(&self, kind: &'static Kind, namespace: &str, name: &str) -> Option<AnyObject> {
        self.kinds.get(kind)?.shown.get(&Key::new(namespace, name)).cloned()
    }

    fn list_any(
        &self,
        kind: &'static Kind,
        namespace: &str,
        selection: Selection<'_>,
    ) -> Vec<AnyObject> {
        let Some(objects) = self.kinds.get(kind) else { return Vec::new() };
        match selection {
            Selection::OwnedBy(uid) => {
                objects.those(objects.by_owner.get(uid), namespace).cloned().collect()
            }
            Selection::Labels([(name, value), rest @ ..]) => {
                let keys = objects.by_label.get(*name).and_then(|values| values.get(*value));
                let carries = |object: &&AnyObject| {
                    let meta = meta(kind, object);
                    rest.iter().all(|(name, value)| meta.label(name) == Some(*value))
                };
                objects.those(keys, namespace).filter(carries).cloned().collect()
            }
            // Keys are in order of namespace, so one namespace is one stretch of them.
            Selection::Labels([]) | Selection::All => objects
                .shown
                .range(Key::new(namespace, "")..)
                .take_while(|(key, _)| namespace.is_empty() || key.namespace == namespace)
                .map(|(_, object)| object.clone())
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use drydock_operator_api::Resource;
    use drydock_operator_api::core::ConfigMap;
    use serde_json::json;

    use super::*;

    fn config_map(name: &str, revision: &str) -> Told {
        let object = json!({ "metadata": {
            "namespace": "demo", "name": name, "resourceVersion": revision,
            "labels": { "revision": revision, "app": "demo" },
            "ownerReferences": [{ "apiVersion": "v1", "kind": "Pod", "name": "x", "uid": revision }],
        } });
        let news = revision.parse().expect("a number");
        let object = drydock_operator_api::decode(ConfigMap::kind(), &object);
        Told { object: object.expect("a good object"), news }
    }

    fn names(cache: &Cache, selection: Selection<'_>) -> Vec<String> {
        let view: &dyn View = cache;
        let all = view.list::<ConfigMap>("", selection);
        all.iter().map(|object| object.metadata.name.clone()).collect()
    }

    fn take(cache: &mut Cache, change: Change) -> Vec<String> {
        let kind = ConfigMap::kind();
        let changed = cache.take(kind, change);
        changed.iter().map(|object| meta(kind, object).name.clone()).collect()
    }

    fn with(all: &[&str]) -> Cache {
        let mut cache = Cache::default();
        for name in all {
            take(&mut cache, Change::Stored(config_map(name, "1")));
        }
        cache
    }

    #[test]
    fn a_list_is_shown_when_it_is_complete_and_tells_what_differs() {
        let mut cache = with(&["a", "b", "c"]);

        take(&mut cache, Change::List);
        take(&mut cache, Change::Found(config_map("b", "1")));
        take(&mut cache, Change::Found(config_map("c", "2")));
        take(&mut cache, Change::Found(config_map("d", "1")));
        assert_eq!(names(&cache, Selection::All), ["a", "b", "c"]);
        let changed = take(&mut cache, Change::Listed);

        assert_eq!(names(&cache, Selection::All), ["b", "c", "d"]);
        assert_eq!(changed, ["a", "c", "d"]);
    }

    #[test]
    fn a_change_that_is_no_news_is_shown_and_not_told() {
        let mut cache = with(&["a"]);

        let marked = Told { news: 1, ..config_map("a", "2") };

        assert_eq!(take(&mut cache, Change::Stored(marked)), [""; 0]);
        assert_eq!(names(&cache, Selection::OwnedBy("2")), ["a"]);
        assert_eq!(cache.seen(ConfigMap::kind()), 2);
        assert_eq!(take(&mut cache, Change::Stored(config_map("a", "3"))), ["a"]);
    }

    #[test]
    fn the_indices_follow_the_objects() {
        let mut cache = with(&["a", "b", "c"]);

        take(&mut cache, Change::Stored(config_map("b", "2")));
        take(&mut cache, Change::Deleted(config_map("c", "3")));

        let labelled = |labels: &[(&str, &str)]| names(&cache, Selection::Labels(labels));
        assert_eq!(names(&cache, Selection::OwnedBy("1")), ["a"]);
        assert_eq!(names(&cache, Selection::OwnedBy("2")), ["b"]);
        assert_eq!(labelled(&[("app", "demo"), ("revision", "2")]), ["b"]);
        assert_eq!(labelled(&[("app", "demo")]), ["a", "b"]);
        assert_eq!(cache.seen(ConfigMap::kind()), 3);
    }
}
