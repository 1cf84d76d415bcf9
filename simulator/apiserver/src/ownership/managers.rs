//! Who owns which fields of one revision: what `metadata.managedFields` shows.

use std::collections::{BTreeMap, BTreeSet, btree_map};
use std::sync::{Arc, LazyLock};

use jiff::Timestamp;

use super::check;
use super::difference::{Changes, places};
use super::merge;
use super::set::{Kept, Set};
use super::shape::Shape;
use crate::convert::converted;
use crate::kinds::KindInfo;
use crate::object::shown::{Members, elements, write};
use crate::object::{Operation, Tree, rfc3339, text};
use crate::schema::Schema;

/// More entries of updates than this are joined, the oldest first.
const UPDATES: usize = 10;
const OLD: &str = "ancient-changes";
pub(super) const BEFORE_FIRST: &str = "before-first-apply";

/// What nobody owns: the server sets it, or the URL says it.
const STRIPPED: [&str; 12] = [
    "apiVersion",
    "kind",
    "metadata",
    "metadata.name",
    "metadata.namespace",
    "metadata.creationTimestamp",
    "metadata.selfLink",
    "metadata.uid",
    "metadata.clusterName",
    "metadata.generation",
    "metadata.managedFields",
    "metadata.resourceVersion",
];

fn stripped() -> &'static Set {
    static SET: LazyLock<Set> = LazyLock::new(|| Set::of_fields(&STRIPPED));
    &SET
}

/// Takes fields from what somebody owns, who keeps sharing what nothing is taken from.
fn take(owned: &mut Arc<Kept>, fields: &Set) {
    if owned.meets(fields) {
        *owned = owned.set().difference(fields).kept();
    }
}

/// One who writes. The version of one who applies does not tell him apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Manager {
    pub name: Arc<str>,
    /// `Apply` or `Update`.
    pub operation: &'static str,
    /// Empty of one who applies.
    pub api_version: Arc<str>,
    pub subresource: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Shared with the revisions before, for as long as nobody takes any of it.
    pub fields: Arc<Kept>,
    pub api_version: Arc<str>,
    pub time: Option<Timestamp>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Managers {
    known: BTreeMap<Manager, Entry>,
    /// Entries of managers who have another one: they are shown, and nobody reads them.
    beside: Vec<(Manager, Entry)>,
}

/// One write, as far as ownership goes.
pub(crate) struct Writer<'a> {
    pub name: &'a Arc<str>,
    pub api_version: &'a Arc<str>,
    pub subresource: &'a str,
    pub time: Timestamp,
    pub schema: &'a Schema,
    /// What this way in does not take from its writers.
    pub ignored: &'a Set,
    pub minor: u32,
    /// The other versions of the kind, if objects look different in them.
    pub others: &'a [Arc<KindInfo>],
}

impl Writer<'_> {
    fn manager(&self, operation: Operation) -> Manager {
        let applies = operation == Operation::Apply;
        // Older servers did not tell apart which way in a write took.
        let subresource = if self.minor < 22 { "" } else { self.subresource };
        Manager {
            name: Arc::clone(self.name),
            operation: if applies { "Apply" } else { "Update" },
            api_version: if applies { text("") } else { Arc::clone(self.api_version) },
            subresource: text(subresource),
        }
    }
}

/// A field that somebody else owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Conflict {
    pub manager: String,
    pub fields: Set,
}

