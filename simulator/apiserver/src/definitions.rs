//! Custom resource definitions as they come and go: each write of one changes what the server serves, and
//! the end of one is the end of its objects.

use std::sync::Arc;

use jiff::Timestamp;

use crate::crd;
use crate::kinds::{KindId, KindInfo};
use crate::metadata::is_finished;
use crate::object::{Object, Tree, Write};
use crate::store::Server;

const GROUP: &str = "apiextensions.k8s.io";
const KIND: &str = "CustomResourceDefinition";
/// Keeps a definition until the last of its objects is gone.
const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

impl Server {
    /// What follows from a write of a definition, or of the last object of one.
    pub(crate) fn settle_definitions(
        &mut self,
        object: &Object,
        before: Option<&Object>,
        removed: bool,
    ) {
        let may_define = object.tree().str_at(&["kind"]) == Some(KIND);
        if may_define && self.kind(GROUP, KIND) == Some(object.kind()) {
            let spec = |object: &Object| object.tree().get("spec").cloned().unwrap_or_default();
            let as_before = before.is_some_and(|before| spec(before).same(&spec(object)));
            if removed {
                self.follow(object.tree(), true);
            }
            // Somebody may have written over what the server says of it.
            let is_told = removed || crd::is_established(object.tree());
            if removed || !as_before || !is_told {
                let group = object.tree().str_at(&["spec", "group"]).unwrap_or_default();
                self.name_definitions(group, object.write().time);
            }
            if !removed && !as_before {
                self.follow_current(object);
            }
        } else if removed {
            let Some(info) = self.kinds.storage(object.kind()) else { return };
            if info.info.custom {
                let info = Arc::clone(&info.info);
                self.finish_definition(&info, object.write());
            }
        }
    }

    /// Gives each definition of a group its names, unless another has them; one that has all is established.
    fn name_definitions(&mut self, group: &str, now: Timestamp) {
        let Some(kind) = self.kind(GROUP, KIND) else { return };
        let of_group = |object: &&Object| object.tree().str_at(&["spec", "group"]) == Some(group);
        let all: Vec<Object> = self.table(kind).iter().filter(of_group).cloned().collect();
        for definition in all {
            let mut taken = [Vec::new(), Vec::new()];
            let others = self.table(kind).iter().filter(of_group);
            for other in others.filter(|other| other.name() != definition.name()) {
                let [resources, kinds] = crd::taken(other.tree());
                taken[0].extend(resources);
                taken[1].extend(kinds);
            }
            let named = crd::with_names(definition.tree(), &taken, now);
            if named == *definition.tree() {
                continue;
            }
            let named = self.say(&definition, &named, now);
            if is_finished(named.tree()) {
                continue;
            }
            let accepted = named.tree().at(&["status", "conditions"]).map_or(&[][..], Tree::items);
            let accepted = accepted.iter().any(|condition| {
                condition.str_at(&["type"]) == Some("NamesAccepted")
                    && condition.str_at(&["status"]) == Some("True")
            });
            if accepted && !crd::is_established(named.tree()) {
                let condition = [
                    "Established",
                    "True",
                    "InitialNamesAccepted",
                    "the initial names have been accepted",
                ];
                let tree = crd::with_condition(named.tree(), now, condition);
                let object = self.say(&named, &tree, now);
                self.follow_current(&object);
            }
        }
    }

    /// Serves what a definition says as it stands now.
    fn follow_current(&mut self, definition: &Object) {
        let current = self.table(definition.kind()).get("", definition.name()).cloned();
        if let Some(current) = current
            && crd::is_established(current.tree())
        {
            self.follow(current.tree(), false);
        }
    }

    fn follow(&mut self, definition: &Tree, removed: bool) {
        let text = |path: &[&str]| definition.str_at(path).unwrap_or_default();
        let table = self.profile().table();
        if removed && !crd::is_established(definition) {
            return;
        }
        let since = self.revision();
        let kinds = Arc::make_mut(&mut self.kinds);
        kinds.remove(text(&["spec", "group"]), text(&["spec", "names", "plural"]));
        if !removed {
            for info in crd::kinds(table, definition) {
                kinds.install(KindInfo { since, ..info });
            }
        }
    }

