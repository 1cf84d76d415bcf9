//! Whether the level of priority that a `FlowSchema` names is there, as the server itself says of it.

use std::sync::Arc;

use jiff::Timestamp;

use crate::object::{Object, Operation, Tree, Write, text};
use crate::ownership::{Applier, Ownership};
use crate::store::Server;

const GROUP: &str = "flowcontrol.apiserver.k8s.io";
const MANAGER: &str = "api-priority-and-fairness-config-consumer-v1";

impl Server {
    /// After a write of a `FlowSchema`.
    pub(crate) fn look_up_level(&mut self, schema: &Object, now: Timestamp) {
        if !self.has_priority_and_fairness {
            return;
        }
        let level = schema.tree().str_at(&["spec", "priorityLevelConfiguration", "name"]);
        let level = level.unwrap_or_default();
        let is_there = self
            .kind(GROUP, "PriorityLevelConfiguration")
            .is_some_and(|kind| self.table(kind).get("", level).is_some());
        let (status, reason, what) = if is_there {
            ("False", "Found", "and it exists")
        } else {
            ("True", "NotFound", "but there is no such object")
        };
        let message = format!(
            "This FlowSchema references the PriorityLevelConfiguration object named {level:?} {what}"
        );
        let said = [("status", status), ("reason", reason), ("message", &*message)];
        let conditions = schema.tree().at(&["status", "conditions"]).map_or(&[][..], Tree::items);
        let known = conditions.iter().find(|known| known.str_at(&["type"]) == Some("Dangling"));
        let is_said =
            |known: &Tree| said.iter().all(|(key, text)| known.str_at(&[key]) == Some(text));
        if known.is_some_and(is_said) {
            return;
        }
        let condition = said.map(|(key, text)| (key, Tree::from(text)));
        let condition =
            Tree::map(condition).with(&["type"], "Dangling").with(&["lastTransitionTime"], now);
        self.apply_condition(schema, condition, now);
    }

    /// After a level came or went.
    pub(crate) fn look_up_levels(&mut self, level: &Object) {
        let Some(kind) = self.kind(GROUP, "FlowSchema") else { return };
        let path = ["spec", "priorityLevelConfiguration", "name"];
        let names_it = |schema: &&Object| schema.tree().str_at(&path) == Some(level.name());
        let all: Vec<Object> = self.table(kind).iter().filter(names_it).cloned().collect();
        for schema in all {
            self.look_up_level(&schema, level.write().time);
        }
    }

    fn apply_condition(&mut self, schema: &Object, condition: Tree, now: Timestamp) {
        let Some(kind) = self.kinds.storage(schema.kind()).map(|kind| Arc::clone(&kind.info))
        else {
            return;
        };
        let config = Tree::map([
            ("apiVersion", Tree::from(kind.api_version())),
            ("kind", (&*kind.kind).into()),
        ])
        .with(&["metadata", "name"], schema.name())
        .with(&["status", "conditions"], Tree::list([condition]));
        let mut managers = (*schema.ownership().managers()).clone();
        let manager = text(MANAGER);
        let applier = Applier {
            manager: Arc::clone(&manager),
            kind: &kind,
            subresource: Some("status"),
            time: now,
            minor: self.profile().minor,
        };
        let Ok(Some(tree)) = applier.apply(&mut managers, schema.tree(), &config, true) else {
            return;
        };
        let write = Write {
            manager,
            operation: Operation::Apply,
            subresource: Some(text("status")),
            api_version: kind.api_version().into(),
            time: now,
        };
        let ownership = Ownership::of(managers);
        self.conclude(schema, &tree, write, ownership);
    }
}
