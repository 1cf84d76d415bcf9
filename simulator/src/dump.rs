//! All objects of a world as YAML, one document each, in the order of kind, namespace and name.

use std::fmt::Write as _;

use drydock_apiserver::{KindInfo, Object, Server};
use serde_json::Value;

/// What a world has from the start, and what is too short-lived to be worth keeping.
const LEFT_OUT: &[(&str, &str)] =
    &[("apiextensions.k8s.io", "CustomResourceDefinition"), ("", "Event")];

/// The objects of a server; Events and the definitions of kinds are left out.
pub fn dump(server: &Server) -> String {
    let mut kinds: Vec<&KindInfo> = server.kinds().filter(|info| info.storage).collect();
    kinds.sort_by_key(|info| (&info.kind, &info.group));
    kinds.dedup_by_key(|info| (&info.kind, &info.group));
    let mut text = String::new();
    for info in kinds {
        let left_out = LEFT_OUT.contains(&(&*info.group, &*info.kind));
        let Some(id) = server.kind(&info.group, &info.kind).filter(|_| !left_out) else { continue };
        server.table(id).iter().for_each(|object| document(object, &mut text));
    }
    text
}

fn document(object: &Object, text: &mut String) {
    text.push_str("---\n");
    text.push_str(&to_yaml(&object.tree().to_value()));
}

/// YAML that every reader takes the same way: text is quoted wherever some reader sees more in it.
pub fn to_yaml(value: &Value) -> String {
    let mut text = String::new();
    block(value, 0, &mut text);
    text
}

fn block(value: &Value, indent: usize, text: &mut String) {
    let pad = " ".repeat(indent);
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (key, value) in members {
                let _infallible = write!(text, "{pad}{}:", scalar(&Value::String(key.clone())));
                // A list in a map stands below its key.
                below(value, indent, indent + 2, text);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                let _infallible = write!(text, "{pad}-");
                match item {
                    Value::Object(members) if !members.is_empty() => {
                        let mut inner = String::new();
                        block(item, indent + 2, &mut inner);
                        text.push(' ');
                        text.push_str(inner.trim_start_matches(' '));
                    }
                    item => below(item, indent + 2, indent + 2, text),
                }
            }
        }
        other => {
            let _infallible = writeln!(text, "{pad}{}", scalar(other));
        }
    }
}

/// The value after `key:` or `-`.
fn below(value: &Value, list_indent: usize, indent: usize, text: &mut String) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            text.push('\n');
            block(value, indent, text);
        }
        Value::Array(items) if !items.is_empty() => {
            text.push('\n');
            block(value, list_indent, text);
        }
        Value::String(string) if is_literal(string) => {
            let chomp = if string.ends_with('\n') { "" } else { "-" };
            let _infallible = writeln!(text, " |{chomp}");
            let pad = " ".repeat(indent);
            for line in string.lines() {
                let _infallible =
                    if line.is_empty() { writeln!(text) } else { writeln!(text, "{pad}{line}") };
            }
        }
        other => {
            let _infallible = writeln!(text, " {}", scalar(other));
        }
    }
}

/// Whether text can stand as it is over several lines.
fn is_literal(string: &str) -> bool {
    let plain = |c: char| {
        c == '\n'
            || c == '\t'
            || !c.is_control()
                && c != '\u{feff}'
                && c != '\u{2028}'
                && c != '\u{2029}'
                && c != '\u{85}'
    };
    string.contains('\n')
        && !string.starts_with([' ', '\n', '\t'])
        && !string.ends_with("\n\n")
        && string.chars().all(plain)
        && string.lines().all(|line| !line.is_empty() || !string.is_empty())
        && string.lines().next().is_some_and(|first| !first.trim().is_empty())
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(string) if is_plain(string) => string.clone(),
        Value::Object(_) => "{}".to_owned(),
        Value::Array(_) => "[]".to_owned(),
        other => other.to_string(),
    }
}

/// Words that no reader takes for anything but text.
fn is_plain(string: &str) -> bool {
    let reserved = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    string.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && string.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:".contains(c))
        && !string.ends_with(':')
        && !reserved.contains(&string.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use drydock_scenarios::{Source, yaml};
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_is_read_again_as_it_was() {
        let value = json!({
            "a": ["x", { "k": "v", "deep": [1, [2, "three"], {}] }, [], null],
            "words": ["yes", "0444", "1e3", "~", "", "a: b", "- x", "#", "it's", "\"q\"", "null", "1.2", "é"],
            "script": "set -eu\n\n  indented\nend\n",
            "no newline at the end": "a\nb",
            "odd": [" lead\nx", "trail \n", "a\n\n", "\ttab\nb", "\u{7}\n", "x\r\ny"],
            "kubeblocks.io/role": "primary",
            "number": -1.5,
            "empty": {},
        });

        let text = to_yaml(&value);

        let read = yaml::parse(&Source::new("dump", text.clone())).unwrap();
        assert_eq!(read[0].to_json(), value, "{text}");
    }
}