    pub(crate) fn definition(&self, kind: &KindInfo) -> Option<&Object> {
        let name = format!("{}.{}", kind.plural, kind.group);
        self.table(self.kind(GROUP, KIND)?).get("", &name)
    }

    /// Whether new objects of a kind are refused because it is about to go.
    pub(crate) fn is_ending(&self, kind: &KindInfo) -> bool {
        kind.custom && self.definition(kind).is_some_and(Object::is_deleting)
    }

    /// Deletes a definition: its objects first. `None` if it was marked before.
    pub(crate) fn end_definition(
        &mut self,
        definition: &Object,
        write: &Write,
        now: Timestamp,
    ) -> Option<Object> {
        if definition.is_deleting() {
            let grace = ["metadata", "deletionGracePeriodSeconds"];
            let tree = definition.tree().with(&grace, 0);
            if tree == *definition.tree() {
                return None;
            }
            return Some(self.commit(definition.kind(), &tree, Some(definition), write.clone()));
        }
        let held = definition.finalizers().filter(|name| *name != CLEANUP).map(Tree::from);
        let held = held.chain([CLEANUP.into()]);
        let tree = definition
            .tree()
            .with(&["metadata", "deletionTimestamp"], now)
            .with(&["metadata", "finalizers"], Tree::list(held));
        let tree = terminating(
            &tree,
            now,
            "InstanceDeletionPending",
            "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
        );
        let marked = self.commit(definition.kind(), &tree, Some(definition), write.clone());
        let text = |path: &[&str]| tree.str_at(path).unwrap_or_default();
        let id = self.kind(text(&["spec", "group"]), text(&["spec", "names", "kind"]));
        let Some(kind) = id.and_then(|id| self.kinds.storage(id).cloned()) else {
            return Some(marked);
        };
        let reason = "InstanceDeletionInProgress";
        let tree = terminating(&tree, now, reason, "CustomResource deletion is in progress");
        self.say(&marked, &tree, now);
        self.delete_objects(kind.id, write, now);
        self.finish_definition(&kind.info, write);
        Some(marked)
    }

    fn delete_objects(&mut self, kind: KindId, write: &Write, now: Timestamp) {
        let objects: Vec<Object> = self.table(kind).iter().cloned().collect();
        for object in objects {
            if object.finalizers().next().is_none() {
                self.remove(&object, object.tree(), write.clone());
            } else if !object.is_deleting() {
                let tree = object
                    .tree()
                    .with(&["metadata", "deletionTimestamp"], now)
                    .with(&["metadata", "deletionGracePeriodSeconds"], 0)
                    .with(&["metadata", "generation"], object.generation() + 1);
                self.commit(kind, &tree, Some(&object), write.clone());
            }
        }
    }

    /// Lets a definition go that waited for its last object.
    fn finish_definition(&mut self, kind: &KindInfo, write: &Write) {
        let Some(definition) = self.definition(kind).filter(|found| found.is_deleting()) else {
            return;
        };
        let definition = definition.clone();
        let is_empty =
            self.kind(&kind.group, &kind.kind).is_none_or(|id| self.table(id).is_empty());
        if !is_empty {
            return;
        }
        let others: Vec<Tree> =
            definition.finalizers().filter(|name| *name != CLEANUP).map(Tree::from).collect();
        if others.is_empty() {
            let last = self.remove(&definition, definition.tree(), write.clone());
            self.follow(last.tree(), true);
            self.name_definitions(&kind.group, write.time);
        } else {
            let tree = definition.tree().with(&["metadata", "finalizers"], others);
            self.commit(definition.kind(), &tree, Some(&definition), write.clone());
        }
    }
}

/// The definition with the condition that it is about to go.
fn terminating(definition: &Tree, now: Timestamp, reason: &str, message: &str) -> Tree {
    crd::with_condition(definition, now, ["Terminating", "True", reason, message])
}
