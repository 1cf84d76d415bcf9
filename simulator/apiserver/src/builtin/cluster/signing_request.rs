//! Requests for certificates: what is asked for, who decided how, and what was signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Tree;
use crate::builtin::check::{complain, list, one_of, text};
use crate::builtin::internal;
use crate::builtin::pem;
use crate::builtin::rules::Write;
use crate::names;
use crate::schema::{Faults, Path};

const USAGES: [&str; 23] = [
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
];

pub(in crate::builtin) fn check(write: &Write<'_>, faults: &mut Faults) {
    if write.changed(&["spec"]) {
        spec(write.part(&["spec"]), faults);
    }
    if write.changed(&["status"]) {
        conditions(write, faults);
        let certificate = bytes(write.new, &["status", "certificate"]);
        let same =
            write.old.is_some_and(|old| bytes(old, &["status", "certificate"]) == certificate);
        if !same && let Some(why) = no_certificate(&certificate) {
            let status = Path::Root.field("status");
            faults.invalid(status.field("certificate"), "<certificate data>", &why);
        }
    }
}

fn bytes(tree: &Tree, path: &[&str]) -> Vec<u8> {
    STANDARD.decode(tree.str_at(path).unwrap_or_default()).unwrap_or_default()
}

fn spec(spec: &Tree, faults: &mut Faults) {
    let at = Path::Root.field("spec");
    if let Some(why) = no_request(&bytes(spec, &["request"])) {
        let shown = spec.get("request").cloned().unwrap_or_default();
        faults.invalid(at.field("request"), shown, &why);
    }
    let all = at.field("usages");
    let usages = list(spec, "usages");
    if usages.is_empty() {
        faults.required(all, "");
    }
    for (index, usage) in usages.iter().enumerate() {
        if !usage.as_str().is_some_and(|usage| USAGES.contains(&usage)) {
            faults.not_supported(all.index(index), usage, &USAGES);
        }
    }
    for (index, usage) in usages.iter().enumerate() {
        if usages[..index].contains(usage) {
            faults.duplicate(all.index(index), usage);
        }
    }
    let place = at.field("signerName");
    match text(spec, "signerName") {
        name @ "kubernetes.io/legacy-unknown" => {
            faults.invalid(
                place,
                name,
                "the legacy signerName is not allowed via this API version",
            );
        }
        name => signer(name, place, faults),
    }
    if let Some(seconds) = spec.int_at(&["expirationSeconds"]).filter(|seconds| *seconds < 600) {
        let why = "may not specify a duration less than 600 seconds (10 minutes)";
        faults.invalid(at.field("expirationSeconds"), seconds, why);
    }
}

/// `example.com/who`.
fn signer(name: &str, at: Path<'_>, faults: &mut Faults) {
    const LONGEST_DOMAIN: usize = 253;
    const LONGEST: usize = LONGEST_DOMAIN + 1 + 253 + 63 + 1;
    if name.is_empty() {
        return faults.required(at, "");
    }
    let &[domain, path] = &*name.split('/').collect::<Vec<_>>() else {
        let why = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
        return faults.invalid(at, name, why);
    };
    if domain.len() > LONGEST_DOMAIN {
        faults.too_long(at, LONGEST_DOMAIN);
    }
    let complaints = first_bad(domain, names::dns_label);
    complain(faults, at, domain, complaints);
    if !domain.contains('.') {
        let why = "should be a domain with at least two segments separated by dots";
        faults.invalid(at, domain, why);
    }
    let complaints = first_bad(path, names::dns_subdomain);
    complain(faults, at, path, complaints);
    if name.len() > LONGEST {
        faults.too_long(at, LONGEST);
    }
}

/// What is said of the first of the labels between dots that has not the form.
fn first_bad(labels: &str, form: fn(&str) -> Vec<String>) -> Vec<String> {
    let said = labels.split('.').map(|label| (label, form(label)));
    let bad = said.into_iter().find(|(_, complaints)| !complaints.is_empty());
    let (label, complaints) = bad.unwrap_or_default();
    complaints.iter().map(|why| format!("validating label {label:?}: {why}")).collect()
}

/// Why it is no request for a certificate. Who signed it is not looked at.
fn no_request(bytes: &[u8]) -> Option<String> {
    const FORM: &str = "{optional:false explicit:false application:false private:false defaultValue:<nil> tag:<nil> stringType:0 timeType:0 set:false omitEmpty:false}";
    let text = String::from_utf8_lossy(bytes);
    let block = pem::decode(&text).map(|(block, _)| block);
    let Some(block) = block.filter(|block| block.kind == "CERTIFICATE REQUEST") else {
        return Some("PEM block type must be CERTIFICATE REQUEST".to_owned());
    };
    match pem::value(&block.bytes) {
        Err(why) => Some(format!("asn1: {why}")),
        Ok((pem::SEQUENCE, _, [])) => None,
        Ok((pem::SEQUENCE, ..)) => Some("asn1: syntax error: trailing data".to_owned()),
        Ok((tag, inner, _)) => {
            let (class, number, compound) = (tag >> 6, tag & 0x1f, tag & 0x20 != 0);
            let length = inner.len();
            Some(format!(
                "asn1: structure error: tags don't match (16 vs {{class:{class} tag:{number} length:{length} isCompound:{compound}}}) {FORM} certificateRequest @2"
            ))
        }
    }
}

