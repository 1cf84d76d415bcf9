//! Rules that many kinds share.

use crate::Tree;
use crate::names;
use crate::schema::{Faults, Path};

pub(crate) static NOTHING: Tree = Tree::null();

pub(crate) const NOT_NEGATIVE: &str = "must be greater than or equal to 0";

pub(crate) fn text<'t>(tree: &'t Tree, key: &str) -> &'t str {
    tree.get(key).and_then(Tree::as_str).unwrap_or_default()
}

pub(super) fn on(tree: &Tree, key: &str) -> bool {
    tree.get(key).and_then(Tree::as_bool).unwrap_or(false)
}

pub(crate) fn list<'t>(tree: &'t Tree, key: &str) -> &'t [Tree] {
    tree.get(key).map_or(&[], Tree::items)
}

/// A member that must be there has one of these values.
pub(super) fn chosen(
    faults: &mut Faults,
    tree: &Tree,
    key: &str,
    at: &Path<'_>,
    supported: &[&str],
) {
    match tree.get(key).and_then(Tree::as_str) {
        Some("") => faults.required(at.field(key), ""),
        _ => one_of(faults, tree, key, at, supported),
    }
}

/// All complaints about a value as one.
pub(super) fn complain_once(faults: &mut Faults, at: Path<'_>, value: &str, complaints: &[String]) {
    if !complaints.is_empty() {
        faults.invalid(at, value, &complaints.join(";"));
    }
}

/// Each complaint about a value.
pub(super) fn complain(
    faults: &mut Faults,
    at: Path<'_>,
    value: impl Into<Tree>,
    complaints: Vec<String>,
) {
    if complaints.is_empty() {
        return;
    }
    let value = value.into();
    for complaint in complaints {
        faults.invalid(at, &value, &complaint);
    }
}

pub(super) fn not_negative(faults: &mut Faults, tree: &Tree, key: &str, at: &Path<'_>) {
    if let Some(number) = tree.get(key).and_then(Tree::as_i64).filter(|number| *number < 0) {
        faults.invalid(at.field(key), number, NOT_NEGATIVE);
    }
}

pub(super) fn in_range(
    faults: &mut Faults,
    tree: &Tree,
    key: &str,
    at: &Path<'_>,
    low: i64,
    high: i64,
) {
    let number = tree.get(key).and_then(Tree::as_i64);
    if let Some(number) = number.filter(|number| !(low..=high).contains(number)) {
        faults.invalid(
            at.field(key),
            number,
            &format!("must be between {low} and {high}, inclusive"),
        );
    }
}

/// A member that is there has one of these values.
pub(super) fn one_of(
    faults: &mut Faults,
    tree: &Tree,
    key: &str,
    at: &Path<'_>,
    supported: &[&str],
) {
    if let Some(value) =
        tree.get(key).filter(|value| !value.as_str().is_some_and(|v| supported.contains(&v)))
    {
        faults.not_supported(at.field(key), value, supported);
    }
}

pub(super) fn required(faults: &mut Faults, tree: &Tree, key: &str, at: &Path<'_>) -> bool {
    let there = !text(tree, key).is_empty();
    if !there {
        faults.required(at.field(key), "");
    }
    there
}

pub(super) fn port(faults: &mut Faults, number: i64, at: Path<'_>) {
    complain(faults, at, number, super::names::port_number(number));
}

/// As fields older than strict addresses take them: with leading zeros.
pub(super) fn loose_ip(address: &str) -> Option<std::net::IpAddr> {
    address.parse().ok().or_else(|| {
        let parts: Vec<&str> = address.split('.').collect();
        let is_number =
            |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if parts.len() != 4 || !parts.iter().all(is_number) {
            return None;
        }
        let bare = parts.iter().map(|part| match part.trim_start_matches('0') {
            "" => "0",
            number => number,
        });
        bare.collect::<Vec<_>>().join(".").parse().ok()
    })
}

pub(super) fn ip(faults: &mut Faults, address: &str, at: Path<'_>) -> Option<std::net::IpAddr> {
    let parsed = loose_ip(address);
    if parsed.is_none() {
        faults.invalid(
            at,
            address,
            "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
        );
    }
    parsed
}

/// An address that other machines can reach.
pub(super) fn reachable(
    faults: &mut Faults,
    stated: &str,
    address: std::net::IpAddr,
    at: Path<'_>,
) {
    use std::net::IpAddr::{V4, V6};
    let why = match address.to_canonical() {
        a if a.is_unspecified() => format!("may not be unspecified ({stated})"),
        a if a.is_loopback() => {
            "may not be in the loopback range (127.0.0.0/8, ::1/128)".to_owned()
        }
        V4(a) if a.is_link_local() => LOCAL.to_owned(),
        V6(a) if a.is_unicast_link_local() => LOCAL.to_owned(),
        V4(a) if a.octets()[..3] == [224, 0, 0] => LOCAL_OF_MANY.to_owned(),
        V6(a) if a.segments()[0] & 0xff0f == 0xff02 => LOCAL_OF_MANY.to_owned(),
        _ => return,
    };
    faults.invalid(at, stated, &why);
}

const LOCAL: &str = "may not be in the link-local range (169.254.0.0/16, fe80::/10)";
const LOCAL_OF_MANY: &str =
    "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)";

