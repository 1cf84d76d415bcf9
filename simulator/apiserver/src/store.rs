//! The server: tables, the log of all changes, the counters.

use std::sync::Arc;

use imbl::{OrdMap, Vector};
use jiff::Timestamp;

use crate::authentication::Keys;
use crate::kinds::{self, KindId, KindInfo, Profile};
use crate::object::{Object, Operation, Tree, Write, text};
use crate::ownership::Ownership;
use crate::registry::Registry;
use crate::request::{Gvr, Request};
use crate::table::Table;

/// A Kubernetes API server. A clone is a handful of pointers, and goes its own way.
#[derive(Clone)]
pub struct Server {
    profile: Profile,
    seed: u64,
    /// Of the last change of anything.
    revision: u64,
    /// How many random things were drawn.
    draws: u64,
    pub(crate) kinds: Arc<Registry>,
    tables: OrdMap<KindId, Table>,
    log: Vector<LogEntry>,
    /// How many entries of the log were forgotten, and the last revision among them.
    forgotten: u64,
    compacted: u64,
    /// What is written here will be thrown away: a dry run.
    pub(crate) is_trial: bool,
    /// Without it, nobody looks whether the levels that `FlowSchema`s name are there.
    pub(crate) has_priority_and_fairness: bool,
    pub(crate) keys: Arc<Keys>,
    /// Parts of objects that are compared as they were spelled, by what identifies their object.
    spelled: OrdMap<String, Arc<str>>,
}

/// One change of one object.
#[derive(Clone, Debug)]
pub struct LogEntry {
    pub revision: u64,
    pub kind: KindId,
    pub change: Change,
    /// After the change; of a deletion the last state, with the revision of the deletion.
    pub object: Object,
    pub before: Option<Object>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Added,
    Modified,
    Deleted,
}

/// A place in the log, between two entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogPosition(u64);

impl LogPosition {
    pub(crate) fn plus(self, entries: u64) -> Self {
        Self(self.0 + entries)
    }
}

impl Server {
    /// A server as it is after its start: the builtin kinds of that version and the namespaces every cluster has.
    pub fn new(profile: Profile, seed: u64) -> Self {
        Self::started_at(profile, seed, Timestamp::UNIX_EPOCH)
    }

    /// As `new`, where it matters how old the namespaces are.
    pub fn started_at(profile: Profile, seed: u64, now: Timestamp) -> Self {
        let mut kinds = Registry::default();
        for info in kinds::builtin(&profile) {
            kinds.install(info);
        }
        let mut server = Self {
            profile,
            seed,
            revision: 0,
            draws: 0,
            kinds: Arc::new(kinds),
            tables: OrdMap::new(),
            log: Vector::new(),
            forgotten: 0,
            compacted: 0,
            is_trial: false,
            has_priority_and_fairness: true,
            keys: Arc::default(),
            spelled: OrdMap::new(),
        };
        for name in ["default", "kube-node-lease", "kube-public", "kube-system"] {
            let namespace = Tree::null().with(&["metadata", "name"], name);
            let create = Request::create(NAMESPACES, "", namespace).by("kube-apiserver");
            server.handle(&create, now);
        }
        server
    }

