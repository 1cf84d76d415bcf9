//! Variables of a component: from other objects, from expressions, and into each other.

mod expand;
mod referents;
mod services;
mod sources;

use std::collections::BTreeMap;

use drydock_operator_api::apps::{Component, Var};
use drydock_operator_api::core::ConfigMap;
use k8s_openapi::api::core::v1::{EnvVar, EnvVarSource};

use super::hold::Hold;
use super::names_of::{base, merged, owned_meta};
use super::replicas::Replicas;
use super::{Tree, builds};
use crate::draft::{Draft, Flow, Pass};
use crate::plan::{Reference, Whose};
use crate::settings::Settings;
use crate::view::Key;
use crate::{names, template};

/// Writes the literals. Running containers see a change when they start anew.
pub(super) fn step(tree: &Tree, draft: &mut Draft<Component>, pass: &Pass<'_>) -> Flow {
    if !builds(tree, draft) {
        return Flow::Continue;
    }
    let vars = match resolved(tree, pass.settings) {
        Ok(vars) => vars,
        Err(hold) => return hold.apply(draft),
    };
    if tree.is_compact() {
        return Flow::Continue;
    }
    let wanted = env_config_map(tree, vars, pass);
    match tree.sources.get(&Key::new(tree.namespace(), &wanted.metadata.name)) {
        None => draft.create(&wanted),
        Some(stored) => {
            let mut new = ConfigMap::clone(stored);
            new.metadata.labels.extend(wanted.metadata.labels);
            new.metadata.annotations.extend(wanted.metadata.annotations);
            new.data = wanted.data;
            draft.patch_as_read(&**stored, &new);
        }
    }
    Flow::Continue
}

/// What the variables of a component come to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Vars {
    /// For the containers themselves: what refers to something.
    pub env: Vec<EnvVar>,
    /// For the `ConfigMap` of the environment.
    pub literals: BTreeMap<String, String>,
    /// For templates and actions; no credentials.
    pub template: BTreeMap<String, String>,
}

/// Computed once per tree.
pub(super) fn resolved<'a>(tree: &'a Tree, settings: &Settings) -> Result<&'a Vars, Hold> {
    tree.derived.vars.get_or_init(|| resolve(tree, settings)).as_ref().map_err(Hold::clone)
}

enum Value {
    Plain(String),
    From(Box<EnvVarSource>),
}

fn resolve(tree: &Tree, settings: &Settings) -> Result<Vars, Hold> {
    let sidecars = tree.sidecars.iter().flat_map(|sidecar| &sidecar.spec.vars);
    let given: Vec<&Var> = tree.definition().spec.vars.iter().chain(sidecars).collect();
    let mut plain: Vec<(String, String)> = Vec::new();
    let mut credentials: Vec<(String, EnvVarSource)> = Vec::new();
    for var in &given {
        for (name, value) in sources::resolve(tree, settings, var)? {
            match value {
                Value::Plain(text) => plain.push((name, text)),
                Value::From(source) => credentials.push((name, *source)),
            }
        }
    }
    evaluate(tree, &given, &mut plain, &credentials)?;
    Ok(split(&plain, &credentials))
}

/// Expressions see what earlier ones made of the values. A variable that refers to something stays.
fn evaluate(
    tree: &Tree,
    given: &[&Var],
    plain: &mut Vec<(String, String)>,
    credentials: &[(String, EnvVarSource)],
) -> Result<(), Hold> {
    let key = |name: &str| name.replace('-', "_");
    let mut values: BTreeMap<String, String> =
        plain.iter().map(|(name, value)| (key(name), value.clone())).collect();
    for var in given.iter().filter(|var| !var.expression.is_empty()) {
        if credentials.iter().any(|(name, _)| *name == var.name) {
            continue;
        }
        let value = template::render(&var.name, &var.expression, &values).map_err(|error| {
            let definition = Reference::of(tree.definition());
            Hold::broken(
                definition,
                format!("spec.vars[{}].expression: {error}", var.name),
                Whose::Addon,
            )
        })?;
        values.insert(key(&var.name), value.clone());
        match plain.iter_mut().find(|(name, _)| *name == var.name) {
            Some((_, old)) => *old = value,
            None => plain.push((var.name.clone(), value)),
        }
    }
    Ok(())
}

/// Resolves `$(NAME)`, and parts what the kubelet must resolve from what is settled.
fn split(plain: &[(String, String)], credentials: &[(String, EnvVarSource)]) -> Vars {
    let values: BTreeMap<&str, &str> =
        plain.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut vars = Vars::default();
    for (name, value) in plain {
        let expanded = expand::expand(value, |other| values.get(other).copied());
        vars.template.insert(name.clone(), expanded.clone());
        let credential = expand::sole_reference(value)
            .and_then(|other| credentials.iter().find(|(known, _)| known == other));
        let (value, value_from) = match credential {
            Some((_, source)) => (None, Some(source.clone())),
            None => (Some(expanded), None),
        };
        match value {
            Some(literal) if !expand::has_reference(&literal) => {
                vars.literals.insert(name.clone(), literal);
            }
            value => vars.env.push(EnvVar { name: name.clone(), value, value_from }),
        }
    }
    vars.env.extend(credentials.iter().map(|(name, source)| EnvVar {
        name: name.clone(),
        value: None,
        value_from: Some(source.clone()),
    }));
    vars
}

fn env_config_map(tree: &Tree, vars: &Vars, pass: &Pass<'_>) -> ConfigMap {
    let definition = &tree.definition().spec;
    let mut data = vars.literals.clone();
    if let Some(task) = load_task(tree, pass) {
        data.insert("KB_AGENT_TASK".to_owned(), task);
    }
    ConfigMap {
        metadata: owned_meta(
            tree,
            names::env_config_map(tree.name()),
            merged([&base(tree), &definition.labels]),
            definition.annotations.clone(),
        ),
        data,
    }
}

/// New replicas must find their task when they start, so it is written before they are asked for.
fn load_task(tree: &Tree, pass: &Pass<'_>) -> Option<String> {
    let running = tree.workload.as_deref()?;
    let port = super::synthesis::streaming_port(running.spec.template.spec.as_ref()?)?;
    let before = super::names_of::of_set(running).ok()?;
    let wanted = super::names_of::instances(&tree.component, Some(running)).ok()?;
    let mut replicas = Replicas::of(running);
    replicas.update(tree, &before, &wanted, pass.now);
    replicas.load_task(tree, pass.settings, port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(name: &str) -> EnvVarSource {
        EnvVarSource {
            secret_key_ref: Some(k8s_openapi::api::core::v1::SecretKeySelector {
                name: name.to_owned(),
                key: "password".to_owned(),
                optional: None,
            }),
            ..EnvVarSource::default()
        }
    }

    #[test]
    fn literals_go_to_the_config_map_and_references_to_the_containers() {
        let plain = [
            ("HOST", "db"),
            ("URL", "tcp://$(HOST)"),
            ("AUTH", "$(USER):x"),
            ("SECRET", "$(USER)"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let credentials = [("USER".to_owned(), secret("account"))];

        let vars = split(&plain, &credentials);

        assert_eq!(vars.literals["URL"], "tcp://db");
        let names: Vec<_> = vars.env.iter().map(|var| var.name.as_str()).collect();
        assert_eq!(names, ["AUTH", "SECRET", "USER"]);
        assert_eq!(vars.env[0].value.as_deref(), Some("$(USER):x"));
        assert_eq!(vars.env[1].value_from, Some(secret("account")));
        assert!(!vars.template.contains_key("USER"));
    }
}
