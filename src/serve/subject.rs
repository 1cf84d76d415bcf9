//! The user that a certificate names: its common name, and its organizations as groups. Whether the certificate is
//! good has been looked at before.

use drydock_apiserver::User;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_IDENTIFIER: u8 = 0x06;
const EXPLICIT_VERSION: u8 = 0xa0;
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0a];

/// None for what is no certificate, or one without a name.
pub fn user(certificate: &[u8]) -> Option<User> {
    let (_, whole, _) = element(certificate, SEQUENCE)?;
    let (_, signed, _) = element(whole, SEQUENCE)?;
    // Version, serial number, algorithm, issuer, validity; then the subject.
    let mut rest = signed;
    if rest.first() == Some(&EXPLICIT_VERSION) {
        rest = any(rest)?.2;
    }
    for _ in 0..4 {
        rest = any(rest)?.2;
    }
    let (_, mut names, _) = element(rest, SEQUENCE)?;
    let mut user = User::new("", [""; 0]);
    while !names.is_empty() {
        let (_, set, after) = element(names, SET)?;
        names = after;
        let (_, pair, _) = element(set, SEQUENCE)?;
        let (_, what, value) = element(pair, OBJECT_IDENTIFIER)?;
        let text = String::from_utf8(any(value)?.1.to_vec()).ok()?;
        match what {
            COMMON_NAME => user.name = text.into(),
            ORGANIZATION => user.groups.push(text.into()),
            _ => {}
        }
    }
    if user.name.is_empty() {
        return None;
    }
    user.groups.push("system:authenticated".into());
    Some(user)
}

type Element<'a> = (u8, &'a [u8], &'a [u8]);

fn element(bytes: &[u8], tag: u8) -> Option<Element<'_>> {
    any(bytes).filter(|(found, ..)| *found == tag)
}

/// The first element of DER: its tag, what is in it, and what comes after it.
fn any(bytes: &[u8]) -> Option<Element<'_>> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 4 {
            return None;
        }
        let (digits, rest) = rest.split_at_checked(count)?;
        (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), rest)
    };
    let (inside, after) = rest.split_at_checked(length)?;
    Some((tag, inside, after))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::user;

    #[test]
    fn a_certificate_names_its_user_and_their_groups() {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "jane");
        params.distinguished_name.push(DnType::OrganizationName, "dev");
        let certificate = params.self_signed(&key).expect("a certificate");

        let user = user(certificate.der()).expect("it has a name");

        assert_eq!(user.name, "jane");
        assert_eq!(user.groups, ["dev", "system:authenticated"]);
    }

    #[test]
    fn what_is_cut_off_names_nobody() {
        let key = KeyPair::generate().expect("a key");
        let certificate = CertificateParams::default().self_signed(&key).expect("a certificate");
        for length in 0..120 {
            assert_eq!(user(&certificate.der()[..length]), None);
        }
    }
}
