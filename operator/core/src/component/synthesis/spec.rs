//! The `InstanceSet` of a component, as it should be.

use drydock_operator_api::apps::{
    Action, ClaimRetentionPolicy, DefinitionPodUpdatePolicy, PodUpdatePolicy, Retention,
};
use drydock_operator_api::workloads::InstanceSet;
use drydock_operator_api::workloads::instance_set::{ConfigTemplate, LifecycleActions, Spec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Parts, claims, instances, template};
use crate::component::names_of::{base_with_sharding, merged, owned_meta, selector};
use crate::labels;

/// Everything but what only a running one knows: the states of its replicas, `stop`, `paused`.
pub fn workload(parts: &Parts<'_>) -> Result<InstanceSet, String> {
    let component = &parts.tree.component;
    let definition = parts.tree.definition();
    let template = template(parts)?;
    let pod = template.spec.clone().unwrap_or_default();
    let spec = Spec {
        replicas: Some(component.spec.replicas),
        ordinals: component.spec.ordinals.clone(),
        min_ready_seconds: definition.spec.min_ready_seconds,
        selector: LabelSelector {
            match_labels: Some(selector(parts.tree)),
            match_expressions: None,
        },
        instances: instances::templates(parts, &pod)?,
        template,
        flat_instance_ordinal: component.spec.flat_instance_ordinal,
        offline_instances: component.spec.offline_instances.clone(),
        volume_claim_templates: claims::templates(parts, &component.spec.volume_claim_templates),
        persistent_volume_claim_retention_policy: Some(retention(
            component.spec.persistent_volume_claim_retention_policy.as_ref(),
        )),
        pod_management_policy: Some(definition.spec.pod_management_policy.clone())
            .filter(|policy| !policy.is_empty())
            .or_else(|| Some("OrderedReady".to_owned())),
        parallel_pod_management_concurrency: component
            .spec
            .parallel_pod_management_concurrency
            .clone()
            .or_else(|| Some(IntOrString::String("100%".to_owned()))),
        pod_update_policy: Some(update_policy(parts).to_owned()),
        pod_upgrade_policy: Some(upgrade_policy(parts).to_owned()),
        instance_update_strategy: component.spec.instance_update_strategy.clone(),
        member_update_strategy: Some(definition.spec.update_strategy),
        roles: definition.spec.roles.clone(),
        lifecycle_actions: lifecycle(parts),
        configs: configs(parts),
        disable_default_headless_service: definition.spec.disable_default_headless_service,
        enable_instance_api: Some(component.spec.enable_instance_api).filter(|on| *on),
        ..Spec::default()
    };
    let own = base_with_sharding(parts.tree);
    let mut annotations = definition.spec.annotations.clone();
    annotations.extend(marks(parts));
    Ok(InstanceSet {
        metadata: owned_meta(
            parts.tree,
            component.metadata.name.clone(),
            merged([&definition.spec.labels, &component.spec.labels, &own]),
            annotations,
        ),
        spec: spec.into(),
        ..InstanceSet::default()
    })
}

/// By these annotations the next pass knows what the workload was made from.
fn marks(parts: &Parts<'_>) -> Vec<(String, String)> {
    let component = &parts.tree.component;
    let mut marks = vec![
        (labels::GENERATION.to_owned(), component.metadata.generation.to_string()),
        (labels::COMPONENT.to_owned(), parts.tree.definition().metadata.name.clone()),
        (labels::SERVICE_VERSION.to_owned(), component.spec.service_version.clone()),
    ];
    if let (Some(account), true) =
        (parts.service_account, component.spec.service_account_name.is_empty())
    {
        marks.push((labels::SERVICE_ACCOUNT_IN_USE.to_owned(), account.to_owned()));
    }
    for inherited in [labels::COMPACT_MODE, labels::PLACEMENT] {
        if let Some(value) = component.metadata.annotation(inherited) {
            marks.push((inherited.to_owned(), value.to_owned()));
        }
    }
    marks
}

fn retention(given: Option<&ClaimRetentionPolicy>) -> ClaimRetentionPolicy {
    let or_delete = |policy: Option<Retention>| Some(policy.unwrap_or(Retention::Delete));
    ClaimRetentionPolicy {
        when_deleted: or_delete(given.and_then(|given| given.when_deleted)),
        when_scaled: or_delete(given.and_then(|given| given.when_scaled)),
    }
}

const RECREATE: &str = "ReCreate";

fn update_policy(parts: &Parts<'_>) -> &'static str {
    match parts.tree.definition().spec.pod_update_policy {
        DefinitionPodUpdatePolicy::ReCreate => RECREATE,
        DefinitionPodUpdatePolicy::PreferInPlace => {
            name(parts.tree.component.spec.pod_update_policy)
        }
    }
}

fn upgrade_policy(parts: &Parts<'_>) -> &'static str {
    let definition = &parts.tree.definition().spec;
    let component = &parts.tree.component.spec;
    match definition.pod_upgrade_policy.unwrap_or(definition.pod_update_policy) {
        DefinitionPodUpdatePolicy::ReCreate => RECREATE,
        DefinitionPodUpdatePolicy::PreferInPlace => {
            name(component.pod_upgrade_policy.unwrap_or(component.pod_update_policy))
        }
    }
}

fn name(policy: PodUpdatePolicy) -> &'static str {
    match policy {
        PodUpdatePolicy::StrictInPlace => "StrictInPlace",
        PodUpdatePolicy::PreferInPlace => "PreferInPlace",
    }
}

fn lifecycle(parts: &Parts<'_>) -> Option<LifecycleActions> {
    let actions = LifecycleActions {
        template_vars: parts.vars.template.clone(),
        switchover: parts.lifecycle.and_then(|actions| actions.switchover.clone()),
        reconfigure: parts.lifecycle.and_then(|actions| actions.reconfigure.clone()),
    };
    Some(actions).filter(|actions| *actions != LifecycleActions::default())
}

/// Configs only: nobody is told when a script changes.
fn configs(parts: &Parts<'_>) -> Vec<ConfigTemplate> {
    let general: Option<&Action> = parts.lifecycle.and_then(|actions| actions.reconfigure.as_ref());
    let mut configs: Vec<ConfigTemplate> = parts
        .files
        .iter()
        .filter(|file| file.is_config)
        .map(|file| {
            let action = file.reconfigure(general);
            ConfigTemplate {
                name: file.name.clone(),
                config_hash: file.hash.clone(),
                restart: file.restart.then_some(true),
                reconfigure_action_name: action
                    .as_ref()
                    .map(|(name, _)| name.clone())
                    .unwrap_or_default(),
                reconfigure: action.map(|(_, action)| action.clone()),
                parameters: file.variables.clone(),
                reconfigure_args: file.arguments.clone(),
            }
        })
        .collect();
    configs.sort_by(|a, b| a.name.cmp(&b.name));
    configs
}
