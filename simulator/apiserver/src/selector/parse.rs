//! The grammar of selectors, with Kubernetes' words for what is wrong.

use super::{Requirement, Term, Test};
use crate::names;
use crate::status::Status;

pub(super) fn labels(selector: &str, minor: u32) -> Result<Vec<Requirement>, Status> {
    let mut tokens = Tokens::new(selector);
    let mut requirements = Vec::new();
    loop {
        match tokens.peek() {
            "" => return Ok(requirements),
            found if found != "!" && !is_word(found) => {
                return refused(&unexpected(found, "!, identifier, or 'end of string'"));
            }
            _ => {}
        }
        match requirement(&mut tokens, minor) {
            Ok(requirement) => requirements.push(requirement),
            Err(fault) => return refused(&format!("unable to parse requirement: {fault}")),
        }
        match (tokens.next(), tokens.peek()) {
            ("", _) => return Ok(requirements),
            (",", next) if next == "!" || is_word(next) => {}
            (",", found) => return refused(&unexpected(found, "identifier after ','")),
            (found, _) => return refused(&unexpected(found, "',' or 'end of string'")),
        }
    }
}

fn requirement(tokens: &mut Tokens<'_>, minor: u32) -> Result<Requirement, String> {
    let absent = tokens.peek() == "!";
    if absent {
        tokens.next();
    }
    let key = tokens.next();
    if !is_word(key) {
        return Err(unexpected(key, "identifier"));
    }
    if let Some(fault) = names::qualified_name(key).first() {
        // A path that nobody gave, as Go prints it.
        let place = if minor < 24 { "key" } else { "<nil>" };
        return Err(invalid(place, key, fault));
    }
    let key = key.to_owned();
    if absent {
        return Ok(Requirement { key, test: Test::Absent });
    }
    if matches!(tokens.peek(), "" | ",") {
        return Ok(Requirement { key, test: Test::Exists });
    }
    let test = match tokens.next() {
        "=" | "==" => Test::In(vec![exact(tokens)?]),
        "!=" => Test::NotIn(vec![exact(tokens)?]),
        "in" => Test::In(values(tokens)?),
        "notin" => Test::NotIn(values(tokens)?),
        ">" => Test::Above(number(tokens)?),
        "<" => Test::Below(number(tokens)?),
        found if minor < 24 => return Err(unexpected(found, "'=', '!=', '==', 'in', notin'")),
        found => return Err(unexpected(found, "in, notin, =, ==, !=, gt, lt")),
    };
    let (Test::In(values) | Test::NotIn(values)) = &test else {
        return Ok(Requirement { key, test });
    };
    for (at, value) in values.iter().enumerate() {
        if let Some(fault) = names::label_value(value).first() {
            return Err(invalid(&format!("values[{at}][{key}]"), value, fault));
        }
    }
    Ok(Requirement { key, test })
}

/// A set: `(a, b)`. Without an end or with nothing between commas a value is empty.
fn values(tokens: &mut Tokens<'_>) -> Result<Vec<String>, String> {
    match tokens.next() {
        "(" => {}
        found => return Err(format!("found '{found}' expected: '('")),
    }
    let mut values = std::collections::BTreeSet::new();
    if tokens.peek() == ")" {
        tokens.next();
        return Ok(vec![String::new()]);
    }
    if tokens.peek() != "," && !is_word(tokens.peek()) {
        return Err(unexpected(tokens.peek(), "',', ')' or identifier"));
    }
    loop {
        match tokens.next() {
            "," => {
                if values.is_empty() {
                    values.insert(String::new());
                }
                match tokens.peek() {
                    ")" => drop(values.insert(String::new())),
                    "," => {
                        tokens.next();
                        values.insert(String::new());
                    }
                    _ => {}
                }
            }
            ")" => return Ok(values.into_iter().collect()),
            found if is_word(found) => {
                values.insert(found.to_owned());
                if !matches!(tokens.peek(), "," | ")") {
                    return Err(unexpected(tokens.peek(), "',' or ')'"));
                }
            }
            found => return Err(unexpected(found, "',', or identifier")),
        }
    }
}

/// A value, which may be empty: `a=,b`.
fn exact(tokens: &mut Tokens<'_>) -> Result<String, String> {
    if matches!(tokens.peek(), "" | ",") {
        return Ok(String::new());
    }
    match tokens.next() {
        found if is_word(found) => Ok(found.to_owned()),
        found => Err(unexpected(found, "identifier")),
    }
}

fn number(tokens: &mut Tokens<'_>) -> Result<i64, String> {
    let value = exact(tokens)?;
    value.parse().map_err(|_| {
        let fault = "for 'Gt', 'Lt' operators, the value must be an integer";
        invalid("values[0]", &value, fault)
    })
}

