//! Patterns of definition names: a name, a prefix of one, or a regular expression.

/// Whether `name` is what `pattern` means. An expression that is none matches nothing more than
/// the text it is.
pub fn matches(pattern: &str, name: &str) -> bool {
    if name.starts_with(pattern) {
        return !pattern.is_empty();
    }
    // By far the most patterns are of this form, and need no machine.
    if let Some(prefix) = pattern.strip_prefix('^').filter(|rest| !is_expression(rest)) {
        return name.starts_with(prefix);
    }
    is_expression(pattern)
        && regex_lite::Regex::new(pattern).is_ok_and(|regex| regex.is_match(name))
}

/// Whether a pattern is one: a plain name, or an expression that compiles.
pub fn is_valid(pattern: &str) -> bool {
    !is_expression(pattern) || regex_lite::Regex::new(pattern).is_ok()
}

/// What makes a name an expression. A dot does not: versions have dots.
fn is_expression(pattern: &str) -> bool {
    pattern.contains(['^', '$', '*', '+', '?', '(', ')', '[', ']', '{', '}', '|', '\\'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_prefix_or_an_expression() {
        assert!(matches("redis-7-1.0", "redis-7-1.0"));
        assert!(matches("redis-7", "redis-7-1.0"));
        assert!(matches("^redis-7", "redis-7-1.0"));
        assert!(matches("^redis-[0-9]+-.*$", "redis-7-1.0"));
        assert!(matches("^(redis|valkey)-", "valkey-8"));
        assert!(!matches("redis-7", "redis-sentinel-7"));
        assert!(!matches("^redis-8", "redis-7-1.0"));
        assert!(!matches("[", "redis"));
        assert!(!matches("", "redis"));
        assert!(is_valid("redis-7.0") && is_valid("^redis-\\d+") && !is_valid("["));
    }
}
