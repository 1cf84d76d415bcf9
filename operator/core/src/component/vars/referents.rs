//! Which components a variable speaks of, and what becomes of one value per component.

use drydock_operator_api::apps::{Component, ObjectSelector, ObjectStrategy, VarOption};

use super::Value;
use crate::component::hold::Hold;
use crate::component::{Member, Tree};
use crate::matching;
use crate::plan::{Reference, Whose};
use crate::view::Key;

/// What one component has for a variable.
pub(super) enum Found {
    /// It does not have the object: this is awaited where the variable is required.
    NoObject(Reference),
    /// It has the object, which has no such value (yet); the text completes "waits for it ...".
    NoValue(Reference, &'static str),
    Value(Value),
}

/// The values of a variable by name; none where it is skipped.
pub(super) fn resolve(
    tree: &Tree,
    name: &str,
    object: &ObjectSelector,
    option: VarOption,
    find: impl Fn(&Member) -> Result<Found, Hold>,
) -> Result<Vec<(String, Value)>, Hold> {
    let optional = object.optional == Some(true);
    let members = referents(tree, object);
    if members.is_empty() {
        return if optional { Ok(Vec::new()) } else { Err(no_referent(tree, name, object)) };
    }
    let several = object.multiple_cluster_object_option.as_ref();
    if several.is_none() && members.len() > 1 {
        let rule = format!(
            "spec.vars[{name}]: {} components are of {:?}, and multipleClusterObjectOption is not given",
            members.len(),
            object.comp_def
        );
        return Err(Hold::broken(Reference::of(tree.definition()), rule, Whose::Addon));
    }
    if several.is_some_and(|several| several.require_all_component_objects) {
        require_all(tree, name, object, members.len())?;
    }

    let mut found: Vec<(&Member, Option<Value>)> = Vec::new();
    for member in &members {
        let because =
            format!("variable {name} of componentdefinition/{}", tree.definition().metadata.name);
        match find(member)? {
            Found::Value(value) => found.push((member, Some(value))),
            Found::NoObject(_) if optional => found.push((member, None)),
            Found::NoObject(on) => {
                return Err(Hold::not_yet(on, "to exist", because, Whose::Operator));
            }
            Found::NoValue(..) if option == VarOption::Optional => found.push((member, None)),
            Found::NoValue(on, until) => {
                return Err(Hold::not_yet(on, until, because, Whose::Operator));
            }
        }
    }
    if found.iter().all(|(_, value)| value.is_none()) {
        return Ok(Vec::new());
    }
    match several {
        Some(several) if found.len() > 1 => match several.strategy {
            ObjectStrategy::Individual => Ok(individual(name, found)),
            ObjectStrategy::Combined => {
                combined(tree, name, several.combined_option.as_ref(), found)
            }
        },
        _ => {
            Ok(found.into_iter().filter_map(|(_, value)| Some((name.to_owned(), value?))).collect())
        }
    }
}

fn referents<'a>(tree: &'a Tree, object: &ObjectSelector) -> Vec<&'a Member> {
    let own = &tree.component.spec.comp_def;
    let itself = object.comp_def.is_empty()
        || object.multiple_cluster_object_option.is_none()
            && matching::matches(&object.comp_def, own);
    tree.family
        .iter()
        .filter(|member| {
            if itself {
                member.component.metadata.name == tree.name()
            } else {
                matching::matches(&object.comp_def, &member.component.spec.comp_def)
            }
        })
        .collect()
}

