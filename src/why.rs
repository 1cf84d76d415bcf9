//! Why it is stuck, whose that is, and where to look: the end of a screen that failed.

use drydock_simulator::Run;
use drydock_simulator::explain::{Chain, Ending, possessive};
use serde_json::Value;

use crate::paint::Paint;

/// Wider ones would push the text of the others to the right edge.
const OBJECT: usize = 40;

/// The chains as data, outermost link first.
pub fn json(chains: &[Chain]) -> Vec<Value> {
    chains.iter().filter_map(|chain| serde_json::to_value(chain).ok()).collect()
}

/// The tree of waits, its end, and the commands to go on with.
pub fn screen(run: &Run, next: &[(&str, String)], paint: Paint) -> String {
    tell(&run.why(), next, paint)
}

pub fn tell(chains: &[Chain], next: &[(&str, String)], paint: Paint) -> String {
    let mut rows: Vec<(&str, String)> = Vec::new();
    let mut text = String::new();
    for chain in chains {
        text.push_str(&tree(chain, paint));
        match &chain.ending {
            Ending::Open(whose) if chain.verdict.is_empty() => {
                rows.push(("whose", possessive(*whose).to_owned()));
            }
            Ending::Open(whose) => {
                rows.push(("whose", format!("{}: {}", possessive(*whose), chain.verdict)));
            }
            Ending::Circle(objects) => {
                rows.push(("whose", format!("a circle: {}", objects.join(" waits for "))));
            }
            Ending::Nothing => {
                rows.push(("whose", "unknown: it waits for nothing that is known".to_owned()));
            }
        }
        if let Some(known) = &chain.known_as {
            let affects = format!(
                "{}, affects {}; it runs here because --quirk asked for it",
                known.name, known.affects
            );
            rows.push(("known as", affects));
        }
        if chain.assumed {
            rows.push((
                "assumed",
                "it rests on a generic engine model or an assumed constant".to_owned(),
            ));
        }
    }
    rows.dedup();
    rows.extend(next.iter().map(|(what, command)| (*what, command.clone())));
    text.push('\n');
    for (what, value) in rows {
        text.push_str(&format!("  {}  {value}\n", paint.strong(&format!("{what:<11}"))));
    }
    text
}

fn tree(chain: &Chain, paint: Paint) -> String {
    if chain.links.is_empty() {
        return String::new();
    }
    let name = |depth: usize, object: &str| match depth {
        0 => object.to_owned(),
        depth => format!("{}└ {object}", "  ".repeat(depth - 1)),
    };
    let names: Vec<String> =
        chain.links.iter().enumerate().map(|(depth, link)| name(depth, &link.object)).collect();
    let width = names
        .iter()
        .map(|name| name.chars().count())
        .filter(|width| *width <= OBJECT)
        .max()
        .unwrap_or(0);
    let mut text = format!("\n  {}\n", paint.strong("why"));
    for ((depth, link), name) in chain.links.iter().enumerate().zip(&names) {
        text.push_str(&format!("    {name:<width$}   {}\n", link.text));
        let indent = " ".repeat(8 + 2 * depth);
        for detail in &link.details {
            text.push_str(&format!("{indent}{}\n", paint.failure(detail)));
        }
    }
    text
}