/// Why what is there is no chain of certificates. Nothing is none.
fn no_certificate(bytes: &[u8]) -> Option<String> {
    if bytes.is_empty() {
        return None;
    }
    let text = String::from_utf8_lossy(bytes);
    let mut count = 0;
    for block in pem::blocks(&text) {
        count += 1;
        if block.kind != "CERTIFICATE" {
            return Some(format!(
                "only CERTIFICATE PEM blocks are allowed, found {:?}",
                block.kind
            ));
        }
        if block.has_headers {
            return Some("no PEM block headers are permitted".to_owned());
        }
        if block.bytes.is_empty() {
            return Some("found CERTIFICATE PEM block containing 0 certificates".to_owned());
        }
        let Ok((pem::SEQUENCE, inner, _)) = pem::value(&block.bytes) else {
            return Some("x509: malformed certificate".to_owned());
        };
        if !matches!(pem::value(inner), Ok((pem::SEQUENCE, ..))) {
            return Some("x509: malformed tbs certificate".to_owned());
        }
    }
    (count == 0).then(|| "must contain at least one CERTIFICATE PEM block".to_owned())
}

const CONDITIONS: [&str; 2] = ["status", "conditions"];

fn of(tree: &Tree) -> &[Tree] {
    tree.at(&CONDITIONS).map_or(&[][..], Tree::items)
}

/// What was wrong before stays as it was.
fn conditions(write: &Write<'_>, faults: &mut Faults) {
    const BOTH: &str = "Approved and Denied conditions are mutually exclusive";
    let status = Path::Root.field("status");
    let all = status.field("conditions");
    let (now, was) = (of(write.new), write.old.map_or(&[][..], of));
    let has = |all: &[Tree], kind: &str| all.iter().any(|one| text(one, "type") == kind);
    let twice = |index: usize, all: &[Tree]| has(&all[..index], text(&all[index], "type"));
    let had_nameless = has(was, "");
    let had_both = has(was, "Approved") && has(was, "Denied");
    let had_twice = (0..was.len()).any(|index| twice(index, was));
    for (index, condition) in now.iter().enumerate() {
        let at = all.index(index);
        let kind = text(condition, "type");
        if kind.is_empty() && !had_nameless {
            faults.required(at.field("type"), "");
        }
        let only_true = matches!(kind, "Approved" | "Denied" | "Failed");
        let known: &[&str] = if only_true { &["True"] } else { &["False", "True", "Unknown"] };
        if text(condition, "status").is_empty() {
            faults.required(at.field("status"), "");
        } else {
            one_of(faults, condition, "status", &at, known);
        }
        let other = match kind {
            "Approved" => "Denied",
            "Denied" => "Approved",
            _ => "",
        };
        if !had_both && !other.is_empty() && has(&now[..index], other) {
            faults.invalid(all, kind, BOTH);
        }
        if !had_twice && twice(index, now) {
            faults.duplicate(at.field("type"), kind);
        }
    }
}

/// What each way in may change of a verdict and of what was signed.
pub(in crate::builtin) fn kept(write: &Write<'_>, faults: &mut Faults) {
    let Some(old) = write.old else { return };
    let status = Path::Root.field("status");
    let all = status.field("conditions");
    let of_type = |tree: &Tree, kind: &str| -> Vec<Tree> {
        of(tree).iter().filter(|one| text(one, "type") == kind).cloned().collect()
    };
    for kind in ["Approved", "Denied", "Failed"] {
        if of_type(write.new, kind).len() < of_type(old, kind).len() {
            let why = format!("updates may not remove a condition of type {kind:?}");
            faults.forbidden(all, &why);
        }
    }
    let verdicts: &[&str] =
        if write.subresource == Some("approval") { &[] } else { &["Approved", "Denied"] };
    for kind in verdicts {
        let (now, was) = (of_type(write.new, kind), of_type(old, kind));
        if now.len() > was.len() {
            let why = format!("updates may not add a condition of type {kind:?}");
            faults.forbidden(all, &why);
        } else if now.len() == was.len() && now != was {
            let name = "[]certificates.CertificateSigningRequestCondition";
            let diff = internal::diff(name, &Tree::list(was), &Tree::list(now));
            let why = format!("updates may not modify a condition of type {kind:?}\n{diff}");
            faults.forbidden(all, &why);
        }
    }
    let (now, was) =
        (bytes(write.new, &["status", "certificate"]), bytes(old, &["status", "certificate"]));
    let at = status.field("certificate");
    if now != was && write.subresource != Some("status") {
        faults.forbidden(at, "updates may not set certificate content");
    } else if now != was && !was.is_empty() {
        faults.forbidden(at, "updates may not modify existing certificate content");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signer_has_a_domain_and_a_path() {
        let said = |name: &str| {
            let mut faults = Faults::default();
            signer(name, Path::Root.field("signerName"), &mut faults);
            faults.0.len()
        };

        assert_eq!(said("example.com/who"), 0);
        assert_eq!(["", "a", "a/b", "A.b/C", "a.b/c/d"].map(said), [1, 1, 1, 2, 1]);
    }

    #[test]
    fn what_is_no_pem_is_no_request() {
        assert!(no_request(b"x").is_some());
        assert!(
            no_request(
                b"-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n"
            )
            .is_none()
        );
    }
}
