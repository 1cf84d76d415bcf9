//! `$(NAME)` in values, as Kubernetes writes references.

/// Replaces each `$(NAME)` that `value_of` knows; `$$(NAME)` becomes `$(NAME)`, and what is not
/// known stays as it is written. What comes in by a replacement is not looked at again.
pub fn expand<'a>(text: &'a str, value_of: impl Fn(&str) -> Option<&'a str>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("$$") {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = reference(rest) {
            match value_of(name) {
                Some(value) => out.push_str(value),
                None => out.push_str(&rest[..rest.len() - after.len()]),
            }
            rest = after;
        } else {
            out.push('$');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    out
}

/// The one name, if the whole text is a reference to it.
pub fn sole_reference(text: &str) -> Option<&str> {
    reference(text).filter(|(_, after)| after.is_empty()).map(|(name, _)| name)
}

/// Whether a reference is left that only the kubelet can resolve.
pub fn has_reference(text: &str) -> bool {
    text.match_indices("$(").any(|(at, _)| reference(&text[at..]).is_some())
}

/// The name of the reference that `text` begins with, and what follows it.
fn reference(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix("$(")?.split_once(')')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> String {
        expand(text, |name| match name {
            "A" => Some("one"),
            "B" => Some("$(A)"),
            _ => None,
        })
    }

    #[test]
    fn known_names_are_replaced_once_and_others_left() {
        assert_eq!(expanded("x $(A) $(C) y"), "x one $(C) y");
        assert_eq!(expanded("$(B)"), "$(A)");
        assert_eq!(expanded("$$(A) $5 $(A"), "$(A) $5 $(A");
        assert_eq!(expanded("$$$(A)"), "$one");
    }

    #[test]
    fn references_are_recognised() {
        assert_eq!(sole_reference("$(PASSWORD)"), Some("PASSWORD"));
        assert_eq!(sole_reference("$(USER):$(PASSWORD)"), None);
        assert!(has_reference("redis://$(USER)"));
        assert!(!has_reference("costs $5"));
    }
}
