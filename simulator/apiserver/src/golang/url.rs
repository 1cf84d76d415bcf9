//! URLs as Go's net/url reads them, and what it says of those that it cannot read.

use super::quote;

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Url<'t> {
    /// In lower case; empty if there is none.
    pub scheme: String,
    /// `name:password`, if anything stands before an `@`.
    pub user: Option<&'t str>,
    /// With its port.
    pub host: &'t str,
    /// As it is written: with its escapes.
    pub path: &'t str,
    pub query: &'t str,
    pub fragment: &'t str,
}

/// Who is named before an `@`, as Go writes it: in each part escaped is what has a meaning there.
pub(crate) fn user(stated: &str) -> String {
    let (name, password) = stated.split_once(':').unwrap_or((stated, ""));
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~$&+,;=".contains(&byte);
    let written = |text: &str| {
        let mut out = String::new();
        let mut rest = text.as_bytes();
        while let [first, after @ ..] = rest {
            let escape = after.get(..2).filter(|_| *first == b'%');
            let read = escape
                .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
            let byte = read.unwrap_or(*first);
            rest = if read.is_some() { &after[2..] } else { after };
            if fits(byte) {
                out.push(char::from(byte));
            } else {
                out += &format!("%{byte:02X}");
            }
        }
        out
    };
    let colon = if stated.contains(':') { ":" } else { "" };
    format!("{}{colon}{}", written(name), written(password))
}

/// `Err` in Go's words.
pub(crate) fn parse(text: &str) -> Result<Url<'_>, String> {
    let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
    let url = before_fragment(rest).map_err(|why| format!("parse {}: {why}", quote(rest)))?;
    escapes(fragment, |_| true).map_err(|why| format!("parse {}: {why}", quote(text)))?;
    Ok(Url { fragment, ..url })
}

/// That a text is what a request may ask for: a path, or a URL that begins with a scheme. It has no fragment. `Err` in
/// Go's words.
pub(crate) fn check_request(text: &str) -> Result<(), String> {
    let check = || {
        // What follows from the lack of a scheme is not looked at.
        before_fragment(text)
            .map_err(|why| if why == FIRST_COLON { BAD_REQUEST.to_owned() } else { why })?;
        let (scheme, rest) = scheme(text)?;
        if text.is_empty() {
            return Err("empty url".to_owned());
        }
        let is_good = text == "*" || rest.starts_with('/') || !scheme.is_empty();
        if is_good { Ok(()) } else { Err(BAD_REQUEST.to_owned()) }
    };
    check().map_err(|why| format!("parse {}: {why}", quote(text)))
}

const BAD_REQUEST: &str = "invalid URI for request";
const FIRST_COLON: &str = "first path segment in URL cannot contain colon";

fn before_fragment(text: &str) -> Result<Url<'_>, String> {
    if text.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
        return Err("net/url: invalid control character in URL".to_owned());
    }
    let (scheme, rest) = scheme(text)?;
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut url = Url { scheme: scheme.to_lowercase(), query, ..Url::default() };
    if !rest.starts_with('/') {
        let first = rest.split('/').next().unwrap_or_default();
        return if scheme.is_empty() && first.contains(':') {
            Err(FIRST_COLON.to_owned())
        } else if scheme.is_empty() {
            url.path = rest;
            escapes(rest, |_| true).map(|()| url)
        } else {
            Ok(url)
        };
    }
    let has_authority = !scheme.is_empty() || !rest.starts_with("///");
    let mut path = rest;
    if let Some(authority) = rest.strip_prefix("//").filter(|_| has_authority) {
        let end = authority.find('/').unwrap_or(authority.len());
        path = &authority[end..];
        let authority = &authority[..end];
        (url.user, url.host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        host(url.host)?;
        userinfo(url.user.unwrap_or_default())?;
    }
    url.path = path;
    escapes(path, |_| true).map(|()| url)
}

fn scheme(text: &str) -> Result<(&str, &str), String> {
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at == 0 => return Err("missing protocol scheme".to_owned()),
            b':' => return Ok((&text[..at], &text[at + 1..])),
            _ => break,
        }
    }
    Ok(("", text))
}

fn userinfo(user: &str) -> Result<(), String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&byte);
    if user.bytes().all(fits) {
        escapes(user, |_| true)
    } else {
        Err("net/url: invalid userinfo".to_owned())
    }
}

fn host(host: &str) -> Result<(), String> {
    let port = if host.starts_with('[') {
        let end = host.rfind(']').ok_or("missing ']' in host")?;
        &host[end + 1..]
    } else {
        host.rfind(':').map_or("", |at| &host[at..])
    };
    let digits = port.strip_prefix(':').unwrap_or_default();
    let is_port = port.starts_with(':') && digits.bytes().all(|b| b.is_ascii_digit());
    if !(port.is_empty() || is_port) {
        return Err(format!("invalid port {} after host", quote(port)));
    }
    // In a host only what is no ASCII is escaped, and the percent sign itself.
    escapes(host, |escape| escape == "%25" || matches!(escape.as_bytes()[1], b'8'..))?;
    let fits = |sign: char| {
        !sign.is_ascii() || sign.is_ascii_alphanumeric() || "-_.~!$&'()*+,;=:[]<>\"%".contains(sign)
    };
    match host.chars().find(|sign| !fits(*sign)) {
        Some(sign) => Err(format!("invalid character {} in host name", quote(&sign.to_string()))),
        None => Ok(()),
    }
}

/// That each percent sign begins an escape, of a kind that is good here.
fn escapes(text: &str, is_good: impl Fn(&str) -> bool) -> Result<(), String> {
    for (at, _) in text.match_indices('%') {
        let digits = text.as_bytes()[at + 1..].iter().take(2).take_while(|b| b.is_ascii_hexdigit());
        if digits.count() < 2 || !is_good(&text[at..at + 3]) {
            let shown: String = text[at..].chars().take(3).collect();
            return Err(format!("invalid URL escape {}", quote(&shown)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_or_told_why_it_cannot_be() {
        for (text, why) in [
            (":bad", "parse \":bad\": missing protocol scheme"),
            ("https://a b/%zz", "parse \"https://a b/%zz\": invalid character \" \" in host name"),
            ("https://[::1", "parse \"https://[::1\": missing ']' in host"),
            ("https://host:abc", "parse \"https://host:abc\": invalid port \":abc\" after host"),
            ("https://a/%zz#b", "parse \"https://a/%zz\": invalid URL escape \"%zz\""),
        ] {
            assert_eq!(parse(text), Err(why.to_owned()));
        }
        let url = parse("HTTP://u:p@h:1/x?a#b").expect("a URL");
        assert_eq!(user("u:p:q"), "u:p%3Aq");
        assert_eq!((&*url.scheme, url.user, url.host), ("http", Some("u:p"), "h:1"));
        assert_eq!((url.query, url.fragment), ("a", "b"));
    }
}
