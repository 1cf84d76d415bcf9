//! What the expressions of a schema may cost: each, and all together.

use super::openapi::text;
use super::place::{Place, REQUEST};
use crate::Tree;
use crate::schema::{Faults, Path};
use crate::status::FieldError;

/// Of one expression, wherever values of its schema may stand.
const OF_ONE: u64 = 10_000_000;
const OF_ALL: u64 = 100_000_000;
/// How many of the most expensive are named.
const NAMED: usize = 4;

/// What the expressions so far cost together, and which of them cost the most.
#[derive(Default)]
pub(super) struct Budget {
    total: u64,
    worst: Vec<(u64, String)>,
}

/// How often values may stand below a schema that itself does so `times` times. `None`: nobody says.
pub(super) fn below(schema: &Tree, times: Option<u64>) -> Option<u64> {
    let has = |key: &str| schema.get(key).is_some_and(|value| !value.is_null());
    let key = match text(schema, "type") {
        "object" if has("additionalProperties") => "maxProperties",
        "array" => "maxItems",
        _ => return times,
    };
    let most = schema.int_at(&[key])?.max(0).cast_unsigned();
    times.map(|times| times.saturating_mul(most))
}

impl Budget {
    /// Charges a rule of a schema: what it costs, each of the `times` that its values may stand in an object.
    pub(super) fn rule(
        &mut self,
        place: Place<'_>,
        times: Option<u64>,
        cost: u64,
        at: &Path<'_>,
        faults: &mut Faults,
    ) {
        let times = times.unwrap_or_else(|| (REQUEST / (place.least() + 1)).cast_unsigned());
        self.observe("rule", cost.saturating_mul(times), at, faults);
    }

    /// Charges the message of a rule.
    pub(super) fn message(&mut self, cost: u64, at: &Path<'_>, faults: &mut Faults) {
        self.observe("messageExpression", cost, at, faults);
    }

    fn observe(&mut self, key: &str, cost: u64, at: &Path<'_>, faults: &mut Faults) {
        let at = at.field(key);
        if cost > OF_ONE {
            faults.forbidden(at, &exceeds(&format!("estimated {key} cost"), cost, OF_ONE));
        }
        self.total = self.total.saturating_add(cost);
        if cost >= OF_ALL / 100 {
            let place = self.worst.partition_point(|(worse, _)| *worse >= cost);
            self.worst.insert(place, (cost, at.to_string()));
            self.worst.truncate(NAMED);
        }
    }

    /// Whether all expressions together cost too much.
    pub(super) fn check(&self, at: &Path<'_>, faults: &mut Faults) {
        if self.total <= OF_ALL {
            return;
        }
        for (_, place) in &self.worst {
            let why = "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema";
            faults.0.push(FieldError::forbidden(place, why));
        }
        let what = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema";
        faults.forbidden(*at, &exceeds(what, self.total, OF_ALL));
    }
}

fn exceeds(what: &str, cost: u64, limit: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "the nearest number is what is told")]
    let factor = cost as f64 / limit as f64;
    let factor = if factor > 100.0 {
        "more than 100x".to_owned()
    } else if factor < 1.5 {
        format!("{factor:.6}x")
    } else {
        format!("{factor:.1}x")
    };
    format!(
        "{what} exceeds budget by factor of {factor} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)"
    )
}
