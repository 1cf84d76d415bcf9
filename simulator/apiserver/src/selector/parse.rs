//! The grammar of selectors, with Kubernetes' words for what is wrong.

use super::{Requirement, Term, Test};
use crate::names;
use crate::status::Status;

pub(super) fn labels(selector: &str, minor: u32) -> Result<Vec<Requirement>, Status> {
    let mut tokens = Tokens::new(selector);
    let mut requirements = Vec::new();
    if tokens.peek().is_empty() {
        return Ok(requirements);
    }
    loop {
        requirements.push(requirement(&mut tokens, minor)?);
        match tokens.next() {
            "" => return Ok(requirements),
            "," => {}
            found => return unexpected(found, "',' or 'end of string'"),
        }
    }
}

fn requirement(tokens: &mut Tokens<'_>, minor: u32) -> Result<Requirement, Status> {
    let absent = tokens.peek() == "!";
    if absent {
        tokens.next();
    }
    let key = tokens.next();
    if !is_word(key) {
        return unexpected(key, "!, identifier, or ','");
    }
    let key = key.to_owned();
    if absent {
        return Ok(Requirement { key, test: Test::Absent });
    }
    if matches!(tokens.peek(), "" | ",") {
        return Ok(Requirement { key, test: Test::Exists });
    }
    let test = match tokens.next() {
        "=" | "==" => Test::In(vec![tokens.value()]),
        "!=" => Test::NotIn(vec![tokens.value()]),
        "in" => Test::In(values(tokens)?),
        "notin" => Test::NotIn(values(tokens)?),
        ">" => Test::Above(number(tokens, &key)?),
        "<" => Test::Below(number(tokens, &key)?),
        found if minor < 24 => return unexpected(found, "'=', '!=', '==', 'in', notin'"),
        found => return unexpected(found, "in, notin, =, ==, !=, gt, lt"),
    };
    check(&key, &test)?;
    Ok(Requirement { key, test })
}

/// Keys and values can only be those of labels.
fn check(key: &str, test: &Test) -> Result<(), Status> {
    let refuse = |field: String, value: &str, fault: &str| {
        Err(Status::bad_request(format!(
            "unable to parse requirement: {field}: Invalid value: {value:?}: {fault}"
        )))
    };
    if let Some(fault) = names::qualified_name(key).first() {
        return refuse("key".to_owned(), key, fault);
    }
    let (Test::In(values) | Test::NotIn(values)) = test else { return Ok(()) };
    for (at, value) in values.iter().enumerate() {
        if let Some(fault) = names::label_value(value).first() {
            return refuse(format!("values[{at}][{key}]"), value, fault);
        }
    }
    Ok(())
}

fn values(tokens: &mut Tokens<'_>) -> Result<Vec<String>, Status> {
    match tokens.next() {
        "(" => {}
        found => return unexpected(found, "'('"),
    }
    let mut values = vec![tokens.value()];
    loop {
        match tokens.next() {
            ")" => return Ok(values),
            "," => values.push(tokens.value()),
            found => return unexpected(found, "',' or ')'"),
        }
    }
}

fn number(tokens: &mut Tokens<'_>, key: &str) -> Result<i64, Status> {
    let value = tokens.value();
    value.parse().map_err(|_| {
        Status::bad_request(format!(
            "unable to parse requirement: values[0][{key}]: Invalid value: {value:?}: for 'Gt', 'Lt' operators, the value must be an integer"
        ))
    })
}

fn unexpected<T>(found: &str, expected: &str) -> Result<T, Status> {
    Err(Status::bad_request(format!(
        "unable to parse requirement: found '{found}', expected: {expected}"
    )))
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

    /// A value, which may be empty: `a=,b`.
    fn value(&mut self) -> String {
        if is_word(self.peek()) { self.next().to_owned() } else { String::new() }
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
