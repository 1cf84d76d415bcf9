//! Which instances a set has: names, and the template each name is made from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use drydock_operator_api::apps::Ordinals;
use drydock_operator_api::workloads::instance_set::{InstanceSet, InstanceTemplate};

/// The name of an instance. In order of parent, then number: `demo-10` comes after `demo-2`, and
/// all of `demo` before `demo-big`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    pub parent: String,
    /// None for a name that does not end in a number: such a pod was never asked for.
    pub ordinal: Option<i32>,
}

impl Name {
    pub fn new(parent: impl Into<String>, ordinal: i32) -> Self {
        Self { parent: parent.into(), ordinal: Some(ordinal) }
    }

    pub fn parse(text: &str) -> Self {
        text.rsplit_once('-')
            // A leading zero would be lost, and with it the name.
            .filter(|(_, digits)| *digits == "0" || !digits.starts_with(['0', '+']))
            .and_then(|(parent, digits)| Some(Self::new(parent, digits.parse().ok()?)))
            .unwrap_or_else(|| Self { parent: text.to_owned(), ordinal: None })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ordinal {
            Some(ordinal) => write!(f, "{}-{ordinal}", self.parent),
            None => f.write_str(&self.parent),
        }
    }
}

/// The instances that a spec asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Name to template; the default template has the empty name.
    pub desired: BTreeMap<Name, String>,
    /// Template to its ordinals, for the status; only with flat ordinals.
    pub assigned: BTreeMap<String, BTreeSet<i32>>,
    /// Flat ordinals only: what could not be assigned, for now.
    pub shortage: Option<String>,
}

/// What the spec asks for, or what is wrong with it. `present`: does this pod exist?
pub fn names(set: &InstanceSet, present: impl Fn(&Name) -> bool) -> Result<Names, String> {
    let templates = templates(set)?;
    if set.spec.flat_instance_ordinal {
        flat(set, &templates, present)
    } else {
        by_template(set, &templates)
    }
}

struct Template<'a> {
    name: &'a str,
    replicas: usize,
    ordinals: &'a Ordinals,
}

/// The named templates in order of name, and before them the default one if something is left for it.
fn templates(set: &InstanceSet) -> Result<Vec<Template<'_>>, String> {
    let replicas = set.spec.replicas.unwrap_or(1);
    let mut named: BTreeMap<&str, &InstanceTemplate> = BTreeMap::new();
    for template in &set.spec.instances {
        if named.insert(&template.name, template).is_some() {
            return Err(format!("spec.instances has two templates named {}", template.name));
        }
    }
    let claimed: i32 = named.values().map(|template| template.replicas.unwrap_or(1)).sum();
    let rest = replicas - claimed;
    if replicas < 0 || rest < 0 {
        return Err(format!(
            "spec.replicas is {replicas}, and the templates in spec.instances ask for {claimed}"
        ));
    }
    let default = Template {
        name: "",
        replicas: usize::try_from(rest).unwrap_or_default(),
        ordinals: &set.spec.ordinals,
    };
    let named = named.into_values().map(|template| Template {
        name: &template.name,
        replicas: usize::try_from(template.replicas.unwrap_or(1)).unwrap_or_default(),
        ordinals: &template.ordinals,
    });
    Ok((rest > 0).then_some(default).into_iter().chain(named).collect())
}

