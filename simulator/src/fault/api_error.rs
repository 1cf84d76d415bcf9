//! The API server refuses a request before anything is stored.

use std::sync::Arc;

use drydock_scenarios as step;

use super::{Fault, Strikes, Verdict};
use crate::world::World;

#[derive(Clone, Debug)]
pub struct ApiError {
    pub code: u16,
    pub strikes: Strikes,
}

pub(super) fn make(fault: &step::Fault, _world: &World) -> Option<Arc<dyn Fault>> {
    let step::Fault::ApiError { code, requests } = fault else { return None };
    Some(Arc::new(ApiError { code: *code, strikes: Strikes::of(requests) }))
}

impl Fault for ApiError {
    fn describe(&self) -> String {
        format!("error {}", self.code)
    }

    fn verdict(&self) -> Verdict {
        Verdict::Refuse(self.code)
    }

    fn strikes(&self) -> Option<&Strikes> {
        Some(&self.strikes)
    }
}
