//! How pods are reached: Services, what stands before and behind them, and who may talk to whom.

pub(crate) mod address;
pub(super) mod endpoint_slice;
pub(super) mod ingress;
mod kept;
pub(super) mod network_policy;
pub(super) mod service;
