//! The operator on a real cluster: the loop that asks what `drydock-operator-core` decides.
//!
//! ```text
//!  watches ─► cache ─► table of watches ─► queue ─► plan(view) ─► execution ─► requests
//!                ▲                                     answers ◄──────────────────┘
//! ```
//!
//! The same table, plans and executions run in a simulated world; what lives here is IO, and nothing is decided here.
//!
//! **Invariant:** nothing is remembered but what can be read again: a restart loses nothing.

pub mod agent;
pub mod cli;
pub mod clock;
pub mod driver;
pub mod lease;

mod cache;
mod queue;
mod request;
mod watch;