    /// As a real server is started with `--enable-priority-and-fairness=false`.
    pub fn without_priority_and_fairness(&mut self) {
        self.has_priority_and_fairness = false;
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// The same server, drawing from another seed from now on.
    pub fn seeded(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Of the last change.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    pub fn kind(&self, group: &str, kind: &str) -> Option<KindId> {
        self.kinds.id(group, kind)
    }

    /// The kind of a resource that is served.
    pub fn kind_of(&self, resource: &Gvr) -> Option<KindId> {
        Some(self.kinds.find(resource).ok()?.id)
    }

    /// What is served, one entry per kind and version.
    pub fn kinds(&self) -> impl Iterator<Item = &KindInfo> {
        self.kinds.served().map(|kind| &*kind.info)
    }

    /// A kind in the version its objects are kept in. `None` once its definition is deleted.
    pub fn kind_info(&self, id: KindId) -> Option<&KindInfo> {
        Some(&*self.kinds.storage(id)?.info)
    }

    /// Stops or resumes serving `policy/v1`, say. Its objects stay.
    pub fn serve_group(&mut self, group_version: &str, served: bool) {
        Arc::make_mut(&mut self.kinds).set_served(group_version, served);
    }

    /// The objects of a kind as of now.
    pub fn table(&self, kind: KindId) -> &Table {
        static EMPTY: std::sync::LazyLock<Table> = std::sync::LazyLock::new(Table::default);
        self.tables.get(&kind).unwrap_or(&EMPTY)
    }

    /// The objects of a kind as of a revision. `None` if changes after it were forgotten already.
    pub fn table_at(&self, kind: KindId, revision: u64) -> Option<Table> {
        let after = self.log_after(revision)?;
        let mut table = self.table(kind).clone();
        let mut changes: Vec<&LogEntry> =
            self.log_since(after).filter(|entry| entry.kind == kind).collect();
        while let Some(change) = changes.pop() {
            table.undo(change);
        }
        Some(table)
    }

    /// All changes since a place in the log.
    pub fn log_since(&self, position: LogPosition) -> impl Iterator<Item = &LogEntry> {
        let from = position.0.saturating_sub(self.forgotten);
        let from = usize::try_from(from).unwrap_or(usize::MAX).min(self.log.len());
        self.log.focus().narrow(from..).into_iter()
    }

    pub fn log_end(&self) -> LogPosition {
        LogPosition(self.forgotten + self.log.len() as u64)
    }

    /// The place after everything up to a revision. `None` if changes after it were forgotten already.
    pub fn log_after(&self, revision: u64) -> Option<LogPosition> {
        if revision < self.compacted {
            return None;
        }
        // Where each revision stands in the log, its place is known.
        let since = usize::try_from(self.revision.saturating_sub(revision)).unwrap_or(usize::MAX);
        let guess = self.log.len().saturating_sub(since);
        let last = guess.checked_sub(1).and_then(|last| self.log.get(last));
        let at = if last.is_some_and(|entry| entry.revision == revision) {
            guess
        } else {
            match self.log.binary_search_by(|entry| entry.revision.cmp(&revision)) {
                Ok(at) => at + 1,
                Err(at) => at,
            }
        };
        Some(LogPosition(self.forgotten + at as u64))
    }

    /// Forgets all changes up to a revision. Who watches from before must start again.
    pub fn compact(&mut self, revision: u64) {
        let Some(LogPosition(end)) = self.log_after(revision) else { return };
        let count = usize::try_from(end - self.forgotten).expect("no more than the log has");
        self.log = self.log.split_off(count);
        self.forgotten = end;
        self.compacted = revision;
    }

    /// The oldest revision from which one can still watch.
    pub fn compacted_revision(&self) -> u64 {
        self.compacted
    }

    /// Stores a tree as the next revision of an object, whose fields stay whose they were.
    pub(crate) fn commit(
        &mut self,
        kind: KindId,
        tree: &Tree,
        before: Option<&Object>,
        write: Write,
    ) -> Object {
        let ownership = before.map(Object::ownership).cloned().unwrap_or_default();
        self.commit_owned(kind, tree, before, write, ownership)
    }

    /// The same, where the write says something of who owns which fields.
    pub(crate) fn commit_owned(
        &mut self,
        kind: KindId,
        tree: &Tree,
        before: Option<&Object>,
        write: Write,
        ownership: Ownership,
    ) -> Object {
        let change = if before.is_some() { Change::Modified } else { Change::Added };
        self.record(kind, change, tree, before, write, ownership)
    }

    /// How the client spelled what of an object must not change.
    pub(crate) fn spelled(&self, object: &Object) -> Option<&Arc<str>> {
        self.spelled.get(object.uid())
    }

    pub(crate) fn spell(&mut self, object: &Object, text: Option<Arc<str>>) {
        match text {
            Some(text) => self.spelled.insert(object.uid().to_owned(), text),
            None => self.spelled.remove(object.uid()),
        };
    }

    /// Removes an object, whose last state is `tree`.
    pub(crate) fn remove(&mut self, before: &Object, tree: &Tree, write: Write) -> Object {
        self.record(
            before.kind(),
            Change::Deleted,
            tree,
            Some(before),
            write,
            before.ownership().clone(),
        )
    }

    fn record(
        &mut self,
        kind: KindId,
        change: Change,
        tree: &Tree,
        before: Option<&Object>,
        write: Write,
        ownership: Ownership,
    ) -> Object {
        self.revision += 1;
        let tree = if self.is_trial {
            tree.clone()
        } else {
            tree.with(&["metadata", "resourceVersion"], self.revision.to_string())
        };
        let object = Object::new(kind, tree, write, ownership, before);
        let entry = LogEntry {
            revision: self.revision,
            kind,
            change,
            object: object.clone(),
            before: before.cloned(),
        };
        self.tables.entry(kind).or_default().apply(&entry);
        self.log.push_back(entry);
        object
    }

    /// The hash of the seed and a counter: uids and generated names come from it.
    pub(crate) fn draw(&mut self, purpose: &str) -> [u8; 32] {
        self.draws += 1;
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.seed.to_le_bytes());
        hasher.update(purpose.as_bytes());
        hasher.update(&self.draws.to_le_bytes());
        *hasher.finalize().as_bytes()
    }

    /// A uid of the form of a random (version 4) UUID.
    pub(crate) fn new_uid(&mut self) -> String {
        let drawn = self.draw("uid");
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&drawn[..16]);
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let number = u128::from_be_bytes(bytes);
        let hex = format!("{number:032x}");
        [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
    }

    pub(crate) fn write_by(
        request: &Request,
        api_version: &str,
        operation: Operation,
        now: Timestamp,
    ) -> Write {
        let agent = || request.options.user_agent.split('/').next().unwrap_or_default();
        let manager = match &*request.options.field_manager {
            "" => agent(),
            manager => manager,
        };
        Write {
            manager: text(if manager.is_empty() { "unknown" } else { manager }),
            operation,
            subresource: request.subresource.as_deref().map(text),
            api_version: text(api_version),
            time: now,
        }
    }
}

pub(crate) const NAMESPACES: Gvr = Gvr::new("", "v1", "namespaces");
