//! Config files and scripts of a component: rendered from templates, one `ConfigMap` each.

use std::collections::BTreeMap;

use drydock_operator_api::Resource;
use drydock_operator_api::apps::{Action, Component, Config, FileTemplate};
use drydock_operator_api::core::ConfigMap;

use super::hold::Hold;
use super::names_of::{base, merged, owned_meta};
use super::{Tree, builds, vars};
use crate::draft::{Draft, Flow, Pass, is_controlled_by};
use crate::plan::{Reference, Whose};
use crate::settings::Settings;
use crate::view::Key;
use crate::{hash, labels, names, template};

pub(super) fn step(tree: &Tree, draft: &mut Draft<Component>, pass: &Pass<'_>) -> Flow {
    if !builds(tree, draft) {
        return Flow::Continue;
    }
    let entries = match entries(tree, pass.settings) {
        Ok(entries) => entries,
        Err(hold) => return hold.apply(draft),
    };
    for entry in entries {
        let Some(wanted) = entry.config_map(tree) else { continue };
        match tree.sources.get(&Key::new(tree.namespace(), &wanted.metadata.name)) {
            None => draft.create(&wanted),
            Some(stored) if is_controlled_by(&**stored, &*tree.component) => {
                let mut new = ConfigMap::clone(stored);
                new.metadata.labels.extend(wanted.metadata.labels);
                new.metadata.annotations.extend(wanted.metadata.annotations);
                new.data = wanted.data;
                draft.patch_as_read(&**stored, &new);
            }
            Some(_) => {}
        }
    }
    for stored in &tree.owned.config_maps {
        let is_file = stored.metadata.label(labels::FILE_TEMPLATE) == Some("true");
        let wanted = entries.iter().any(|entry| entry.config_map == stored.metadata.name);
        if is_file
            && !wanted
            && is_controlled_by(&**stored, &*tree.component)
            && !stored.metadata.is_deleting()
        {
            super::deletion::let_go(draft, &**stored);
        }
    }
    Flow::Continue
}

/// One template of files, after what the user says of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub name: String,
    /// Name of the `ConfigMap` that pods mount.
    pub config_map: String,
    pub volume_name: String,
    pub default_mode: Option<i32>,
    /// Scripts change in place, and nobody is told.
    pub is_config: bool,
    /// None where somebody else renders it.
    pub data: Option<BTreeMap<String, String>>,
    pub hash: Option<String>,
    pub restart: bool,
    pub variables: BTreeMap<String, String>,
    pub arguments: Vec<Vec<String>>,
    of_definition: Option<Action>,
    of_user: Option<Action>,
    reconfigures: bool,
}

impl Entry {
    /// Actions of this template alone, by the name the agent knows them under.
    pub fn reconfigure_actions(&self) -> Vec<(String, &Action)> {
        let actions = [("cmpd", &self.of_definition), ("user", &self.of_user)];
        actions
            .into_iter()
            .filter_map(|(origin, action)| Some((origin, action.as_ref()?)))
            .filter(|_| self.reconfigures)
            .map(|(origin, action)| (format!("reconfigure-{origin}-{}", self.name), action))
            .collect()
    }

    /// The action that tells a running instance of a change, and its name; an empty name is the
    /// definition's action for all templates.
    pub fn reconfigure<'a>(&'a self, general: Option<&'a Action>) -> Option<(String, &'a Action)> {
        let mut own = self.reconfigure_actions();
        match own.pop() {
            Some(last) => Some(last),
            None if self.reconfigures => general.map(|action| (String::new(), action)),
            None => None,
        }
    }

    fn config_map(&self, tree: &Tree) -> Option<ConfigMap> {
        let data = self.data.clone()?;
        let definition = &tree.definition().spec;
        let own = [
            (labels::COMPONENT.to_owned(), tree.definition().metadata.name.clone()),
            (labels::FILE_TEMPLATE.to_owned(), "true".to_owned()),
        ];
        let mut annotations = definition.annotations.clone();
        if let Some(hash) = &self.hash {
            annotations.insert(labels::CONFIG_HASH.to_owned(), hash.clone());
        }
        Some(ConfigMap {
            metadata: owned_meta(
                tree,
                self.config_map.clone(),
                merged([&definition.labels, &base(tree), &own.into()]),
                annotations,
            ),
            data,
        })
    }
}

/// All templates: configs, then scripts. Computed once per tree.
pub(super) fn entries<'a>(tree: &'a Tree, settings: &Settings) -> Result<&'a [Entry], Hold> {
    tree.derived.files.get_or_init(|| make(tree, settings)).as_deref().map_err(Hold::clone)
}

