//! The forms of keys, ports and variables, and what the real server says of a bad one.

const CONFIG_KEY: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

type Complaints = Vec<String>;

use crate::names::too_long;

fn lower(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// A key of a ConfigMap or Secret.
pub(crate) fn config_key(text: &str) -> Complaints {
    let mut complaints = too_long(text, 253);
    let good =
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if !good {
        complaints.push(CONFIG_KEY.to_owned());
    }
    match text {
        "." => complaints.push("must not be '.'".to_owned()),
        ".." => complaints.push("must not be '..'".to_owned()),
        _ if text.starts_with("..") => complaints.push("must not start with '..'".to_owned()),
        _ => {}
    }
    complaints
}

/// A port's name.
pub(crate) fn port_name(text: &str) -> Complaints {
    let mut complaints = Vec::new();
    if text.len() > 15 {
        complaints.push("must be no more than 15 characters".to_owned());
    }
    if text.is_empty() || !text.bytes().all(|b| lower(b) || b == b'-') {
        complaints.push(
            "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".to_owned(),
        );
    }
    if !text.bytes().any(|b| b.is_ascii_lowercase()) {
        complaints.push("must contain at least one letter (a-z)".to_owned());
    }
    if text.contains("--") {
        complaints.push("must not contain consecutive hyphens".to_owned());
    }
    if text.starts_with('-') || text.ends_with('-') {
        complaints.push("must not begin or end with a hyphen".to_owned());
    }
    complaints
}

pub(crate) fn port_number(number: i64) -> Complaints {
    let good = (1..=65535).contains(&number);
    if good { Vec::new() } else { vec!["must be between 1 and 65535, inclusive".to_owned()] }
}

/// The name of an environment variable: anything printable but `=`.
pub(crate) fn environment(text: &str, minor: u32) -> Complaints {
    if minor < 32 {
        let first =
            text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b"-._".contains(&b));
        let good = first && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
        return if good {
            Vec::new()
        } else {
            vec!["a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1', regex used for validation is '[-._a-zA-Z][-._a-zA-Z0-9]*')".to_owned()]
        };
    }
    if text.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'=') {
        Vec::new()
    } else {
        vec!["a valid environment variable name must consist only of printable ASCII characters other than '='".to_owned()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_good_or_the_complaint_says_what_form_they_need() {
        assert_eq!(config_key("redis.conf"), Vec::<String>::new());
        assert_eq!(config_key("bad key"), vec![CONFIG_KEY]);
        assert_eq!(port_name("tcp-a"), Vec::<String>::new());
    }
}
