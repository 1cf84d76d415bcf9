//! Values as people read them: ages, lists, selectors.

use jiff::Timestamp;

use crate::object::Tree;

/// What stands at `spec.a.b`.
pub(super) fn at<'t>(tree: &'t Tree, path: &str) -> Option<&'t Tree> {
    path.split('.').try_fold(tree, |tree, key| tree.get(key)).filter(|found| !found.is_null())
}

pub(super) fn items<'t>(tree: &'t Tree, path: &str) -> &'t [Tree] {
    at(tree, path).map(Tree::items).unwrap_or_default()
}

/// A scalar as it is printed; empty if there is none.
pub(super) fn text(tree: &Tree, path: &str) -> String {
    at(tree, path).map(scalar).unwrap_or_default()
}

pub(super) fn int(tree: &Tree, path: &str) -> i64 {
    at(tree, path).and_then(Tree::as_i64).unwrap_or(0)
}

/// The value as text; maps and lists as JSON.
pub(super) fn scalar(tree: &Tree) -> String {
    match tree.as_str() {
        Some(text) => text.to_owned(),
        None => tree.to_value().to_string(),
    }
}

/// `a,b`, or `<none>`.
pub(super) fn joined(items: &[String]) -> String {
    or(items.join(","), "<none>")
}

pub(super) fn or(text: String, other: &str) -> String {
    if text.is_empty() { other.to_owned() } else { text }
}

/// At most three of them, and how many more there are.
pub(super) fn some_of(items: &[String], count: usize, most: usize) -> String {
    let shown = items.iter().take(most).cloned().collect::<Vec<_>>().join(",");
    if count > most { format!("{shown} + {} more...", count - most) } else { shown }
}

/// `k=v,l=w`, or `<none>`.
pub(super) fn labels(tree: Option<&Tree>) -> String {
    let pairs = tree.into_iter().flat_map(Tree::entries);
    joined(&pairs.map(|(key, value)| format!("{key}={}", scalar(value))).collect::<Vec<_>>())
}

/// A label selector: `k=v,l in (a,b),!m`, or `<none>`.
pub(super) fn selector(tree: Option<&Tree>) -> String {
    let Some(tree) = tree else { return "<none>".to_owned() };
    let pairs = tree.get("matchLabels").into_iter().flat_map(Tree::entries);
    let mut found: Vec<(String, String)> =
        pairs.map(|(key, value)| (key.to_owned(), format!("{key}={}", scalar(value)))).collect();
    for expression in items(tree, "matchExpressions") {
        let key = text(expression, "key");
        let mut values: Vec<String> = items(expression, "values").iter().map(scalar).collect();
        values.sort();
        let values = values.join(",");
        let shown = match expression.str_at(&["operator"]) {
            Some("In") => format!("{key} in ({values})"),
            Some("NotIn") => format!("{key} notin ({values})"),
            Some("DoesNotExist") => format!("!{key}"),
            _ => key.clone(),
        };
        found.push((key, shown));
    }
    found.sort_by(|one, other| one.0.cmp(&other.0));
    joined(&found.into_iter().map(|(_, shown)| shown).collect::<Vec<_>>())
}

/// How long ago a time was; `<unknown>` without one.
pub(super) fn age(since: Option<&Tree>, now: Timestamp) -> String {
    let since = since.and_then(Tree::as_str).and_then(|time| time.parse::<Timestamp>().ok());
    since.map_or_else(|| "<unknown>".to_owned(), |since| duration(seconds(since, now)))
}

/// Whole seconds from one time to another.
pub(super) fn seconds(since: Timestamp, until: Timestamp) -> i64 {
    until.duration_since(since).as_secs()
}

/// `45s`, `2m5s`, `12m`, `3h10m`, `2d`: the fewer digits, the longer it is.
pub(super) fn duration(seconds: i64) -> String {
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    let (days, years) = (hours / 24, hours / 24 / 365);
    let two = |big: i64, unit: &str, small: i64, smaller: &str| match small {
        0 => format!("{big}{unit}"),
        _ => format!("{big}{unit}{small}{smaller}"),
    };
    match () {
        () if seconds < -1 => "<invalid>".to_owned(),
        () if seconds < 0 => "0s".to_owned(),
        () if seconds < 120 => format!("{seconds}s"),
        () if minutes < 10 => two(minutes, "m", seconds % 60, "s"),
        () if minutes < 180 => format!("{minutes}m"),
        () if hours < 8 => two(hours, "h", minutes % 60, "m"),
        () if hours < 48 => format!("{hours}h"),
        () if days < 8 => two(days, "d", hours % 24, "h"),
        () if days < 730 => format!("{days}d"),
        () if years < 8 => two(years, "y", days % 365, "d"),
        () => format!("{years}y"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_loses_digits_as_it_grows() {
        let day = 86_400;
        let shown = [
            -5,
            -1,
            119,
            120,
            125,
            600,
            10_799,
            10_800,
            11_460,
            28_800,
            2 * day,
            3 * day + 7200,
            8 * day,
            800 * day,
            3000 * day,
        ]
        .map(duration);

        assert_eq!(
            shown.join(" "),
            "<invalid> 0s 119s 2m 2m5s 10m 179m 3h 3h11m 8h 2d 3d2h 8d 2y70d 8y"
        );
    }

    #[test]
    fn a_selector_is_sorted_by_key_and_says_none_of_nothing() {
        let shown = Tree::from_value(serde_json::json!({
            "matchLabels": { "m": "1" },
            "matchExpressions": [
                { "key": "b", "operator": "In", "values": ["y", "x"] },
                { "key": "a", "operator": "DoesNotExist" },
            ],
        }));

        assert_eq!(selector(Some(&shown)), "!a,b in (x,y),m=1");
        assert_eq!(selector(Some(&Tree::empty_map())), "<none>");
    }
}
