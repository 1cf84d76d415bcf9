//! System accounts: a Secret with a name and a password each.

use std::collections::BTreeMap;

use drydock_operator_api::apps::{
    Component, DefinitionAccount, LetterCase, PasswordConfig, SystemAccount,
};
use drydock_operator_api::core::Secret;

use super::hold::Hold;
use super::names_of::{base, merged, owned_meta};
use super::{Tree, builds};
use crate::base64;
use crate::draft::{Draft, Flow, Pass, is_controlled_by};
use crate::plan::{Generate, Generated, Letters, Reference, Whose};
use crate::view::Key;
use crate::{labels, names};

pub(super) fn step(tree: &Tree, draft: &mut Draft<Component>, _pass: &Pass<'_>) -> Flow {
    if !builds(tree, draft) || tree.is_compact() {
        return Flow::Continue;
    }
    let wanted = match wanted(tree) {
        Ok(wanted) => wanted,
        Err(hold) => return hold.apply(draft),
    };
    for account in &wanted {
        let secret = match secret(tree, account) {
            Ok(secret) => secret,
            Err(hold) => return hold.apply(draft),
        };
        match tree.secrets.get(&Key::new(tree.namespace(), &secret.metadata.name)) {
            None => {
                let generate =
                    account.password_config.filter(|_| account.source.is_none()).map(generate);
                draft.create_with(&secret, generate.into_iter().collect());
            }
            Some(stored) if is_controlled_by(&**stored, &*tree.component) => {
                let mut new = Secret::clone(stored);
                new.metadata.labels.extend(secret.metadata.labels);
                new.metadata.annotations.extend(secret.metadata.annotations);
                if let (Some(_), Some(password)) = (account.source, secret.data.get(PASSWORD)) {
                    new.data.insert(PASSWORD.to_owned(), password.clone());
                }
                draft.patch_as_read(&**stored, &new);
            }
            Some(_) => {}
        }
    }
    for stored in &tree.owned.secrets {
        let account = stored.metadata.label(labels::SYSTEM_ACCOUNT);
        let unwanted =
            account.is_some_and(|name| wanted.iter().all(|account| account.name() != name));
        if unwanted
            && is_controlled_by(&**stored, &*tree.component)
            && !stored.metadata.is_deleting()
        {
            super::deletion::let_go(draft, &**stored);
        }
    }
    Flow::Continue
}

pub(super) const USERNAME: &str = "username";
pub(super) const PASSWORD: &str = "password";

/// An account of the definition, after what the user says of it.
pub(super) struct Account<'a> {
    pub definition: &'a DefinitionAccount,
    password_config: Option<&'a PasswordConfig>,
    source: Option<&'a drydock_operator_api::apps::AccountSecretRef>,
}

impl Account<'_> {
    pub fn name(&self) -> &str {
        &self.definition.name
    }
}

pub(super) fn wanted(tree: &Tree) -> Result<Vec<Account<'_>>, Hold> {
    let accounts = &tree.definition().spec.system_accounts;
    let given: BTreeMap<&str, &SystemAccount> = tree
        .component
        .spec
        .system_accounts
        .iter()
        .map(|given| (given.name.as_str(), given))
        .collect();
    let broken = |rule| Err(Hold::broken(Reference::of(&*tree.component), rule, Whose::User));
    if let Some(unknown) =
        given.keys().find(|name| accounts.iter().all(|account| account.name != **name))
    {
        return broken(format!(
            "spec.systemAccounts[{unknown}]: componentdefinition/{} has no such account",
            tree.definition().metadata.name
        ));
    }
    let mut wanted = Vec::new();
    for definition in accounts {
        let given = given.get(definition.name.as_str());
        if given.is_some_and(|given| given.disabled) {
            if definition.init_account {
                return broken(format!(
                    "spec.systemAccounts[{}].disabled: the account initialises the database and cannot be disabled",
                    definition.name
                ));
            }
            continue;
        }
        wanted.push(Account {
            definition,
            password_config: given
                .and_then(|given| given.password_config.as_ref())
                .or(definition.password_config.as_ref()),
            source: given.and_then(|given| given.secret_ref.as_ref()),
        });
    }
    Ok(wanted)
}

fn secret(tree: &Tree, account: &Account<'_>) -> Result<Secret, Hold> {
    let mut own = base(tree);
    own.insert(labels::SYSTEM_ACCOUNT.to_owned(), account.name().to_owned());
    let definition = &tree.definition().spec;
    let component = &tree.component.spec;
    let data = [
        (USERNAME.to_owned(), base64::encode(account.name().as_bytes())),
        // Without a policy for it, and without a source, the password is empty.
        (PASSWORD.to_owned(), given_password(tree, account)?.unwrap_or_default()),
    ];
    Ok(Secret {
        metadata: owned_meta(
            tree,
            names::account_secret(tree.name(), account.name()),
            merged([&definition.labels, &component.labels, &own]),
            merged([&definition.annotations, &component.annotations]),
        ),
        data: data.into(),
        kind: "Opaque".to_owned(),
    })
}

/// Of the Secret that the user names, base64.
fn given_password(tree: &Tree, account: &Account<'_>) -> Result<Option<String>, Hold> {
    let Some(source) = account.source else { return Ok(None) };
    let namespace = if source.namespace.is_empty() { tree.namespace() } else { &source.namespace };
    let key = Key::new(namespace, &source.name);
    let field = format!("spec.systemAccounts[{}].secretRef", account.name());
    let Some(secret) = tree.secrets.get(&key) else {
        let kind = <Secret as drydock_operator_api::Resource>::kind();
        return Err(Hold::missing(
            Reference::new(kind, key),
            format!("{field} names it"),
            Whose::User,
        ));
    };
    let entry = if source.password.is_empty() { PASSWORD } else { &source.password };
    secret.data.get(entry).cloned().map(Some).ok_or_else(|| {
        let rule = format!("{field}: the Secret has no key {entry:?}");
        Hold::broken(Reference::of(&**secret), rule, Whose::User)
    })
}

fn generate(config: &PasswordConfig) -> Generate {
    let count = |number: i32| usize::try_from(number).unwrap_or_default();
    Generate {
        pointer: format!("/data/{PASSWORD}"),
        what: Generated::Password {
            length: count(config.length),
            digits: count(config.num_digits),
            symbols: count(config.num_symbols),
            symbol_characters: config.symbol_characters.clone(),
            letters: match config.letter_case {
                LetterCase::LowerCases => Letters::Lower,
                LetterCase::UpperCases => Letters::Upper,
                LetterCase::MixedCases => Letters::Mixed,
            },
            seed: config.seed.clone(),
        },
    }
}
