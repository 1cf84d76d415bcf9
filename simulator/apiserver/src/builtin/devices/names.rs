//! Names of pools, attributes and shares.

use crate::builtin::check::complain;
use crate::builtin::storage::sources;
use crate::names::dns_subdomain;
use crate::schema::{Faults, Path};

const LONGEST_POOL: usize = 253;
const LONGEST_ID: usize = 32;

/// As many parts as it likes.
pub(super) fn pool(name: &str, at: Path<'_>, faults: &mut Faults) {
    if name.is_empty() {
        return faults.required(at, "");
    }
    if name.len() > LONGEST_POOL {
        faults.too_long(at, LONGEST_POOL);
    }
    for part in name.split('/') {
        complain(faults, at, part, dns_subdomain(part));
    }
}

/// An identifier, maybe below a domain. The real server has nothing to say of more than two parts.
pub(super) fn qualified(name: &str, at: Path<'_>, faults: &mut Faults) {
    if name.is_empty() {
        return faults.required(at, "name required");
    }
    match name.split('/').collect::<Vec<_>>().as_slice() {
        [id] => identifier(id, at, faults),
        [domain, id] => {
            if domain.is_empty() {
                faults.required(at, "the domain must not be empty");
            } else {
                sources::driver(domain, at, faults);
            }
            if id.is_empty() {
                faults.required(at, "the name must not be empty");
            } else {
                identifier(id, at, faults);
            }
        }
        _ => {}
    }
}

/// The same, with a domain.
pub(super) fn fully_qualified(name: &str, at: Path<'_>, faults: &mut Faults) {
    qualified(name, at, faults);
    if !name.is_empty() && !name.contains('/') {
        faults.invalid_typed(at, name, "must include a domain");
    }
}

fn identifier(id: &str, at: Path<'_>, faults: &mut Faults) {
    const WHY: &str = "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')";
    if id.len() > LONGEST_ID {
        faults.too_long(at, LONGEST_ID);
    }
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if id.starts_with(|first: char| first.is_ascii_digit()) || !id.bytes().all(is_inner) {
        faults.invalid(at, id, WHY);
    }
}

/// The share of a device, in lowercase.
pub(super) fn share(uid: &str, at: Path<'_>, faults: &mut Faults) {
    if let Err(why) = uuid(uid) {
        faults.invalid(at, uid, &format!("error validating uid: {why}"));
    } else if uid.len() != 36 || uid != uid.to_lowercase() {
        faults.invalid(at, uid, "uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters");
    }
}

/// What is wrong with a UUID, which is written in one of four ways.
fn uuid(text: &str) -> Result<(), String> {
    const PREFIX: &str = "urn:uuid:";
    let invalid = || Err("invalid UUID format".to_owned());
    let bytes = text.as_bytes();
    let bare = match bytes.len() {
        36 => bytes,
        45 => {
            let (prefix, rest) = bytes.split_at(PREFIX.len());
            if !prefix.eq_ignore_ascii_case(PREFIX.as_bytes()) {
                let prefix = crate::golang::quote(&String::from_utf8_lossy(prefix));
                return Err(format!("invalid urn prefix: {prefix}"));
            }
            rest
        }
        38 => match bytes {
            [b'{', inner @ .., b'}'] => inner,
            _ => return Err("invalid bracketed UUID format".to_owned()),
        },
        32 => return if bytes.iter().all(u8::is_ascii_hexdigit) { Ok(()) } else { invalid() },
        length => return Err(format!("invalid UUID length: {length}")),
    };
    let fits = |(place, byte): (usize, &u8)| match place {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    if bare.iter().enumerate().all(fits) { Ok(()) } else { invalid() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_uuid_in_lowercase() {
        const UID: &str = "0f0f0f0f-aaaa-bbbb-cccc-0123456789ab";
        let said = |uid: &str| {
            let mut faults = Faults::default();
            share(uid, Path::Root, &mut faults);
            let bodies = faults.0.into_iter().map(|fault| fault.body);
            bodies
                .map(|body| body.split_once(": ").unwrap_or_default().1.replace(uid, "it"))
                .collect::<Vec<_>>()
        };

        assert_eq!(said(UID), Vec::<String>::new());
        for (uid, why) in [
            (
                UID.to_uppercase(),
                "uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters",
            ),
            (
                format!("{{{UID}}}"),
                "uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters",
            ),
            (format!("{UID}0"), "error validating uid: invalid UUID length: 37"),
            (format!("[{UID}]"), "error validating uid: invalid bracketed UUID format"),
            (format!("urn:uuix:{UID}"), "error validating uid: invalid urn prefix: \"urn:uuix:\""),
            (UID.replace('f', "g"), "error validating uid: invalid UUID format"),
        ] {
            assert_eq!(said(&uid), [format!("\"it\": {why}")], "{uid}");
        }
    }
}
