//! Released behaviour that is known to be wrong: a named replacement for one step of a controller.
//! None is compiled into the production binary. Quirks double as the mutants that measure the explorer.

pub mod kubeblocks_8082;

use drydock_operator_core::controllers::Controller;

pub struct Quirk {
    /// `kubeblocks-8082`
    pub name: &'static str,
    /// What it reproduces.
    pub report: &'static str,
    /// Which releases behave like that.
    pub affects: &'static str,
    /// What it does wrong, as the end of a sentence that begins with "the operator's: ".
    pub fault: &'static str,
    pub install: fn(&mut [Controller]),
}

pub const ALL: &[Quirk] = &[kubeblocks_8082::KUBEBLOCKS_8082];

pub fn by_name(name: &str) -> Option<&'static Quirk> {
    ALL.iter().find(|quirk| quirk.name == name)
}
