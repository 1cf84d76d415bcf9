//! Where variables get their values.

use std::collections::BTreeMap;

use drydock_operator_api::Resource;
use drydock_operator_api::apps::{
    ClusterVar, ComponentVar, CredentialValue, CredentialVar, ResourceVar, ServiceDescriptor,
    ServiceRefVar, TlsVar, Var, VarOption,
};
use drydock_operator_api::core::{ConfigMap, Secret};
use drydock_operator_api::workloads::instance_set::{CurrentState, DesiredState};
use k8s_openapi::api::core::v1::{ConfigMapKeySelector, EnvVarSource, SecretKeySelector};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::Value;
use super::referents::{self, Found};
use super::services;
use crate::component::hold::Hold;
use crate::component::{Member, Tree, accounts, names_of};
use crate::plan::{Reference, Whose};
use crate::settings::Settings;
use crate::view::Key;
use crate::{labels, names, quantity};

/// The values of a variable, by name; none where it is skipped.
pub(super) fn resolve(
    tree: &Tree,
    settings: &Settings,
    var: &Var,
) -> Result<Vec<(String, Value)>, Hold> {
    let Some(source) = &var.value_from else {
        return Ok(vec![(var.name.clone(), Value::Plain(var.value.clone()))]);
    };
    let name = &var.name;
    if let Some(key) = &source.config_map_key_ref {
        config_map_key(tree, name, key)
    } else if let Some(key) = &source.secret_key_ref {
        secret_key(tree, name, key)
    } else if source.host_network_var_ref.is_some() {
        // Without host network there is no such object: the variable's own value is used, if given.
        let own = Some(var.value.clone()).filter(|value| !value.is_empty());
        Ok(own.map(|value| (name.clone(), Value::Plain(value))).into_iter().collect())
    } else if let Some(service) = &source.service_var_ref {
        let option = services::option(service);
        referents::resolve(tree, name, &service.object, option, |member| {
            services::find(tree, service, member)
        })
    } else if let Some(credential) = &source.credential_var_ref {
        credential_var(tree, name, credential)
    } else if let Some(tls) = &source.tls_var_ref {
        tls_var(tree, name, tls)
    } else if let Some(reference) = &source.service_ref_var_ref {
        service_ref_var(tree, name, reference)
    } else if let Some(resource) = &source.resource_var_ref {
        resource_var(tree, name, resource)
    } else if let Some(component) = &source.component_var_ref {
        component_var(tree, settings, name, component)
    } else if let Some(cluster) = &source.cluster_var_ref {
        Ok(cluster_var(tree, name, cluster))
    } else {
        Ok(Vec::new())
    }
}

fn cluster_var(tree: &Tree, name: &str, var: &ClusterVar) -> Vec<(String, Value)> {
    let text = if var.namespace.is_some() {
        tree.namespace()
    } else if var.cluster_name.is_some() {
        &tree.cluster_name
    } else if var.cluster_uid.is_some() {
        tree.component.metadata.annotation(labels::CLUSTER_UID).unwrap_or_default()
    } else {
        return Vec::new();
    };
    vec![(name.to_owned(), Value::Plain(text.to_owned()))]
}

fn component_var(
    tree: &Tree,
    settings: &Settings,
    name: &str,
    var: &ComponentVar,
) -> Result<Vec<(String, Value)>, Hold> {
    let option = var
        .component_name
        .or(var.short_name)
        .or(var.replicas)
        .or(var.pod_names)
        .or(var.pod_fqdns)
        .or(var.pod_names_for_role.as_ref().and_then(|role| role.option))
        .or(var.pod_fqdns_for_role.as_ref().and_then(|role| role.option))
        .or(var.service_version)
        .unwrap_or_default();
    referents::resolve(tree, name, &var.object, option, |member| {
        let full = &member.component.metadata.name;
        let fqdns = |pods: Vec<String>| {
            let fqdn = |pod: &String| {
                names_of::pod_fqdn(full, tree.namespace(), pod, &settings.cluster_domain)
            };
            pods.iter().map(fqdn).collect::<Vec<_>>().join(",")
        };
        let instances = || {
            names_of::instances(&member.component, member.workload.as_deref())
                .map_err(|rule| Hold::broken(Reference::of(&*member.component), rule, Whose::User))
        };
        let text = if var.component_name.is_some() {
            full.clone()
        } else if var.short_name.is_some() {
            member.short_name.clone()
        } else if var.replicas.is_some() {
            member.component.spec.replicas.to_string()
        } else if var.pod_names.is_some() {
            instances()?.join(",")
        } else if var.pod_fqdns.is_some() {
            fqdns(instances()?)
        } else if let Some(role) = &var.pod_names_for_role {
            pods_of_role(member, &role.role).join(",")
        } else if let Some(role) = &var.pod_fqdns_for_role {
            fqdns(pods_of_role(member, &role.role))
        } else if var.service_version.is_some() {
            member.component.spec.service_version.clone()
        } else {
            return Ok(Found::NoValue(
                Reference::of(&*member.component),
                "to be asked for something",
            ));
        };
        Ok(Found::Value(Value::Plain(text)))
    })
}

