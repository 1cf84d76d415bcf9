//! Why is it stuck: the chain of waits from an object down to the thing that does not move, and
//! whose that is. Data; how it looks is decided elsewhere.
//!
//! A chain goes on as long as what is waited for waits itself. It ends at a call that fails, a
//! missing object, a full node, a finalizer that nobody here removes, a person; or in a circle.

mod links;

use drydock_apiserver::{KindInfo, Object};
use drydock_operator_core::plan::{Reference, Whose};
use drydock_operator_core::view::Key;
use jiff::Timestamp;
use serde::Serialize;

use crate::world::World;

/// From the outermost object to the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Chain {
    pub links: Vec<Link>,
    pub ending: Ending,
    /// Why it is theirs: "it asks for a kind that this server does not have".
    pub verdict: String,
    /// A quirk that was switched on and does just this.
    pub known_as: Option<KnownAs>,
    /// It rests on a generic engine model or a constant that was assumed.
    pub assumed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Link {
    /// `component/demo-redis`
    pub object: String,
    /// "Deleting since 0:31.2, waits for component/demo-redis to be gone".
    pub text: String,
    /// Lines that belong below it: the failing call in full, what the server has instead.
    pub details: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Somebody has to act.
    Open(Whose),
    /// These wait for each other.
    Circle(Vec<String>),
    /// The object waits for nothing that is known.
    Nothing,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KnownAs {
    pub name: &'static str,
    pub affects: &'static str,
}

impl Chain {
    pub fn whose(&self) -> Option<Whose> {
        match self.ending {
            Ending::Open(whose) => Some(whose),
            _ => None,
        }
    }
}

/// `the operator's`.
pub fn possessive(whose: Whose) -> &'static str {
    match whose {
        Whose::Operator => "the operator's",
        Whose::Addon => "the addon's",
        Whose::Kubernetes => "Kubernetes'",
        Whose::Engine => "the engine model's",
        Whose::User => "the user's",
    }
}

/// Time since the start of a story: `0:31.2`.
pub fn offset(epoch: Timestamp, at: Timestamp) -> String {
    let tenths = at.duration_since(epoch).as_millis().max(0) / 100;
    let (minutes, rest) = (tenths / 600, tenths % 600);
    format!("{minutes}:{:02}.{}", rest / 10, rest % 10)
}

pub fn reference(info: &KindInfo, object: &Object) -> Reference {
    Reference {
        kind: info.kind.to_string().into(),
        api_version: info.api_version().into(),
        key: Key::new(object.namespace(), object.name()),
        uid: object.uid().to_owned(),
    }
}

/// The chain from that object down.
pub fn chain(world: &World, from: &Reference) -> Chain {
    links::walk(world, from, &mut Vec::new())
}

/// The chains of all Clusters that are not Running; of other objects on their way out if there is none.
pub fn stuck(world: &World) -> Vec<Chain> {
    let server = world.server(0);
    let of_kind = |group: &str, kind: &str, wanted: &dyn Fn(&Object) -> bool| -> Vec<Chain> {
        let Some(id) = server.kind(group, kind) else { return Vec::new() };
        let Some(info) = server.kind_info(id) else { return Vec::new() };
        let stuck = server.table(id).iter().filter(|object| wanted(object));
        stuck.map(|object| chain(world, &reference(info, object))).collect()
    };
    let not_running = |object: &Object| {
        object.is_deleting() || object.tree().str_at(&["status", "phase"]) != Some("Running")
    };
    for kind in ["Cluster", "Component"] {
        let chains = of_kind("apps.kubeblocks.io", kind, &not_running);
        if !chains.is_empty() {
            return chains;
        }
    }
    of_kind("workloads.kubeblocks.io", "InstanceSet", &Object::is_deleting)
}
