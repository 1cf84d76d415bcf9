//! Classes of devices.

use super::{MOST_CONFIGURATIONS, configuration, each, selector};
use crate::builtin::check::list;
use crate::builtin::rules::Write;
use crate::schema::{Faults, Path};

/// `stored`: what did not change is as what is there already.
pub(in crate::builtin) fn check(write: &Write<'_>, stored: bool, faults: &mut Faults) {
    if !write.changed(&["spec"]) {
        return;
    }
    let (spec, at) = (write.part(&["spec"]), Path::Root.field("spec"));
    selector::each(list(spec, "selectors"), at.field("selectors"), faults);
    let path = ["spec", "config"];
    let stored = stored && write.old.is_some_and(|old| old.at(&path) == write.kept.at(&path));
    let config = list(spec, "config");
    each(config, at.field("config"), MOST_CONFIGURATIONS, faults, |one, at, faults| {
        configuration(one, &at, stored, faults);
    });
}
