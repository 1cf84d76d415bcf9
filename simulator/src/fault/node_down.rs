//! A machine stops: its kubelet, its pods' processes. Volumes and objects stay as they are.

use std::sync::Arc;

use drydock_scenarios::{self as step, NodeChoice};

use super::Fault;
use crate::world::World;

#[derive(Clone, Debug)]
pub struct NodeDown {
    pub node: String,
    /// Pods on it when it struck, for the story.
    pub pods: Vec<String>,
}

pub(super) fn make(fault: &step::Fault, world: &World) -> Option<Arc<dyn Fault>> {
    let step::Fault::NodeDown(choice) = fault else { return None };
    let server = world.server(0);
    let pods = server.table(server.kind("", "Pod")?);
    let node = match choice {
        NodeChoice::Named(name) => {
            server.table(server.kind("", "Node")?).get("", name)?;
            name.clone()
        }
        NodeChoice::Of { namespace, pod } => {
            pods.get(namespace, pod)?.tree().str_at(&["spec", "nodeName"])?.to_owned()
        }
    };
    let pods = pods.iter().filter(|pod| pod.tree().str_at(&["spec", "nodeName"]) == Some(&*node));
    let pods = pods.map(|pod| pod.name().to_owned()).collect();
    Some(Arc::new(NodeDown { node, pods }))
}

impl Fault for NodeDown {
    fn describe(&self) -> String {
        match self.pods.as_slice() {
            [] => format!("{} down", self.node),
            pods => format!("{} down, with {}", self.node, pods.join(", ")),
        }
    }

    fn begin(&self, world: &mut World) {
        world.set_node(&self.node, false);
    }

    fn end(&self, world: &mut World) {
        world.set_node(&self.node, true);
    }
}
