//! The table of an addon's lifecycle actions: a first look at whether its scripts will do.

use std::collections::BTreeMap;

use drydock_simulator::World;
use drydock_simulator::lifecycle::{Calls, Repeated};
use serde_json::{Value, json};

use crate::paint::{self, Paint};

/// What an agent grants an action that asks for nothing else, and the most that it grants any.
const DEFAULT_BUDGET_SECS: i64 = 30;
const LONGEST_BUDGET_SECS: i64 = 60;

pub fn json(world: &World) -> Value {
    let budgets = budgets(world);
    let action = |(name, calls): (&std::sync::Arc<str>, &Calls)| {
        let mut value = json!(calls);
        value["budget_seconds"] = json!(budget(&budgets, name));
        (name.to_string(), value)
    };
    world.lifecycle().iter().map(action).collect::<serde_json::Map<_, _>>().into()
}

pub fn table(world: &World, paint: Paint) -> String {
    if world.lifecycle().is_empty() {
        return String::new();
    }
    let budgets = budgets(world);
    let head = ["action", "calls", "failed", "longest", "budget", "repeated safely"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(world.lifecycle().iter().map(|(name, calls)| {
        vec![
            name.to_string(),
            calls.calls.to_string(),
            calls.failed.to_string(),
            longest(calls),
            format!("{}s", budget(&budgets, name)),
            match calls.repeated {
                Repeated::Never => "-",
                Repeated::Safely => "yes",
                Repeated::Failed => "no",
            }
            .to_owned(),
        ]
    }));
    let lines = paint::table(&rows, &[1, 2, 3, 4]);
    let lines: String = lines.iter().map(|line| format!("    {line}\n")).collect();
    format!("  {}\n{lines}", paint.strong("lifecycle calls"))
}

/// What takes no time in the simulation has no longest.
fn longest(calls: &Calls) -> String {
    #[expect(clippy::cast_precision_loss, reason = "it is rounded to be read")]
    let seconds = calls.longest_us as f64 / 1e6;
    if calls.longest_us == 0 { "-".to_owned() } else { format!("{seconds:.2}s") }
}

/// The longest that a definition grants each of its actions, in seconds.
fn budgets(world: &World) -> BTreeMap<String, i64> {
    let mut budgets = BTreeMap::new();
    for definition in world.objects("apps.kubeblocks.io", "ComponentDefinition") {
        let actions = definition.tree().at(&["spec", "lifecycleActions"]);
        let Some(Value::Object(actions)) = actions.map(drydock_apiserver::Tree::to_value) else {
            continue;
        };
        for (name, action) in actions {
            let seconds = action["timeoutSeconds"].as_i64().unwrap_or_default();
            let longest: &mut i64 = budgets.entry(name).or_default();
            *longest = seconds.max(*longest);
        }
    }
    budgets
}

fn budget(budgets: &BTreeMap<String, i64>, action: &str) -> i64 {
    let own = budgets.get(action).copied().filter(|seconds| *seconds > 0);
    own.map_or(DEFAULT_BUDGET_SECS, |seconds| seconds.min(LONGEST_BUDGET_SECS))
}