fn make(tree: &Tree, settings: &Settings) -> Result<Vec<Entry>, Hold> {
    let vars = vars::resolved(tree, settings)?;
    let definition = &tree.definition().spec;
    let sidecars = || tree.sidecars.iter();
    let configs: Vec<&FileTemplate> = definition
        .configs
        .iter()
        .chain(sidecars().flat_map(|sidecar| &sidecar.spec.configs))
        .collect();
    let scripts =
        definition.scripts.iter().chain(sidecars().flat_map(|sidecar| &sidecar.spec.scripts));
    let given = &tree.component.spec.configs;
    if let Some(unknown) =
        given.iter().find(|config| configs.iter().all(|known| known.name != config.name))
    {
        let rule = format!(
            "spec.configs[{}]: componentdefinition/{} has no such config",
            unknown.name,
            tree.definition().metadata.name
        );
        return Err(Hold::broken(Reference::of(&*tree.component), rule, Whose::User));
    }
    let mut entries = Vec::new();
    for config in configs {
        let given = given.iter().find(|given| given.name == config.name);
        entries.push(entry(tree, &vars.template, config, true, given)?);
    }
    for script in scripts {
        entries.push(entry(tree, &vars.template, script, false, None)?);
    }
    Ok(entries)
}

fn entry(
    tree: &Tree,
    vars: &BTreeMap<String, String>,
    file: &FileTemplate,
    is_config: bool,
    given: Option<&Config>,
) -> Result<Entry, Hold> {
    let mut variables: BTreeMap<String, String> = file
        .variables
        .iter()
        .map(|variable| (variable.name.clone(), variable.default_value.clone()))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    variables.extend(given.map(|given| given.variables.clone()).unwrap_or_default());
    let source = given.and_then(|given| given.config_map.as_ref()).map(|source| &source.name);
    let external = file.external_managed || given.is_some_and(|given| given.external_managed);
    let given_hash = given.map(|given| given.config_hash.clone()).filter(|hash| !hash.is_empty());

    let (config_map, data, hash) = if external {
        let Some(source) = source else { return Err(not_rendered_yet(tree, file)) };
        (source.clone(), None, given_hash)
    } else {
        let key = match source {
            Some(source) => Key::new(tree.namespace(), source),
            None => Key::new(&file.namespace, &file.template),
        };
        let data = render(tree, file, &key, vars, &variables)?;
        let hash = given_hash.unwrap_or_else(|| hash::config_hash(&data));
        (names::file_config_map(tree.name(), &file.name), Some(data), Some(hash))
    };
    Ok(Entry {
        name: file.name.clone(),
        config_map,
        volume_name: file.volume_name.clone(),
        default_mode: file.default_mode,
        is_config,
        data,
        hash,
        restart: file.restart_on_file_change || given.is_some_and(|given| given.restart),
        variables,
        arguments: given.map(|given| given.reconfigure_args.clone()).unwrap_or_default(),
        of_definition: file.reconfigure.clone(),
        of_user: given.and_then(|given| given.reconfigure_action.clone()),
        reconfigures: given.is_none_or(|given| given.reconfigure != Some(false)),
    })
}

/// The controllers that render these files are a later part of the operator.
fn not_rendered_yet(tree: &Tree, file: &FileTemplate) -> Hold {
    let rule = format!(
        "config {:?} of componentdefinition/{} is managed externally, and rendering it is not supported yet",
        file.name,
        tree.definition().metadata.name
    );
    Hold::broken(Reference::of(&*tree.component), rule, Whose::Operator)
        .until(format!("to have spec.configs[{}].configMap", file.name))
}

fn render(
    tree: &Tree,
    file: &FileTemplate,
    source: &Key,
    vars: &BTreeMap<String, String>,
    variables: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Hold> {
    let Some(templates) = tree.sources.get(source) else {
        let because = format!(
            "file template {:?} of componentdefinition/{} names it",
            file.name,
            tree.definition().metadata.name
        );
        return Err(Hold::missing(
            Reference::new(ConfigMap::kind(), source.clone()),
            because,
            Whose::Addon,
        ));
    };
    let values = merged([vars, variables]);
    let render = |(key, text): (&String, &String)| match template::render(key, text, &values) {
        Ok(text) => Ok((key.clone(), text)),
        Err(error) => {
            let rule = format!("data[{key}]: {error}");
            Err(Hold::broken(Reference::of(&**templates), rule, Whose::Addon))
        }
    };
    templates.data.iter().map(render).collect()
}