/// Pods that are there and have one of the roles, a comma list; an empty one means no role.
fn pods_of_role(member: &Member, roles: &str) -> Vec<String> {
    let Some(workload) = &member.workload else { return Vec::new() };
    workload
        .status
        .instance_status
        .iter()
        .filter(|status| {
            // What older versions stored says nothing of the state.
            status.desired_state.is_none_or(|state| state == DesiredState::Active)
                && status.current_state.is_none_or(|state| state == CurrentState::Present)
        })
        .filter(|status| {
            roles.split(',').any(|role| role.trim().eq_ignore_ascii_case(&status.role))
        })
        .map(|status| status.pod_name.clone())
        .collect()
}

fn credential_var(
    tree: &Tree,
    name: &str,
    var: &CredentialVar,
) -> Result<Vec<(String, Value)>, Hold> {
    let (option, key) = match (var.username, var.password) {
        (Some(option), _) => (option, accounts::USERNAME),
        (None, option) => (option.unwrap_or_default(), accounts::PASSWORD),
    };
    referents::resolve(tree, name, &var.object, option, |member| {
        let secret = names::account_secret(&member.component.metadata.name, &var.object.name);
        let stored = Key::new(tree.namespace(), &secret);
        // Own accounts are made in the same pass.
        let planned = member.component.metadata.name == tree.name()
            && accounts::wanted(tree)?.iter().any(|account| account.name() == var.object.name);
        Ok(if planned || tree.secrets.contains_key(&stored) {
            Found::Value(Value::From(Box::new(secret_source(&secret, key))))
        } else {
            Found::NoObject(Reference::new(Secret::kind(), stored))
        })
    })
}

fn secret_source(secret: &str, key: &str) -> EnvVarSource {
    EnvVarSource {
        secret_key_ref: Some(SecretKeySelector {
            name: secret.to_owned(),
            key: key.to_owned(),
            optional: None,
        }),
        ..EnvVarSource::default()
    }
}

fn tls_var(tree: &Tree, name: &str, var: &TlsVar) -> Result<Vec<(String, Value)>, Hold> {
    let option = var.enabled.unwrap_or_default();
    referents::resolve(tree, name, &var.object, option, |member| {
        Ok(match &member.component.spec.tls_config {
            Some(config) => Found::Value(Value::Plain(config.enable.to_string())),
            None => Found::NoValue(Reference::of(&*member.component), "to say whether tls is on"),
        })
    })
}

fn resource_var(tree: &Tree, name: &str, var: &ResourceVar) -> Result<Vec<(String, Value)>, Hold> {
    const NANOS: i128 = 1_000_000_000;
    let whole = |quantity: Option<&Quantity>| {
        let nanos = quantity.and_then(|quantity| quantity::nanos(&quantity.0)).unwrap_or_default();
        nanos.div_euclid(NANOS) + i128::from(nanos.rem_euclid(NANOS) > 0)
    };
    let option = var.cpu.or(var.cpu_limit).or(var.memory).or(var.memory_limit).unwrap_or_default();
    referents::resolve(tree, name, &var.object, option, |member| {
        let spec = &member.component.spec;
        let limit = |key| get(spec.resources.limits.as_ref(), key);
        let request = |key| get(spec.resources.requests.as_ref(), key);
        let value = if var.cpu.is_some() {
            whole(request("cpu"))
        } else if var.cpu_limit.is_some() {
            whole(limit("cpu"))
        } else if var.memory.is_some() {
            whole(request("memory"))
        } else if var.memory_limit.is_some() {
            whole(limit("memory"))
        } else if let Some(storage) = &var.storage {
            let claim = spec.volume_claim_templates.iter().find(|claim| claim.name == storage.name);
            let resources = claim.and_then(|claim| claim.spec.as_ref()?.resources.as_ref());
            whole(
                get(resources.and_then(|resources| resources.requests.as_ref()), "storage")
                    .or_else(|| {
                        get(resources.and_then(|resources| resources.limits.as_ref()), "storage")
                    }),
            )
        } else {
            return Ok(Found::NoValue(
                Reference::of(&*member.component),
                "to be asked for something",
            ));
        };
        Ok(Found::Value(Value::Plain(value.to_string())))
    })
}