/// `5`, or `20%`.
pub(super) fn count_or_percent(
    faults: &mut Faults,
    tree: &Tree,
    key: &str,
    at: &Path<'_>,
    limited: bool,
) {
    let Some(value) = tree.get(key) else { return };
    if let Some(percent) = value.as_str() {
        let digits = percent
            .strip_suffix('%')
            .filter(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()));
        match digits.map(|digits| digits.parse::<i64>().ok()) {
            // More than any number is more than that.
            Some(percent) => {
                if limited && percent.is_none_or(|percent| percent > 100) {
                    faults.invalid(at.field(key), value, "must not be greater than 100%");
                }
            }
            None => faults.invalid(
                at.field(key),
                value,
                "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
            ),
        }
    } else if value.as_i64().is_some_and(|number| number < 0) {
        faults.invalid(at.field(key), value, NOT_NEGATIVE);
    }
}

/// `example.com/what`: a domain, and a path below it.
pub(super) fn domain_prefixed(faults: &mut Faults, name: &str, at: Path<'_>) {
    if name.is_empty() {
        faults.required(at, "");
        return;
    }
    let Some((domain, path)) =
        name.split_once('/').filter(|(domain, path)| !domain.is_empty() && !path.is_empty())
    else {
        let why = "must be a domain-prefixed path (such as \"acme.io/foo\")";
        faults.invalid(at, name, why);
        return;
    };
    complain(faults, at, domain, crate::names::dns_subdomain(domain));
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:".contains(&byte);
    if !path.bytes().all(fits) {
        let why = r"Invalid path (regex used for validation is '[A-Za-z0-9/\-._~%!$&'()*+,;=:]+')";
        faults.invalid(at, path, why);
    }
}

/// Whether it is an operator of selectors; one that looks for values has some, one that looks for keys has none.
pub(super) fn has_fitting_values(
    faults: &mut Faults,
    operator: &str,
    values: &[Tree],
    at: &Path<'_>,
) -> bool {
    match operator {
        "In" | "NotIn" if values.is_empty() => {
            let why = "must be specified when `operator` is 'In' or 'NotIn'";
            faults.required(at.field("values"), why);
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            let why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            faults.forbidden(at.field("values"), why);
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        _ => return false,
    }
    true
}

/// A label selector: its labels and its expressions.
pub(super) fn selector(faults: &mut Faults, selector: &Tree, at: &Path<'_>) {
    let labels = at.field("matchLabels");
    for (key, value) in selector.get("matchLabels").into_iter().flat_map(Tree::entries) {
        complain(faults, labels, key, names::qualified_name(key));
        let value = value.as_str().unwrap_or_default();
        complain(faults, labels, value, names::label_value(value));
    }
    let expressions = at.field("matchExpressions");
    for (index, expression) in list(selector, "matchExpressions").iter().enumerate() {
        let at = expressions.index(index);
        let values = list(expression, "values");
        let operator = text(expression, "operator");
        if !has_fitting_values(faults, operator, values, &at) {
            faults.invalid_typed(at.field("operator"), operator, "not a valid selector operator");
        }
        let key = text(expression, "key");
        complain(faults, at.field("key"), key, names::qualified_name(key));
        let place = at.field("values");
        for (index, value) in values.iter().enumerate() {
            let value = value.as_str().unwrap_or_default();
            complain(faults, place.index(index), value, names::label_value(value));
        }
    }
}

/// Whether a selector picks an object with these labels; an empty one picks everything.
pub(crate) fn selects(selector: &Tree, labels: Option<&Tree>) -> bool {
    let label = |key: &str| labels.and_then(|labels| labels.get(key)).and_then(Tree::as_str);
    let matches = selector.get("matchLabels").into_iter().flat_map(Tree::entries);
    let mut matches = matches.map(|(key, value)| label(key) == value.as_str());
    matches.all(|holds| holds)
        && list(selector, "matchExpressions").iter().all(|expression| {
            let value = label(text(expression, "key"));
            let listed = || list(expression, "values").iter().any(|v| v.as_str() == value);
            match text(expression, "operator") {
                "In" => value.is_some() && listed(),
                "NotIn" => value.is_none() || !listed(),
                "Exists" => value.is_some(),
                "DoesNotExist" => value.is_none(),
                _ => false,
            }
        })
}

/// The labels of a template, and like maps elsewhere.
pub(super) fn labels(faults: &mut Faults, labels: Option<&Tree>, at: Path<'_>) {
    for (key, value) in labels.into_iter().flat_map(Tree::entries) {
        complain(faults, at, key, names::qualified_name(key));
        let value = value.as_str().unwrap_or_default();
        complain(faults, at, value, names::label_value(value));
    }
}

/// The annotations of a template.
pub(super) fn annotations(faults: &mut Faults, annotations: Option<&Tree>, at: Path<'_>) {
    const MOST: usize = 256 * 1024;
    let mut size = 0;
    for (key, value) in annotations.into_iter().flat_map(Tree::entries) {
        complain(faults, at, key, names::qualified_name(&key.to_lowercase()));
        size += key.len() + value.as_str().map_or(0, str::len);
    }
    if size > MOST {
        faults.too_long(at, MOST);
    }
}

pub(super) fn no_dots_up(faults: &mut Faults, path: &str, at: Path<'_>) {
    if path.split('/').any(|part| part == "..") {
        faults.invalid(at, path, "must not contain '..'");
    }
}

/// A path inside a volume.
pub(super) fn relative(faults: &mut Faults, path: &str, at: Path<'_>) {
    if path.starts_with('/') {
        faults.invalid(at, path, "must be a relative path");
    }
    no_dots_up(faults, path, at);
}