fn by_template(set: &InstanceSet, templates: &[Template<'_>]) -> Result<Names, String> {
    let mut desired = BTreeMap::new();
    for template in templates {
        let parent = match template.name {
            "" => set.metadata.name.clone(),
            name => format!("{}-{name}", set.metadata.name),
        };
        let offline = offline(set, &parent);
        let explicit = expand(template.ordinals)?;
        let ordinals: Vec<i32> = if is_empty(template.ordinals) {
            (0..).filter(|ordinal| !offline.contains(ordinal)).take(template.replicas).collect()
        } else {
            explicit.difference(&offline).copied().take(template.replicas).collect()
        };
        if ordinals.len() < template.replicas {
            return Err(format!(
                "the ordinals of {parent} allow {} instances, and {} are wanted",
                ordinals.len(),
                template.replicas
            ));
        }
        for ordinal in ordinals {
            let name = Name::new(&parent, ordinal);
            if desired.contains_key(&name) {
                return Err(format!("two templates give the name {name}"));
            }
            desired.insert(name, template.name.to_owned());
        }
    }
    Ok(Names { desired, ..Names::default() })
}

/// All templates share the names `set-N`; which template has which N is remembered in the status.
fn flat(
    set: &InstanceSet,
    templates: &[Template<'_>],
    present: impl Fn(&Name) -> bool,
) -> Result<Names, String> {
    let parent = &set.metadata.name;
    let offline = offline(set, parent);
    let before: BTreeMap<String, BTreeSet<i32>> = set
        .status
        .assigned_ordinals
        .iter()
        .map(|(template, ordinals)| Ok((template.clone(), expand(ordinals)?)))
        .collect::<Result<_, String>>()?;
    let mut explicit_of_any = BTreeSet::new();
    let mut explicit = BTreeMap::new();
    for template in templates {
        let own = expand(template.ordinals)?;
        if let Some(twice) = own.iter().find(|ordinal| explicit_of_any.contains(*ordinal)) {
            return Err(format!("two templates ask for the ordinal {twice}"));
        }
        explicit_of_any.extend(own.iter().copied());
        explicit.insert(template.name, own);
    }
    // An ordinal does not change hands in the pass that frees it: `used` only grows.
    let mut used: BTreeSet<i32> = before.values().flatten().copied().collect();
    let mut names = Names::default();
    for template in templates {
        let own = &explicit[template.name];
        let had = before.get(template.name).cloned().unwrap_or_default();
        let mut has: BTreeSet<i32> = if own.is_empty() {
            had.iter()
                .filter(|o| !explicit_of_any.contains(o) && !offline.contains(o))
                .copied()
                .collect()
        } else {
            had.iter().filter(|o| own.contains(o) && !offline.contains(o)).copied().collect()
        };
        while has.len() > template.replicas {
            has.pop_last();
        }
        if own.is_empty() {
            while has.len() < template.replicas {
                let free = (0..=i32::MAX)
                    .find(|o| {
                        !used.contains(o) && !explicit_of_any.contains(o) && !offline.contains(o)
                    })
                    .expect("there are more numbers than instances");
                used.insert(free);
                has.insert(free);
            }
        } else {
            let of_default = |ordinal| before.get("").is_some_and(|had| had.contains(ordinal));
            for ordinal in own.iter().filter(|ordinal| !offline.contains(ordinal)) {
                if has.len() >= template.replicas {
                    break;
                }
                // A named template takes an ordinal from the default one, and the default one takes it back.
                if !used.contains(ordinal) || of_default(ordinal) != template.name.is_empty() {
                    used.insert(*ordinal);
                    has.insert(*ordinal);
                }
            }
        }
        if has.len() < template.replicas {
            names.shortage = Some(format!(
                "template {:?} has {} of {} ordinals",
                template.name,
                has.len(),
                template.replicas
            ));
        }
        for ordinal in &has {
            names.desired.insert(Name::new(parent, *ordinal), template.name.to_owned());
        }
        names.assigned.insert(template.name.to_owned(), has);
    }
    // Of a template that is gone the assignment stays while its pods run.
    for (template, had) in before {
        if let std::collections::btree_map::Entry::Vacant(e) = names.assigned.entry(template) {
            let running: BTreeSet<i32> =
                had.into_iter().filter(|o| present(&Name::new(parent, *o))).collect();
            if !running.is_empty() {
                e.insert(running);
            }
        }
    }
    Ok(names)
}

/// The ordinals under this parent that the spec lists as offline.
fn offline(set: &InstanceSet, parent: &str) -> BTreeSet<i32> {
    set.spec
        .offline_instances
        .iter()
        .map(|name| Name::parse(name))
        .filter(|name| name.parent == parent)
        .filter_map(|name| name.ordinal)
        .collect()
}

fn is_empty(ordinals: &Ordinals) -> bool {
    ordinals.ranges.is_empty() && ordinals.discrete.is_empty()
}

fn expand(ordinals: &Ordinals) -> Result<BTreeSet<i32>, String> {
    let mut all: BTreeSet<i32> = ordinals.discrete.iter().copied().collect();
    for range in &ordinals.ranges {
        if range.start > range.end {
            return Err(format!("the ordinals {} to {} are no range", range.start, range.end));
        }
        all.extend(range.start..=range.end);
    }
    match all.first() {
        Some(first) if *first < 0 => Err(format!("the ordinal {first} is negative")),
        _ => Ok(all),
    }
}

#[cfg(test)]
mod tests {
    use drydock_operator_api::apps::Range;

    use super::*;
    use crate::fixture::{instance_set, template};

    fn desired(set: &InstanceSet) -> Vec<String> {
        names(set, |_| false).expect("a good spec").desired.keys().map(Name::to_string).collect()
    }

    #[test]
    fn names_sort_by_parent_and_number() {
        let mut names = ["demo-big-0", "demo-10", "demo-2"].map(Name::parse);

        names.sort();

        assert_eq!(names.map(|name| name.to_string()), ["demo-2", "demo-10", "demo-big-0"]);
    }

    #[test]
    fn any_text_is_a_name_and_comes_back_as_it_was() {
        for text in ["demo-0", "demo", "demo-01", "demo-x", "demo-+1", "-", ""] {
            assert_eq!(Name::parse(text).to_string(), text);
        }
    }

    #[test]
    fn offline_names_are_skipped() {
        let set = instance_set("demo").replicas(3).offline(&["demo-0"]).set();

        assert_eq!(desired(&set), ["demo-1", "demo-2", "demo-3"]);
    }

    #[test]
    fn named_templates_follow_the_default_one() {
        let set = instance_set("demo").replicas(3).template(template("t").replicas(2)).set();

        assert_eq!(desired(&set), ["demo-0", "demo-t-0", "demo-t-1"]);
    }

    #[test]
    fn explicit_ordinals_are_taken_in_order_and_must_suffice() {
        let mut set = instance_set("demo").replicas(2).offline(&["demo-3"]).set();
        set.spec.ordinals.discrete = vec![7];
        set.spec.ordinals.ranges = vec![Range { start: 3, end: 4 }];

        assert_eq!(desired(&set), ["demo-4", "demo-7"]);

        set.spec.replicas = Some(3);
        assert!(names(&set, |_| false).is_err());
    }

    #[test]
    fn templates_that_ask_for_more_than_there_is_are_refused() {
        let set = instance_set("demo").replicas(1).template(template("t").replicas(2)).set();

        assert_eq!(
            names(&set, |_| false).unwrap_err(),
            "spec.replicas is 1, and the templates in spec.instances ask for 2"
        );
    }

    #[test]
    fn flat_ordinals_stay_with_the_template_that_has_them() {
        let mut set = instance_set("demo").replicas(3).template(template("t").replicas(1)).set();
        set.spec.flat_instance_ordinal = true;
        let first = names(&set, |_| false).expect("a good spec");
        assert_eq!(first.assigned[""], BTreeSet::from([0, 1]));
        assert_eq!(first.assigned["t"], BTreeSet::from([2]));

        set.status.assigned_ordinals = first
            .assigned
            .iter()
            .map(|(template, ordinals)| {
                let discrete = ordinals.iter().copied().collect();
                (template.clone(), Ordinals { discrete, ranges: Vec::new() })
            })
            .collect();
        set.spec.instances[0].replicas = Some(2);
        let second = names(&set, |_| false).expect("a good spec");

        // Ordinal 1 is free only in the next pass: it still may carry a pod of the default template.
        assert_eq!(second.assigned[""], BTreeSet::from([0]));
        assert_eq!(second.assigned["t"], BTreeSet::from([2, 3]));
    }
}