type Quantities = BTreeMap<String, Quantity>;

fn get<'a>(map: Option<&'a Quantities>, key: &str) -> Option<&'a Quantity> {
    map.and_then(|map| map.get(key))
}

fn config_map_key(
    tree: &Tree,
    name: &str,
    key: &ConfigMapKeySelector,
) -> Result<Vec<(String, Value)>, Hold> {
    let stored = Key::new(tree.namespace(), &key.name);
    match tree.sources.get(&stored).and_then(|map| map.data.get(&key.key)) {
        Some(text) => Ok(vec![(name.to_owned(), Value::Plain(text.clone()))]),
        None if key.optional == Some(true) => Ok(Vec::new()),
        None => Err(no_key(tree, name, Reference::new(ConfigMap::kind(), stored), &key.key)),
    }
}

fn secret_key(
    tree: &Tree,
    name: &str,
    key: &SecretKeySelector,
) -> Result<Vec<(String, Value)>, Hold> {
    let stored = Key::new(tree.namespace(), &key.name);
    match tree.secrets.get(&stored).map(|secret| secret.data.contains_key(&key.key)) {
        Some(true) => {
            Ok(vec![(name.to_owned(), Value::From(Box::new(secret_source(&key.name, &key.key))))])
        }
        _ if key.optional == Some(true) => Ok(Vec::new()),
        _ => Err(no_key(tree, name, Reference::new(Secret::kind(), stored), &key.key)),
    }
}

fn no_key(tree: &Tree, name: &str, on: Reference, key: &str) -> Hold {
    let because =
        format!("variable {name} of componentdefinition/{}", tree.definition().metadata.name);
    Hold::not_yet(on, format!("to have the key {key:?}"), because, Whose::Addon)
}

/// Only the component's own references count.
fn service_ref_var(
    tree: &Tree,
    name: &str,
    var: &ServiceRefVar,
) -> Result<Vec<(String, Value)>, Hold> {
    let optional = var.object.optional == Some(true);
    let reference =
        tree.component.spec.service_refs.iter().find(|reference| reference.name == var.object.name);
    let Some(reference) = reference else {
        if optional {
            return Ok(Vec::new());
        }
        let rule = format!(
            "spec.serviceRefs: {:?} is declared by the definition and not bound",
            var.object.name
        );
        return Err(Hold::broken(Reference::of(&*tree.component), rule, Whose::User));
    };
    if reference.service_descriptor.is_empty() {
        let rule = format!(
            "spec.serviceRefs[{}]: references to services of other Clusters are not supported yet",
            reference.name
        );
        return Err(Hold::broken(Reference::of(&*tree.component), rule, Whose::Operator));
    }
    let namespace =
        if reference.namespace.is_empty() { tree.namespace() } else { &reference.namespace };
    let key = Key::new(namespace, &reference.service_descriptor);
    let Some(descriptor) = tree.descriptors.get(&key) else {
        let because = format!("spec.serviceRefs[{}] names it", reference.name);
        return Err(Hold::missing(
            Reference::new(ServiceDescriptor::kind(), key),
            because,
            Whose::User,
        ));
    };
    let spec = &descriptor.spec;
    let auth = spec.auth.as_ref();
    let (option, value) = if let Some(option) = var.endpoint {
        (option, spec.endpoint.as_ref())
    } else if let Some(option) = var.host {
        (option, spec.host.as_ref())
    } else if let Some(option) = var.port {
        (option, spec.port.as_ref())
    } else if let Some(option) = var.pod_fqdns {
        (option, spec.pod_fqdns.as_ref())
    } else if let Some(option) = var.username {
        (option, auth.and_then(|auth| auth.username.as_ref()))
    } else {
        (var.password.unwrap_or_default(), auth.and_then(|auth| auth.password.as_ref()))
    };
    match value.and_then(credential_value) {
        Some(value) => Ok(vec![(name.to_owned(), value)]),
        None if option == VarOption::Optional || optional => Ok(Vec::new()),
        None => {
            let because = format!(
                "variable {name} of componentdefinition/{}",
                tree.definition().metadata.name
            );
            Err(Hold::not_yet(Reference::of(&**descriptor), "to say it", because, Whose::User))
        }
    }
}

fn credential_value(value: &CredentialValue) -> Option<Value> {
    match &value.value_from {
        Some(source) => Some(Value::From(Box::new(source.clone()))),
        None => Some(Value::Plain(value.value.clone())).filter(|_| !value.value.is_empty()),
    }
}
