//! A pass in the making: steps run in order, each adds what it wants done to a [`Draft`], and the
//! draft becomes the [`Plan`].
//!
//! **Invariant:** what a step did to the root's working copy is written at most once per pass: one
//! patch of the object and one of its status, after everything else.

use std::borrow::Cow;

use drydock_operator_api::{Kind, OwnerReference, Resource};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::diff;
use crate::plan::{
    Action, AgentCall, Call, EventCall, Failure, Finding, Generate, Plan, Problem, Propagation,
    Reference, Wait, Whose,
};
use crate::settings::Settings;
use crate::view::Key;

/// One idea of a controller. Replaced by name where a quirk is simulated.
pub type Step<T, R> = fn(&T, &mut Draft<R>, &Pass<'_>) -> Flow;

/// What is the same for all steps of a pass.
#[derive(Clone, Copy, Debug)]
pub struct Pass<'a> {
    pub now: Timestamp,
    pub settings: &'a Settings,
}

/// Whether the next step runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    Continue,
    /// What was decided so far is carried out; the remaining steps wait for a later pass.
    Commit,
    /// The same, and look again after this time.
    RetryAfter(SignedDuration),
}

/// Runs the steps over a tree with this root; `source` is the controller's name in its Events. Steps
/// other than the usual ones are how deviations are simulated.
pub fn run<T, R: Resource + Clone>(
    steps: &[(&'static str, Step<T, R>)],
    tree: &T,
    root: &R,
    source: &'static str,
    pass: &Pass<'_>,
) -> Plan {
    let mut draft = Draft::new(root, source, pass.now);
    for (name, step) in steps {
        draft.because = name;
        match step(tree, &mut draft, pass) {
            Flow::Continue => {}
            Flow::Commit => break,
            Flow::RetryAfter(delay) => {
                draft.requeue_after(delay);
                break;
            }
        }
    }
    draft.finish(root)
}

pub struct Draft<R> {
    /// The working copy of the root: metadata, spec and status as they should be.
    pub root: R,
    /// The step that is at work.
    pub because: &'static str,
    plan: Plan,
    source: &'static str,
    now: Timestamp,
    /// Events about the root are sent after the root is written.
    events: Vec<Action>,
    /// Calls that may be refused for long; they hold up nothing but what comes after them.
    late: Vec<Action>,
    held: bool,
}

impl<R: Resource + Clone> Draft<R> {
    fn new(root: &R, source: &'static str, now: Timestamp) -> Self {
        Self {
            root: root.clone(),
            because: "",
            plan: Plan::default(),
            source,
            now,
            events: Vec::new(),
            late: Vec::new(),
            held: false,
        }
    }

    /// Steps that build on what this one could not settle shall do nothing; those that tell of the
    /// root still run.
    pub fn hold(&mut self) {
        self.held = true;
    }

    pub fn is_held(&self) -> bool {
        self.held
    }

    pub fn findings(&self) -> &[Finding] {
        &self.plan.findings
    }

    /// A patch that rests on late calls. They may take long, so only the uid is its condition.
    pub fn late_patch<T: Resource + Clone>(&mut self, from: &T, to: &T) {
        if let Some(patch) = object_patch(from, to) {
            self.call_last(patch_call::<T>(from, None, patch, false));
        }
    }

    /// The same for the status of the root.
    pub fn late_status(&mut self, from: &R, to: &R) {
        if let Some(patch) = status_patch(from, to) {
            self.call_last(patch_call::<R>(from, Some("status"), patch, false));
        }
    }

    /// An annotation of the root that says a late call is done.
    pub fn late_mark(&mut self, annotation: &str, value: impl Into<String>) {
        let mut marked = self.root.clone();
        marked.meta_mut().annotations.insert(annotation.to_owned(), value.into());
        let root = self.root.clone();
        self.late_patch(&root, &marked);
    }

    /// What is planned so far, for a step that depends on an earlier one.
    pub fn actions(&self) -> &[Action] {
        &self.plan.actions
    }

    pub fn call(&mut self, call: Call) {
        self.plan.actions.push(Action { because: self.because, call });
    }

    /// A call that may be refused for long: made when all else is written, the root and its status too.
    pub fn call_last(&mut self, call: Call) {
        self.late.push(Action { because: self.because, call });
    }

    /// What the steps so far wait for.
    pub fn waits(&self) -> &[Wait] {
        &self.plan.waits
    }

    pub fn create<T: Resource>(&mut self, object: &T) {
        self.create_with(object, Vec::new());
    }

    pub fn create_with<T: Resource>(&mut self, object: &T, generate: Vec<Generate>) {
        self.call(Call::Create { kind: T::kind(), object: wire(object), generate });
    }

    /// Makes the stored `from` be like `to`, status aside. Nothing is sent when they are alike.
    pub fn patch<T: Resource + Clone>(&mut self, from: &T, to: &T) -> bool {
        let Some(patch) = object_patch(from, to) else { return false };
        self.call(patch_call::<T>(from, None, patch, true));
        true
    }

    /// As `patch`, but only if the object is still as it was read: the decision rests on that.
    pub fn patch_as_read<T: Resource + Clone>(&mut self, from: &T, to: &T) -> bool {
        let Some(mut patch) = object_patch(from, to) else { return false };
        patch["metadata"]["resourceVersion"] = json!(from.meta().resource_version);
        self.call(patch_call::<T>(from, None, patch, true));
        true
    }

    /// As `patch`, with the calls that are made last.
    pub fn patch_last<T: Resource + Clone>(&mut self, from: &T, to: &T) -> bool {
        let Some(patch) = object_patch(from, to) else { return false };
        self.call_last(patch_call::<T>(from, None, patch, true));
        true
    }

    /// Deletes in the background; the uid says which object was meant.
    pub fn delete<T: Resource>(&mut self, object: &T) {
        let meta = object.meta();
        self.call(Call::Delete {
            kind: T::kind(),
            key: key(object),
            uid: meta.uid.clone(),
            propagation: Propagation::Background,
        });
    }

    pub fn agent(&mut self, call: AgentCall) {
        self.call(Call::Agent(call));
    }

    /// An Event about the root, sent once the root is written.
    pub fn event(&mut self, reason: impl Into<String>, message: impl Into<String>) {
        self.event_about(Reference::of(&self.root), false, reason.into(), message.into());
    }

    pub fn warn(&mut self, reason: impl Into<String>, message: impl Into<String>) {
        self.event_about(Reference::of(&self.root), true, reason.into(), message.into());
    }

    pub fn event_about(
        &mut self,
        regarding: Reference,
        warning: bool,
        reason: String,
        message: String,
    ) {
        let call =
            Call::Event(EventCall { regarding, warning, reason, message, source: self.source });
        self.events.push(Action { because: self.because, call });
    }

    /// Holds back: says on what, until what, why, and whose that is.
    pub fn wait(
        &mut self,
        on: Reference,
        until: impl Into<Cow<'static, str>>,
        because: impl Into<Cow<'static, str>>,
        whose: Whose,
    ) {
        self.plan.waits.push(Wait { on, until: until.into(), because: because.into(), whose });
    }

    /// Something is wrong with the user's input. The step that finds it also sets a condition.
    pub fn find(&mut self, problem: Problem) {
        self.plan.findings.push(Finding { on: Reference::of(&self.root), problem });
    }

    /// The pass cannot be completed: a Warning event, and back-off.
    pub fn fail(&mut self, reason: &'static str, message: impl Into<String>) -> Flow {
        self.plan.failure = Some(Failure { reason, message: message.into() });
        Flow::Commit
    }

    /// Look again after this time, if nothing wakes the controller before. The earliest counts.
    pub fn requeue_after(&mut self, delay: SignedDuration) {
        let at = self.now + delay;
        self.plan.requeue_at = Some(self.plan.requeue_at.map_or(at, |earlier| earlier.min(at)));
    }

    fn finish(mut self, stored: &R) -> Plan {
        self.because = "root";
        let (spec, status) = patches(stored, &self.root);
        let alone = spec.is_none();
        if let Some(patch) = spec {
            self.call(patch_call::<R>(stored, None, patch, true));
        }
        if let Some(patch) = status {
            // After a write of the object its revision is another; the uid must do then.
            self.call(patch_call::<R>(stored, Some("status"), patch, alone));
        }
        self.plan.actions.append(&mut self.events);
        self.plan.actions.append(&mut self.late);
        self.plan
    }
}

impl Reference {
    pub fn of<T: Resource>(object: &T) -> Self {
        let uid = object.meta().uid.clone();
        Self { uid, ..Self::new(T::kind(), key(object)) }
    }
}

pub fn key<T: Resource>(object: &T) -> Key {
    let meta = object.meta();
    Key::new(meta.namespace.as_str(), meta.name.as_str())
}

/// The owner reference that makes `owner` the controller of an object.
pub fn controlled_by<T: Resource>(owner: &T) -> OwnerReference {
    let Kind { kind, .. } = T::kind();
    OwnerReference {
        api_version: T::kind().api_version(),
        kind: (*kind).to_owned(),
        name: owner.meta().name.clone(),
        uid: owner.meta().uid.clone(),
        controller: true,
        block_owner_deletion: true,
    }
}

pub fn is_controlled_by<T: Resource, O: Resource>(object: &T, owner: &O) -> bool {
    object.meta().controller().is_some_and(|controller| controller.uid == owner.meta().uid)
}

/// The wire form, with `apiVersion` and `kind`, and without a status.
pub fn wire<T: Resource>(object: &T) -> Value {
    let mut value = to_value(object);
    value.remove("status");
    value.insert("apiVersion".to_owned(), json!(T::kind().api_version()));
    value.insert("kind".to_owned(), json!(T::kind().kind));
    Value::Object(value)
}

fn object_patch<T: Resource + Clone>(from: &T, to: &T) -> Option<Value> {
    patches(from, to).0
}

fn status_patch<T: Resource + Clone>(from: &T, to: &T) -> Option<Value> {
    patches(from, to).1
}

/// What makes `from` like `to`: a patch of the object, and one of its status.
fn patches<T: Resource + Clone>(from: &T, to: &T) -> (Option<Value>, Option<Value>) {
    // Nearly always; and comparing is far cheaper than writing both out.
    if from == to {
        return (None, None);
    }
    if differ_in_metadata_only(from, to) {
        let patch = diff::metadata_patch(from.meta(), to.meta());
        return (patch.map(|patch| json!({ "metadata": patch })), None);
    }
    let [(from, old_status), (to, new_status)] = both_values(from, to).map(|mut object| {
        let status = object.remove("status").unwrap_or_else(|| json!({}));
        (Value::Object(object), json!({ "status": status }))
    });
    (diff::merge_patch(&from, &to), diff::merge_patch(&old_status, &new_status))
}

/// A label or a finalizer is what changes most often.
fn differ_in_metadata_only<T: Resource + Clone>(from: &T, to: &T) -> bool {
    let mut moved = to.clone();
    moved.meta_mut().clone_from(from.meta());
    moved == *from
}

/// What both share is left out: nothing differs there.
fn both_values<T: Resource + Clone>(from: &T, to: &T) -> [Map<String, Value>; 2] {
    if from.same_spec(to) {
        [from, to].map(|object| to_value(&object.without_spec()))
    } else {
        [from, to].map(to_value)
    }
}

/// `fresh`: nothing in the plan has written this object before.
fn patch_call<T: Resource>(
    stored: &T,
    subresource: Option<&'static str>,
    mut patch: Value,
    fresh: bool,
) -> Call {
    let meta = stored.meta();
    let revision = (fresh && diff::replaces_a_list(&patch)).then(|| meta.resource_version.clone());
    let metadata = patch
        .as_object_mut()
        .expect("the patch of an object is an object")
        .entry("metadata")
        .or_insert_with(|| json!({}));
    metadata["uid"] = json!(meta.uid);
    if let Some(revision) = revision {
        metadata["resourceVersion"] = json!(revision);
    }
    Call::Patch { kind: T::kind(), key: key(stored), subresource, patch }
}

fn to_value<T: Resource>(object: &T) -> Map<String, Value> {
    match object.write() {
        Value::Object(value) => value,
        other => unreachable!("a wire type is written as an object with string keys: {other:?}"),
    }
}
