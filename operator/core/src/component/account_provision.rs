//! System accounts inside the database: made through the agent once the component runs.

use std::collections::BTreeMap;

use drydock_operator_api::apps::{Action, Component, ComponentPhase};
use drydock_operator_api::core::Secret;
use jiff::SignedDuration;

use super::accounts::{self, PASSWORD};
use super::lifecycle::Request;
use super::{Tree, builds};
use crate::condition::{self, Wanted};
use crate::draft::{Draft, Flow, Pass};
use crate::plan::{Call, OnFailure, Reference, Whose};
use crate::view::Key;
use crate::{base64, names};

const RETRY: SignedDuration = SignedDuration::from_secs(10);
const CONDITION: &str = "SystemAccountProvision";
const PROVISIONED: &str = "apps.kubeblocks.io/system-account-provisioned";
const HASH: &str = "apps.kubeblocks.io/system-account-hash";

/// Accounts that were made, and the hash of the password where it may change.
type Made = BTreeMap<String, String>;

pub(super) fn step(tree: &Tree, draft: &mut Draft<Component>, pass: &Pass<'_>) -> Flow {
    if !builds(tree, draft)
        || tree.is_compact()
        || draft.root.status.phase != Some(ComponentPhase::Running)
    {
        return Flow::Continue;
    }
    let actions = tree.definition().spec.lifecycle_actions.as_ref();
    let Some(action) = actions.and_then(|actions| actions.account_provision.as_ref()) else {
        return Flow::Continue;
    };
    let Ok(wanted) = accounts::wanted(tree) else { return Flow::Continue };
    let before = condition::find(&tree.component.status.conditions, CONDITION);
    let mut made = before.map(|condition| read(&condition.message)).unwrap_or_default();

    let mut pending: Vec<(String, Vec<Call>)> = Vec::new();
    let mut complete = true;
    for account in &wanted {
        let name = account.name();
        let secret = names::account_secret(tree.name(), name);
        let Some(secret) = tree.secrets.get(&Key::new(tree.namespace(), secret)) else {
            complete = false;
            continue;
        };
        if made.contains_key(name) {
            continue;
        }
        let known = secret.metadata.annotation(PROVISIONED) == Some("true");
        let hash = secret.metadata.annotation(HASH).unwrap_or_default().to_owned();
        if account.definition.init_account || known {
            made.insert(name.to_owned(), hash);
            continue;
        }
        let statement =
            account.definition.statement.as_ref().map(|statement| statement.create.clone());
        match calls(tree, action, secret, statement.unwrap_or_default(), pass) {
            Ok(calls) => pending.push((name.to_owned(), calls)),
            Err(hold) => {
                complete = false;
                hold.wait(draft);
            }
        }
    }
    tell(tree, &mut draft.root, &made, complete && pending.is_empty(), pass);
    let calls = pending.len();
    let mut told = draft.root.clone();
    for (at, (name, account_calls)) in pending.into_iter().enumerate() {
        let on = Reference::of(&*tree.component);
        draft.wait(
            on,
            "to have made its accounts",
            format!("accountProvision of {name}"),
            Whose::Addon,
        );
        for call in account_calls {
            draft.call_last(call);
        }
        // Noted one by one: a statement that makes an account may not be repeated.
        let mut next = told.clone();
        made.insert(name, String::new());
        tell(tree, &mut next, &made, complete && at + 1 == calls, pass);
        draft.late_status(&told, &next);
        told = next;
    }
    Flow::Continue
}

fn calls(
    tree: &Tree,
    action: &Action,
    secret: &Secret,
    statement: String,
    pass: &Pass<'_>,
) -> Result<Vec<Call>, super::hold::Hold> {
    let value = |key: &str| {
        let bytes =
            secret.data.get(key).and_then(|value| base64::decode(value)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    Request {
        name: "accountProvision",
        action,
        subject: None,
        parameters: [
            ("KB_ACCOUNT_NAME".to_owned(), value(accounts::USERNAME)),
            ("KB_ACCOUNT_PASSWORD".to_owned(), value(PASSWORD)),
            ("KB_ACCOUNT_STATEMENT".to_owned(), statement),
        ]
        .into(),
        on_failure: OnFailure::Retry(RETRY),
    }
    .calls(tree, pass.settings)
}

fn tell(tree: &Tree, root: &mut Component, made: &Made, complete: bool, pass: &Pass<'_>) {
    let reason = if complete { "AllProvisioned" } else { "InProgress" };
    let wanted = Wanted::new(CONDITION, complete, reason, write(made));
    let wanted = wanted.at_generation(tree.component.metadata.generation);
    condition::set(&mut root.status.conditions, wanted, pass.now);
}

/// `name:hash,name:hash`.
fn write(made: &Made) -> String {
    let all: Vec<String> = made.iter().map(|(name, hash)| format!("{name}:{hash}")).collect();
    all.join(",")
}

fn read(message: &str) -> Made {
    message
        .split(',')
        .filter_map(|entry| entry.split_once(':'))
        .map(|(name, hash)| (name.to_owned(), hash.to_owned()))
        .collect()
}
