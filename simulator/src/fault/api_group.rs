//! A group and version that the API server does not serve while the fault lasts.

use std::sync::Arc;

use drydock_scenarios as step;

use super::Fault;
use crate::world::World;

#[derive(Clone, Debug)]
pub struct ApiGroupNotServed {
    /// `policy/v1`
    pub group_version: String,
}

pub(super) fn make(fault: &step::Fault, _world: &World) -> Option<Arc<dyn Fault>> {
    let step::Fault::ApiGroupNotServed { group_version } = fault else { return None };
    Some(Arc::new(ApiGroupNotServed { group_version: group_version.clone() }))
}

impl Fault for ApiGroupNotServed {
    fn describe(&self) -> String {
        format!("{} is not served", self.group_version)
    }

    fn begin(&self, world: &mut World) {
        world.server_mut(0).serve_group(&self.group_version, false);
    }

    fn end(&self, world: &mut World) {
        world.server_mut(0).serve_group(&self.group_version, true);
    }
}
