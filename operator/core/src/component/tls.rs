//! Certificates of a component.

use drydock_operator_api::apps::{Component, IssuerName, TlsSecretRef};
use drydock_operator_api::core::Secret;

use super::hold::Hold;
use super::names_of::{base, merged, owned_meta};
use super::{Tree, builds};
use crate::draft::{Draft, Flow, Pass, is_controlled_by};
use crate::names;
use crate::plan::{Reference, Whose};
use crate::view::Key;

pub(super) fn step(tree: &Tree, draft: &mut Draft<Component>, _pass: &Pass<'_>) -> Flow {
    if !builds(tree, draft) {
        return Flow::Continue;
    }
    let name = names::tls_secret(tree.name());
    let stored = tree.secrets.get(&Key::new(tree.namespace(), &name));
    let config = tree.component.spec.tls_config.as_ref().filter(|config| config.enable);
    let Some(config) = config else {
        if let Some(stored) = stored
            && is_controlled_by(&**stored, &*tree.component)
            && !stored.metadata.is_deleting()
        {
            super::deletion::let_go(draft, &**stored);
        }
        return Flow::Continue;
    };
    let component = Reference::of(&*tree.component);
    if tree.definition().spec.tls.is_none() {
        let rule = format!(
            "spec.tlsConfig.enable: componentdefinition/{} says nothing of tls",
            tree.definition().metadata.name
        );
        return Hold::broken(component, rule, Whose::User).apply(draft);
    }
    let Some(issuer) = &config.issuer else {
        return Hold::broken(component, "spec.tlsConfig.issuer is required", Whose::User)
            .apply(draft);
    };
    match (issuer.name, stored) {
        // Made once, and never again: only what it is called follows.
        (IssuerName::KubeBlocks, Some(_)) => Flow::Continue,
        (IssuerName::KubeBlocks, None) => {
            let rule = "spec.tlsConfig.issuer: certificates by KubeBlocks are not supported yet";
            Hold::broken(component, rule, Whose::Operator).apply(draft)
        }
        (IssuerName::UserProvided, stored) => {
            let given = issuer.secret_ref.as_ref();
            match given.map_or_else(|| Err(no_source(tree)), |given| copy(tree, given, &name)) {
                Ok(secret) => {
                    match stored {
                        None => draft.create(&secret),
                        Some(stored) => {
                            let mut new = Secret::clone(stored);
                            new.metadata.labels.extend(secret.metadata.labels);
                            new.metadata.annotations.extend(secret.metadata.annotations);
                            new.data = secret.data;
                            draft.patch_as_read(&**stored, &new);
                        }
                    }
                    Flow::Continue
                }
                // Once there is a copy, the source may go.
                Err(_) if stored.is_some() => Flow::Continue,
                Err(hold) => hold.apply(draft),
            }
        }
    }
}

fn no_source(tree: &Tree) -> Hold {
    let rule = "spec.tlsConfig.issuer.secretRef is required with issuer UserProvided";
    Hold::broken(Reference::of(&*tree.component), rule, Whose::User)
}

fn copy(tree: &Tree, given: &TlsSecretRef, name: &str) -> Result<Secret, Hold> {
    let namespace = if given.namespace.is_empty() { tree.namespace() } else { &given.namespace };
    let key = Key::new(namespace, &given.name);
    let because = "spec.tlsConfig.issuer.secretRef names it";
    let source = tree.secrets.get(&key).ok_or_else(|| {
        let kind = <Secret as drydock_operator_api::Resource>::kind();
        Hold::missing(Reference::new(kind, key), because, Whose::User)
    })?;
    let files = tree.definition().spec.tls.as_ref().expect("checked by the step");
    let mut secret = Secret { kind: "Opaque".to_owned(), ..Secret::default() };
    for (from, to) in [
        (&given.ca, &files.ca_file),
        (&given.cert, &files.cert_file),
        (&given.key, &files.key_file),
    ] {
        let value = source.data.get(from).filter(|value| !value.is_empty()).ok_or_else(|| {
            Hold::broken(
                Reference::of(&**source),
                format!("the Secret has no key {from:?}"),
                Whose::User,
            )
        })?;
        if !to.is_empty() {
            secret.data.insert(to.clone(), value.clone());
        }
    }
    let definition = &tree.definition().spec;
    let component = &tree.component.spec;
    secret.metadata = owned_meta(
        tree,
        name.to_owned(),
        merged([&definition.labels, &component.labels, &base(tree)]),
        merged([&definition.annotations, &component.annotations]),
    );
    Ok(secret)
}