impl Managers {
    /// The versions in which they wrote.
    pub(crate) fn versions(&self) -> BTreeSet<Arc<str>> {
        self.known.values().map(|entry| Arc::clone(&entry.api_version)).collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Whether there are entries that the next write forgets.
    pub(crate) fn has_forgotten(&self) -> bool {
        !self.beside.is_empty()
    }

    pub(super) fn known(&self) -> impl Iterator<Item = (&Manager, &Entry)> {
        self.known.iter()
    }

    pub(super) fn of_entries(entries: impl IntoIterator<Item = (Manager, Entry)>) -> Self {
        Self { known: entries.into_iter().collect(), beside: Vec::new() }
    }

    pub(super) fn put(&mut self, manager: Manager, entry: Entry) {
        self.known.insert(manager, entry);
    }

    /// Puts an entry that is read unless its manager has another one.
    pub(super) fn put_beside(&mut self, manager: Manager, entry: Entry) {
        match self.known.entry(manager) {
            btree_map::Entry::Occupied(known) => self.beside.push((known.key().clone(), entry)),
            btree_map::Entry::Vacant(place) => {
                place.insert(entry);
            }
        }
    }

    /// Whether there was one.
    pub(super) fn take_out(&mut self, manager: &Manager) -> bool {
        self.known.remove(manager).is_some()
    }

    fn take_away(&mut self, fields: &Set, but_of: Option<&Manager>) {
        for (manager, entry) in &mut self.known {
            if Some(manager) != but_of {
                take(&mut entry.fields, fields);
            }
        }
        self.known.retain(|_, entry| !entry.fields.is_empty());
    }

    /// What changed, as each manager's own version says it. `taken`: as that of the writer does.
    fn take_away_by_version(&mut self, writer: &Writer<'_>, pair: (&Tree, &Tree), taken: &Set) {
        let versions = self.versions();
        let known = writer.others.iter().map(|kind| (text(&kind.api_version()), kind));
        let in_use = known.filter(|(version, _)| versions.contains(version));
        let others: BTreeMap<Arc<str>, Set> = in_use
            .map(|(version, kind)| {
                let (old, new) = (converted(pair.0, kind), converted(pair.1, kind));
                let changes = Changes::between(Shape::root(&kind.schema), &old, &new);
                let changes = changes.without(writer.ignored);
                (version, changes.added.union(changes.modified).union(changes.removed))
            })
            .collect();
        for entry in self.known.values_mut() {
            take(&mut entry.fields, others.get(&entry.api_version).unwrap_or(taken));
        }
        self.known.retain(|_, entry| !entry.fields.is_empty());
    }

    /// The real server cannot say what those who wrote through another group own of an object: a write makes it forget
    /// them.
    fn forget_other_groups(&mut self, writer: &Writer<'_>) {
        let own = group(writer.api_version);
        self.known.retain(|_, entry| group(&entry.api_version) == own);
    }

    /// As they are read from the object that is there.
    fn read_again(&mut self) {
        for entry in self.known.values_mut() {
            if let Some(again) = entry.fields.read_again().cloned() {
                entry.fields = again;
            }
        }
    }

    /// After somebody wrote `new` over `old`: what he changed is his, and nobody else's.
    pub(crate) fn update(&mut self, writer: &Writer<'_>, old: &Tree, new: &Tree) {
        self.beside.clear();
        self.read_again();
        self.forget_other_groups(writer);
        let shape = Shape::root(writer.schema);
        // Older servers forgot who wrote what when they could not tell elements apart.
        if writer.minor < 21 && [old, new].iter().any(|tree| check::is_ambiguous(shape, tree)) {
            self.known.clear();
            return;
        }
        let changes = Changes::between(shape, old, new).without(writer.ignored);
        let written = changes.added.union(changes.modified);
        if !self.is_empty() {
            let taken = written.clone().union(changes.removed);
            if writer.others.is_empty() {
                self.take_away(&taken, None);
            } else {
                self.take_away_by_version(writer, (old, new), &taken);
            }
        }
        let own = written.difference(stripped());
        if !own.is_empty() {
            let manager = writer.manager(Operation::Update);
            let before = self.known.remove(&manager).map(|entry| entry.fields);
            let entry = Entry {
                fields: before.map(|kept| kept.set()).unwrap_or_default().union(own).kept(),
                api_version: Arc::clone(writer.api_version),
                time: Some(writer.time),
            };
            self.known.insert(manager, entry);
        }
        self.join_oldest();
    }

    /// After somebody applied `config` over `live`: the new object, if it is another one. `Err` if others own what
    /// would change.
    pub(crate) fn apply(
        &mut self,
        writer: &Writer<'_>,
        live: &Tree,
        config: &Tree,
        force: bool,
    ) -> Result<Option<Tree>, Vec<Conflict>> {
        if self.is_empty() {
            let first = text(BEFORE_FIRST);
            let start = Tree::map(
                live.entries()
                    .filter(|(key, _)| *key != "metadata" && is_type(key))
                    .map(|(key, value)| (key, value.clone())),
            );
            self.update(&Writer { name: &first, ..*writer }, &start, live);
        }
        let shape = Shape::root(writer.schema);
        let manager = writer.manager(Operation::Apply);
        self.read_again();
        let former = self.clone();
        self.beside.clear();
        self.forget_other_groups(writer);
        let merged = merge::merge(shape, live, config, writer.minor);
        let last =
            self.known.get(&manager).map(|entry| Arc::clone(&entry.fields)).unwrap_or_default();
        let mut entry = Entry {
            fields: places(shape, config).without(writer.ignored).kept(),
            api_version: Arc::clone(writer.api_version),
            time: former.known.get(&manager).and_then(|entry| entry.time),
        };
        self.known.insert(manager.clone(), entry.clone());
        let new = if last.is_empty() {
            merged
        } else {
            let owned = |all: Set, entry: &Entry| all.union(entry.fields.set());
            let owned = self.known.values().fold(Set::default(), owned);
            merge::prune(shape, &merged, &last, &owned)
        };
        let changes = Changes::between(shape, live, &new).without(writer.ignored);
        let written = changes.added.union(changes.modified);
        if !force {
            let conflicts = self.conflicts(&manager, &written);
            if !conflicts.is_empty() {
                *self = former;
                return Err(conflicts);
            }
        }
        self.take_away(&written.union(changes.removed), Some(&manager));
        let changed = new != *live;
        take(&mut entry.fields, stripped());
        self.known.remove(&manager);
        if !entry.fields.is_empty() {
            self.known.insert(manager.clone(), entry);
        }
        // Who only joins the owners of what there is has no time.
        let joins = writer.minor < 22 && !self.same_fields(&former);
        if (changed || joins)
            && let Some(entry) = self.known.get_mut(&manager)
        {
            entry.time = Some(writer.time);
        }
        Ok(changed.then_some(new))
    }

    fn conflicts(&self, but_of: &Manager, written: &Set) -> Vec<Conflict> {
        let others = self.known.iter().filter(|(manager, _)| *manager != but_of);
        others
            .map(|(manager, entry)| Conflict {
                manager: manager.printed(),
                fields: entry.fields.intersection(written),
            })
            .filter(|conflict| !conflict.fields.is_empty())
            .collect()
    }

    /// Whether both say the same of who owns what, whenever that came to be.
    pub(crate) fn same_fields(&self, other: &Self) -> bool {
        let fields = |managers: &Self| {
            let entries = managers.known.iter();
            entries
                .map(|(m, e)| (m.clone(), (e.fields.clone(), e.api_version.clone())))
                .collect::<BTreeMap<_, _>>()
        };
        fields(self) == fields(other) && self.beside == other.beside
    }

    /// Whether the entries of both stand in the same order, which is that of their times.
    pub(crate) fn same_order(&self, other: &Self) -> bool {
        let managers = |all: &Self| -> Vec<Manager> {
            all.in_order().into_iter().map(|(manager, _)| manager.clone()).collect()
        };
        managers(self) == managers(other)
    }

    fn join_oldest(&mut self) {
        let mut updates: Vec<(i64, Manager)> = self
            .known
            .iter()
            .filter(|(manager, _)| manager.operation == "Update")
            .map(|(manager, entry)| (entry.time.map_or(0, Timestamp::as_second), manager.clone()))
            .collect();
        let mut count = updates.len();
        if count <= UPDATES {
            return;
        }
        updates.sort();
        let mut firsts: BTreeMap<Arc<str>, Manager> = BTreeMap::new();
        let mut started: BTreeSet<Arc<str>> = BTreeSet::new();
        for (_, manager) in updates {
            if count <= UPDATES {
                return;
            }
            let version = Arc::clone(&manager.api_version);
            let Some(first) = firsts.get(&version) else {
                firsts.insert(version, manager);
                continue;
            };
            let joined = Manager {
                name: text(OLD),
                operation: "Update",
                api_version: Arc::clone(&version),
                subresource: text(""),
            };
            if started.insert(version)
                && !self.known.contains_key(&joined)
                && let Some(entry) = self.known.remove(first)
            {
                self.known.insert(joined.clone(), entry);
            }
            if let Some(entry) = self.known.remove(&manager)
                && let Some(all) = self.known.get_mut(&joined)
            {
                all.fields = all.fields.set().union(entry.fields.set()).kept();
                all.time = entry.time;
                count -= 1;
            }
        }
    }

    /// The list as it stands in `metadata`.
    pub(crate) fn to_tree(&self) -> Tree {
        let mut text = Vec::new();
        self.write(&mut text);
        Tree::from_json(&text).expect("what was written is JSON")
    }

    fn in_order(&self) -> Vec<(&Manager, &Entry)> {
        let beside = self.beside.iter().map(|(manager, entry)| (manager, entry));
        let mut entries: Vec<(&Manager, &Entry)> = beside.chain(&self.known).collect();
        entries.sort_by_key(|(manager, entry)| {
            (
                manager.operation,
                entry.time.map_or(0, Timestamp::as_second),
                &manager.name,
                &entry.api_version,
                &manager.subresource,
            )
        });
        entries
    }

    /// The same, as text.
    pub(crate) fn write(&self, to: &mut Vec<u8>) {
        elements(self.in_order(), to, |(manager, entry), to| {
            let mut map = Members::begin(to);
            map.member("apiVersion", |to| write(&*entry.api_version, to));
            map.member("fieldsType", |to| write("FieldsV1", to));
            map.member("fieldsV1", |to| to.extend_from_slice(entry.fields.text()));
            if !manager.name.is_empty() {
                map.member("manager", |to| write(&*manager.name, to));
            }
            map.member("operation", |to| write(manager.operation, to));
            if !manager.subresource.is_empty() {
                map.member("subresource", |to| write(&*manager.subresource, to));
            }
            if let Some(time) = entry.time {
                map.member("time", |to| write(&rfc3339(time), to));
            }
            map.end();
        });
    }

    /// What a client says of ownership. `Err` for what cannot be read.
    pub(crate) fn from_tree(list: &Tree) -> Result<Self, String> {
        let mut managers = BTreeMap::new();
        for entry in list.items() {
            let string = |key: &str| entry.str_at(&[key]).unwrap_or_default();
            let operation = match string("operation") {
                "Apply" => "Apply",
                "Update" => "Update",
                _ => return Err("operation must be `Apply` or `Update`".to_owned()),
            };
            if string("apiVersion").is_empty() {
                return Err("apiVersion must not be empty".to_owned());
            }
            if string("fieldsType") != "FieldsV1" {
                return Err("fieldsType must be FieldsV1".to_owned());
            }
            let api_version = text(string("apiVersion"));
            let manager = Manager {
                name: text(string("manager")),
                operation,
                api_version: if operation == "Apply" { text("") } else { Arc::clone(&api_version) },
                subresource: text(string("subresource")),
            };
            let fields = Set::from_tree(entry.get("fieldsV1").unwrap_or(&Tree::empty_map()))?;
            let time = string("time").parse().ok();
            managers.insert(manager, Entry { fields: fields.kept(), api_version, time });
        }
        Ok(Self::of_entries(managers))
    }
}

/// Of `apps/v1`: `apps`.
pub(super) fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

fn is_type(key: &str) -> bool {
    matches!(key, "apiVersion" | "kind")
}

impl Manager {
    /// As it stands in the message of a conflict.
    fn printed(&self) -> String {
        let mut text = format!("{:?}", &*self.name);
        if !self.subresource.is_empty() {
            text += &format!(" with subresource {:?}", &*self.subresource);
        }
        if self.operation == "Update" {
            text += &format!(" using {}", self.api_version);
        }
        text
    }
}