fn refused<T>(why: &str) -> Result<T, Status> {
    Err(Status::bad_request(why))
}

fn unexpected(found: &str, expected: &str) -> String {
    format!("found '{found}', expected: {expected}")
}

fn invalid(place: &str, value: &str, fault: &str) -> String {
    format!("{place}: Invalid value: {value:?}: {fault}")
}

fn is_word(token: &str) -> bool {
    !token.is_empty() && !token.starts_with(['(', ')', ',', '=', '!', '<', '>'])
}

struct Tokens<'a>(&'a str);

impl<'a> Tokens<'a> {
    fn new(selector: &'a str) -> Self {
        Self(selector)
    }

    /// The next token; empty at the end.
    fn next(&mut self) -> &'a str {
        let rest = self.0.trim_start_matches([' ', '\t', '\r', '\n']);
        let special = |c: char| {
            matches!(c, '(' | ')' | ',' | '=' | '!' | '<' | '>' | ' ' | '\t' | '\r' | '\n')
        };
        let length = if rest.starts_with("==") || rest.starts_with("!=") {
            2
        } else if rest.starts_with(special) {
            1
        } else {
            rest.find(special).unwrap_or(rest.len())
        };
        let (token, rest) = rest.split_at(length);
        self.0 = rest;
        token
    }

    fn peek(&self) -> &'a str {
        Tokens(self.0).next()
    }
}

pub(super) fn fields(selector: &str) -> Result<Vec<Term>, Status> {
    split(selector).into_iter().filter(|term| !term.is_empty()).map(term).collect()
}

/// At the commas that are not escaped.
fn split(selector: &str) -> Vec<&str> {
    let mut terms = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (at, c) in selector.char_indices() {
        if c == ',' && !escaped {
            terms.push(&selector[start..at]);
            start = at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    terms.push(&selector[start..]);
    terms
}

fn term(term: &str) -> Result<Term, Status> {
    let invalid =
        || Status::bad_request(format!("invalid selector: '{term}'; can't understand '{term}'"));
    let at = term.find(['=', '!']).ok_or_else(invalid)?;
    let (path, rest) = term.split_at(at);
    let (equal, value) = if let Some(value) = rest.strip_prefix("!=") {
        (false, value)
    } else if let Some(value) = rest.strip_prefix("==").or_else(|| rest.strip_prefix('=')) {
        (true, value)
    } else {
        return Err(invalid());
    };
    let mut unescaped = String::with_capacity(value.len());
    let mut escaped = false;
    for c in value.chars() {
        if c == '\\' && !escaped {
            escaped = true;
        } else {
            escaped = false;
            unescaped.push(c);
        }
    }
    Ok(Term { path: path.to_owned(), equal, value: unescaped })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asked of a Kubernetes 1.34.
    #[test]
    fn a_selector_that_cannot_be_read_is_refused_in_the_words_of_the_real_server() {
        for (selector, said) in [
            ("app in a", "unable to parse requirement: found 'a' expected: '('"),
            ("app notin (a", "unable to parse requirement: found '', expected: ',' or ')'"),
            ("app in (a b)", "unable to parse requirement: found 'b', expected: ',' or ')'"),
            (
                "app in (=)",
                "unable to parse requirement: found '=', expected: ',', ')' or identifier",
            ),
            (
                "app in (a,=)",
                "unable to parse requirement: found '=', expected: ',', or identifier",
            ),
            ("app===", "unable to parse requirement: found '=', expected: identifier"),
            ("app=a,,app", "found ',', expected: identifier after ','"),
            ("app,", "found '', expected: identifier after ','"),
            (",", "found ',', expected: !, identifier, or 'end of string'"),
            ("app=a b", "found 'b', expected: ',' or 'end of string'"),
            ("!app=a", "found '=', expected: ',' or 'end of string'"),
            ("!", "unable to parse requirement: found '', expected: identifier"),
            (
                "app foo",
                "unable to parse requirement: found 'foo', expected: in, notin, =, ==, !=, gt, lt",
            ),
            (
                "app>a",
                "unable to parse requirement: values[0]: Invalid value: \"a\": for 'Gt', 'Lt' operators, the value must be an integer",
            ),
        ] {
            let refusal = labels(selector, 34).expect_err(selector);
            assert_eq!(refusal.message, said, "{selector}");
        }
        let key = labels("-app", 34).expect_err("no key").message;
        assert!(
            key.starts_with(
                "unable to parse requirement: <nil>: Invalid value: \"-app\": name part"
            )
        );
        for selector in ["", "app in ()", "app in (a,,b)", "app in (,)", "in in (in)", "app=,b!="] {
            labels(selector, 34).expect(selector);
        }
    }
}