/// The component may be on its way, or the Cluster has none of that kind.
fn no_referent(tree: &Tree, name: &str, object: &ObjectSelector) -> Hold {
    let pattern = &object.comp_def;
    let asked = asked_for(tree, pattern).into_iter().next();
    let because =
        format!("variable {name} of componentdefinition/{}", tree.definition().metadata.name);
    if let Some(short_name) = asked {
        let full = crate::names::component(&tree.cluster_name, &short_name);
        let kind = <Component as drydock_operator_api::Resource>::kind();
        let on = Reference::new(kind, Key::new(tree.namespace(), full));
        return Hold::not_yet(on, "to exist", because, Whose::Operator);
    }
    let rule = format!(
        "{because} needs a component of definition {pattern}, which the Cluster does not have"
    );
    Hold::broken(Reference::of(&*tree.component), rule, Whose::User)
}

/// Names of the components that the Cluster asks for and whose definition matches.
fn asked_for(tree: &Tree, pattern: &str) -> Vec<String> {
    let Some(cluster) = &tree.cluster else { return Vec::new() };
    let fits = |definition: &str| {
        matching::matches(pattern, definition) || definition.starts_with(pattern)
    };
    let single = cluster.spec.component_specs.iter().filter(|spec| fits(&spec.component_def));
    let sharded = cluster.spec.shardings.iter().filter(|sharding| {
        sharding.template.as_ref().is_some_and(|template| fits(&template.component_def))
    });
    single
        .map(|spec| spec.name.clone())
        .chain(sharded.flat_map(|sharding| {
            let shards = usize::try_from(sharding.shards).unwrap_or_default();
            std::iter::repeat_n(sharding.name.clone(), shards)
        }))
        .collect()
}

fn require_all(
    tree: &Tree,
    name: &str,
    object: &ObjectSelector,
    present: usize,
) -> Result<(), Hold> {
    let asked = asked_for(tree, &object.comp_def).len();
    if asked > 0 && present >= asked {
        return Ok(());
    }
    let on = tree
        .cluster
        .as_ref()
        .map_or_else(|| Reference::of(&*tree.component), |c| Reference::of(&**c));
    let until =
        format!("to have all {asked} components of {}, not only {present}", object.comp_def);
    Err(Hold::not_yet(on, until, format!("variable {name} needs all of them"), Whose::Operator))
}

/// `KEY_<COMPONENT>` for each; `KEY` itself is empty.
fn individual(name: &str, found: Vec<(&Member, Option<Value>)>) -> Vec<(String, Value)> {
    let mut values = vec![(name.to_owned(), Value::Plain(String::new()))];
    values.extend(found.into_iter().map(|(member, value)| {
        let suffix = member.short_name.to_uppercase().replace('-', "_");
        (format!("{name}_{suffix}"), value.unwrap_or_else(|| Value::Plain(String::new())))
    }));
    values
}

/// `component:value,component:value`.
fn combined(
    tree: &Tree,
    name: &str,
    option: Option<&drydock_operator_api::apps::CombinedOption>,
    found: Vec<(&Member, Option<Value>)>,
) -> Result<Vec<(String, Value)>, Hold> {
    let option = option.cloned().unwrap_or_default();
    let format = option.flatten_format.unwrap_or_default();
    let or = |given: String, usual: &str| if given.is_empty() { usual.to_owned() } else { given };
    let (delimiter, of_value) = (or(format.delimiter, ","), or(format.key_value_delimiter, ":"));
    let mut parts = Vec::new();
    for (member, value) in found {
        match value {
            Some(Value::From(_)) => {
                let rule =
                    format!("spec.vars[{name}]: credentials cannot be combined into one value");
                return Err(Hold::broken(Reference::of(tree.definition()), rule, Whose::Addon));
            }
            Some(Value::Plain(text)) => {
                parts.push(format!("{}{}{text}", member.short_name, of_value));
            }
            None => parts.push(format!("{}{}", member.short_name, of_value)),
        }
    }
    let value = Value::Plain(parts.join(&delimiter));
    Ok(if option.new_var_suffix.is_empty() {
        vec![(name.to_owned(), value)]
    } else {
        vec![
            (name.to_owned(), Value::Plain(String::new())),
            (format!("{name}_{}", option.new_var_suffix), value),
        ]
    })
}
