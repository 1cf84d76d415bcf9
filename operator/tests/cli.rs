//! The binary as people run it.

use std::process::{Command, Output};

fn operator(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_drydock-operator"));
    command.args(arguments).env_remove("KUBECONFIG").output().expect("it can be started")
}

/// The exit code, and what was said on standard error.
fn refusal(arguments: &[&str]) -> (Option<i32>, String) {
    let output = operator(arguments);
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn kubeconfig(name: &str, server: &str) -> String {
    let path = format!("{}/{name}", env!("CARGO_TARGET_TMPDIR"));
    let text = format!(
        "{{apiVersion: v1, kind: Config, current-context: a, \
         clusters: [{{name: a, cluster: {{server: '{server}'}}}}], \
         contexts: [{{name: a, context: {{cluster: a, user: a}}}}], \
         users: [{{name: a, user: {{}}}}]}}"
    );
    std::fs::write(&path, text).expect("cargo made the folder");
    path
}

#[test]
fn a_kubeconfig_that_cannot_be_used_is_bad_input() {
    let good = kubeconfig("good", "https://127.0.0.1:1");

    let (missing, said) = refusal(&["--kubeconfig", "/nowhere/config"]);
    assert_eq!(missing, Some(2), "{said}");
    assert!(said.contains("/nowhere/config"), "{said}");
    let (context, said) = refusal(&["--kubeconfig", &good, "--context", "other"]);
    assert_eq!(context, Some(2), "{said}");
    assert!(said.contains("other"), "{said}");
    let (log, said) = refusal(&["--kubeconfig", &good, "--log", "a=b=c"]);
    assert_eq!(log, Some(2), "{said}");
}

#[test]
fn a_cluster_that_does_not_answer_is_told_with_the_cause() {
    // Nothing listens on the first port.
    let path = kubeconfig("silent", "http://127.0.0.1:1");

    let (code, said) = refusal(&["--kubeconfig", &path]);

    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("does not answer") && said.contains("refused"), "{said}");
}

#[test]
fn the_definitions_are_printed_a_document_each() {
    let output = operator(&["crds"]);

    let text = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success());
    assert_eq!(text.matches("---\n{").count(), drydock_operator_api::crds().len());
}
