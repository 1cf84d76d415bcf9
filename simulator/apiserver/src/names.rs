//! What names, labels and their kin may look like, and how Kubernetes says that they do not.

pub(crate) const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL_1035: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const QUALIFIED: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/// Everything that is wrong with a name, in order; empty if nothing is.
pub(crate) type Faults = Vec<String>;

pub(crate) fn dns_label(name: &str) -> Faults {
    let mut faults = too_long(name, 63);
    if !is_label(name) {
        faults.push(if is_subdomain(name) && faults.is_empty() {
            "must not contain dots".to_owned()
        } else {
            LABEL.to_owned()
        });
    }
    faults
}

pub(crate) fn dns_1035_label(name: &str) -> Faults {
    let mut faults = too_long(name, 63);
    if !is_label(name) || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        faults.push(LABEL_1035.to_owned());
    }
    faults
}

pub(crate) fn dns_subdomain(name: &str) -> Faults {
    let mut faults = too_long(name, 253);
    if !is_subdomain(name) {
        faults.push(SUBDOMAIN.to_owned());
    }
    faults
}

/// A search domain of a resolver: underscores are good in it, as resolvers take them.
pub(crate) fn dns_search(name: &str) -> Faults {
    let mut faults = too_long(name, 253);
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_label = |label: &str| {
        let label = label.strip_prefix('_').unwrap_or(label).as_bytes();
        label.first().is_some_and(|byte| inner(*byte))
            && label.last().is_some_and(|byte| inner(*byte))
            && label.iter().all(|byte| inner(*byte) || b"-_".contains(byte))
    };
    if !name.split('.').all(is_label) {
        faults.push(r"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*')".to_owned());
    }
    faults
}

/// What can stand between two slashes of a URL.
pub(crate) fn path_segment(name: &str) -> Faults {
    if matches!(name, "." | "..") {
        return vec![format!("may not be '{name}'")];
    }
    path_segment_prefix(name)
}

/// What a part of a path may begin with.
pub(crate) fn path_segment_prefix(name: &str) -> Faults {
    let has = |c: char| name.contains(c).then(|| format!("may not contain '{c}'"));
    ['/', '%'].into_iter().filter_map(has).collect()
}

/// The key of a label or annotation, the name of a finalizer: `name`, or `domain/name`.
pub(crate) fn qualified_name(name: &str) -> Faults {
    let mut faults = Vec::new();
    let part = match name.split_once('/') {
        None => name,
        Some((prefix, part)) if !part.contains('/') => {
            if prefix.is_empty() {
                faults.push("prefix part must be non-empty".to_owned());
            } else {
                let prefix = dns_subdomain(prefix).into_iter();
                faults.extend(prefix.map(|fault| format!("prefix part {fault}")));
            }
            part
        }
        _ => {
            return vec![format!(
                "a qualified name {QUALIFIED} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
    };
    if part.is_empty() {
        faults.push("name part must be non-empty".to_owned());
    } else {
        faults.extend(too_long(part, 63).into_iter().map(|fault| format!("name part {fault}")));
    }
    if !is_qualified(part) {
        faults.push(format!("name part {QUALIFIED}"));
    }
    faults
}

pub(crate) fn label_value(value: &str) -> Faults {
    let mut faults = too_long(value, 63);
    if !value.is_empty() && !is_qualified(value) {
        faults.push(LABEL_VALUE.to_owned());
    }
    faults
}

pub(crate) fn too_long(name: &str, most: usize) -> Faults {
    if name.len() > most {
        vec![format!("must be no more than {most} characters")]
    } else {
        Vec::new()
    }
}

fn is_label(name: &str) -> bool {
    let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let bytes = name.as_bytes();
    bytes.first().is_some_and(|c| inner(*c))
        && bytes.last().is_some_and(|c| inner(*c))
        && bytes.iter().all(|c| inner(*c) || *c == b'-')
}

fn is_subdomain(name: &str) -> bool {
    name.split('.').all(is_label)
}

fn is_qualified(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.iter().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.'))
}
