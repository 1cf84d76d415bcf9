//! URLs: `url(self.endpoint).getScheme() == 'https'`.

use std::collections::BTreeMap;
use std::sync::Arc;

use cel::common::types::Type;
use cel::common::value::CowVal;
use cel::objects::{Key, Map, Opaque};
use cel::{DeclarationError, Env, Value};

use super::{Given, Made, Readable, member, own, reader, string};
use crate::golang::url;
use crate::names::Faults;

/// Two are the same if they are written the same, but for their scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Url {
    scheme: String,
    /// With its port.
    host: String,
    /// As it was written.
    path: String,
    query: String,
    /// What follows the scheme.
    rest: String,
}

impl Opaque for Url {
    fn runtime_type_name(&self) -> &'static str {
        "kubernetes.URL"
    }
}

pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    let kind = || Type::new_opaque_type("kubernetes.URL");
    reader::<Url>(env, "url", "isURL")?;
    member(env, "getScheme", vec![kind()], |given| string(own::<Url>(&given, 0)?.scheme))?;
    member(env, "getHost", vec![kind()], |given| string(own::<Url>(&given, 0)?.host))?;
    member(env, "getHostname", vec![kind()], |given| {
        string(own::<Url>(&given, 0)?.parts().0.to_owned())
    })?;
    member(env, "getPort", vec![kind()], |given| {
        string(own::<Url>(&given, 0)?.parts().1.to_owned())
    })?;
    member(env, "getEscapedPath", vec![kind()], escaped_path)?;
    member(env, "getQuery", vec![kind()], query)
}

/// What is wrong with what should be a URL.
pub(super) fn faults(text: &str) -> Faults {
    url::check_request(text).err().into_iter().collect()
}

impl Readable for Url {
    fn read(text: &str) -> Result<Self, String> {
        let url = url::check_request(text).and_then(|()| url::parse(text));
        let url =
            url.map_err(|why| format!("URL parse error during conversion from string: {why}"))?;
        let rest = if url.scheme.is_empty() { text } else { &text[url.scheme.len() + 1..] };
        Ok(Self {
            host: text_of(&unescaped(url.host)),
            path: url.path.to_owned(),
            query: url.query.to_owned(),
            rest: rest.to_owned(),
            scheme: url.scheme,
        })
    }

    /// One whose fragment is bad is one all the same, but cannot be made.
    fn is(text: &str) -> bool {
        url::check_request(text).is_ok()
    }
}

impl Url {
    /// The name of the host, and its port.
    fn parts(&self) -> (&str, &str) {
        let end = self.host.rfind(']').map_or(0, |at| at + 1);
        let (name, port) = match self.host[end..].rfind(':') {
            Some(at) => (&self.host[..end + at], &self.host[end + at + 1..]),
            None => (&*self.host, ""),
        };
        let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
        (bare.unwrap_or(name), port)
    }
}

/// The bytes that a text stands for. It has no bad escapes.
fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let digits = after.get(..2).filter(|_| *first == b'%');
        let read =
            digits.and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        bytes.push(read.unwrap_or(*first));
        rest = if read.is_some() { &after[2..] } else { after };
    }
    bytes
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What stands in a query: spaces are `+` there. Nothing if an escape is bad.
fn value(text: &str) -> Option<String> {
    let is_escape = |at: usize| {
        let digits = text.as_bytes().get(at + 1..at + 3);
        digits.is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit))
    };
    let is_good = text.match_indices('%').all(|(at, _)| is_escape(at));
    is_good.then(|| text_of(&unescaped(&text.replace('+', " "))))
}

/// As it was written if that is good, otherwise with all escaped that Go escapes.
fn escaped_path<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    let path = own::<Url>(&given, 0)?.path;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@".contains(&byte);
    if path == "*" || path.bytes().all(|byte| is_plain(byte) || b"!'()*[]%".contains(&byte)) {
        return string(path);
    }
    let mut escaped = String::new();
    for byte in unescaped(&path) {
        if is_plain(byte) {
            escaped.push(char::from(byte));
        } else {
            escaped += &format!("%{byte:02X}");
        }
    }
    string(escaped)
}

fn query<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    let query = own::<Url>(&given, 0)?.query;
    let mut all = BTreeMap::<String, Vec<String>>::new();
    for part in query.split('&').filter(|part| !part.is_empty() && !part.contains(';')) {
        let (name, stated) = part.split_once('=').unwrap_or((part, ""));
        if let Some((name, stated)) = value(name).zip(value(stated)) {
            all.entry(name).or_default().push(stated);
        }
    }
    let entry = |(name, values): (String, Vec<String>)| {
        let values = values.into_iter().map(Value::from).collect();
        (Key::from(name), Value::List(Arc::new(values)))
    };
    let all = Map { map: Arc::new(all.into_iter().map(entry).collect()) };
    Ok(CowVal::Owned(Box::try_from(Value::Map(all))?))
}
