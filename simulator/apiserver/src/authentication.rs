//! Who somebody is, by the token they show: one that was handed out when the server began, or one that the server
//! made for a service account.
//!
//! A token of a service account is a JWT with the claims of the real server. What vouches for it is a keyed hash,
//! since nobody but the server that made it ever checks it.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jiff::Timestamp;

use crate::object::{Object, Tree};
use crate::request::User;
use crate::store::Server;

/// Who issues the tokens, and whom they are for if nobody else is named.
pub(crate) const ISSUER: &str = "https://kubernetes.default.svc";

const HEADER: &str = r#"{"alg":"BLAKE3","kid":"drydock"}"#;

/// What a server knows of the tokens that are good.
#[derive(Default)]
pub(crate) struct Keys {
    /// None: one that follows from the seed, which is no secret.
    signing: Option<[u8; 32]>,
    /// By the hash of the token.
    handed_out: BTreeMap<[u8; 32], User>,
}

/// Whose token was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    pub user: User,
    /// Whom the token is for, of those that were asked for.
    pub audiences: Vec<String>,
}

/// What a token of a service account is for.
pub(crate) struct Claims<'a> {
    pub account: &'a Object,
    pub audiences: Vec<String>,
    pub expires: Timestamp,
    /// A pod, secret or node, by the name of the claim, with which the token ends.
    pub bound: Option<(&'static str, String, String)>,
}

impl Server {
    /// Takes `token` for that of `user` from now on.
    pub fn hand_out(&mut self, token: &str, user: User) {
        let mut handed_out = self.keys.handed_out.clone();
        handed_out.insert(*blake3::hash(token.as_bytes()).as_bytes(), user);
        self.keys = Arc::new(Keys { signing: self.keys.signing, handed_out });
    }

    /// With what the tokens of service accounts are made. Who serves strangers must set a secret one.
    pub fn sign_with(&mut self, key: [u8; 32]) {
        let handed_out = self.keys.handed_out.clone();
        self.keys = Arc::new(Keys { signing: Some(key), handed_out });
    }

    /// Whose token it is. `audiences`: for whom it may be; for the server itself if nobody is named. `Err` says why it
    /// is not good.
    pub fn authenticate(
        &self,
        token: &str,
        audiences: &[&str],
        now: Timestamp,
    ) -> Result<Shown, String> {
        let own = [ISSUER];
        let audiences = if audiences.is_empty() { &own } else { audiences };
        let kept = |all: &[&str]| {
            let wanted = audiences.iter().filter(|audience| all.contains(audience));
            wanted.map(|audience| (*audience).to_owned()).collect::<Vec<_>>()
        };
        if let Some(user) = self.keys.handed_out.get(blake3::hash(token.as_bytes()).as_bytes()) {
            return Ok(Shown { user: authenticated(user.clone()), audiences: kept(&own) });
        }
        let invalid = || "invalid bearer token".to_owned();
        let (signed, signature) = token.rsplit_once('.').ok_or_else(invalid)?;
        let signature = BASE64.decode(signature).map_err(|_| invalid())?;
        // Comparing these hashes takes as long wherever they differ.
        if !blake3::Hash::from_slice(&signature).is_ok_and(|shown| shown == self.signature(signed))
        {
            return Err(invalid());
        }
        let claims = signed.split_once('.').and_then(|(_, claims)| BASE64.decode(claims).ok());
        let claims = claims.and_then(|json| Tree::from_json(&json).ok()).ok_or_else(invalid)?;
        let second = now.as_second();
        if claims.int_at(&["exp"]).is_none_or(|end| end <= second) {
            return Err("[invalid bearer token, service account token has expired]".to_owned());
        }
        let meant: Vec<&str> =
            claims.get("aud").into_iter().flat_map(Tree::items).filter_map(Tree::as_str).collect();
        let audiences_of = kept(&meant);
        if audiences_of.is_empty() {
            return Err(format!(
                "[invalid bearer token, token audiences {meant:?} is invalid for the target audiences {audiences:?}]"
            ));
        }
        let user = self.account(&claims).ok_or_else(|| {
            "[invalid bearer token, service account token has been invalidated]".to_owned()
        })?;
        Ok(Shown { user, audiences: audiences_of })
    }

    /// The user that a token's claims name, if what it is bound to is still there.
    fn account(&self, claims: &Tree) -> Option<User> {
        const OWN: &str = "kubernetes.io";
        let namespace = claims.str_at(&[OWN, "namespace"])?;
        let is_there = |claim: &str, kind: &str, namespace: &str| {
            let Some(bound) = claims.at(&[OWN, claim]) else { return Some(()) };
            let (name, uid) = (bound.str_at(&["name"])?, bound.str_at(&["uid"])?);
            let found = self.table(self.kind("", kind)?).get(namespace, name)?;
            (found.uid() == uid).then_some(())
        };
        is_there("serviceaccount", "ServiceAccount", namespace)?;
        is_there("pod", "Pod", namespace)?;
        is_there("secret", "Secret", namespace)?;
        is_there("node", "Node", "")?;
        let name = claims.str_at(&[OWN, "serviceaccount", "name"])?;
        let mut user = User::new(
            format!("system:serviceaccount:{namespace}:{name}"),
            ["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")],
        );
        claims.str_at(&[OWN, "serviceaccount", "uid"])?.clone_into(&mut user.uid);
        let mut extra = |key: &str, value: Option<&str>| {
            if let Some(value) = value {
                let key = format!("authentication.kubernetes.io/{key}");
                user.extra.insert(key, vec![value.to_owned()]);
            }
        };
        let jti = claims.str_at(&["jti"]).map(|id| format!("JTI={id}"));
        extra("credential-id", jti.as_deref());
        for what in ["node", "pod"] {
            extra(&format!("{what}-name"), claims.str_at(&[OWN, what, "name"]));
            extra(&format!("{what}-uid"), claims.str_at(&[OWN, what, "uid"]));
        }
        Some(authenticated(user))
    }

    pub(crate) fn new_token(&mut self, about: &Claims<'_>, now: Timestamp) -> String {
        let audiences = Tree::list(about.audiences.iter().map(|audience| Tree::from(&**audience)));
        let named =
            |name: &str, uid: &str| Tree::empty_map().with(&["name"], name).with(&["uid"], uid);
        let account = about.account;
        let mut own = Tree::empty_map()
            .with(&["namespace"], account.namespace())
            .with(&["serviceaccount"], named(account.name(), account.uid()));
        if let Some((what, name, uid)) = &about.bound {
            own = own.with(&[what], named(name, uid));
        }
        let (namespace, name) = (account.namespace(), account.name());
        let claims = Tree::empty_map()
            .with(&["aud"], audiences)
            .with(&["exp"], about.expires.as_second())
            .with(&["iat"], now.as_second())
            .with(&["iss"], ISSUER)
            .with(&["jti"], self.new_uid())
            .with(&["kubernetes.io"], own)
            .with(&["nbf"], now.as_second())
            .with(&["sub"], format!("system:serviceaccount:{namespace}:{name}"));
        let signed = format!("{}.{}", BASE64.encode(HEADER), BASE64.encode(claims.to_json()));
        let signature = BASE64.encode(self.signature(&signed).as_bytes());
        format!("{signed}.{signature}")
    }

    fn signature(&self, signed: &str) -> blake3::Hash {
        let key = self.keys.signing.unwrap_or_else(|| {
            blake3::derive_key("drydock service account tokens", &self.seed().to_le_bytes())
        });
        blake3::keyed_hash(&key, signed.as_bytes())
    }
}

/// A user who has shown who they are.
fn authenticated(mut user: User) -> User {
    if !user.is_in("system:authenticated") {
        user.groups.push("system:authenticated".into());
    }
    user
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Gvr, Profile, Request};

    fn account(server: &mut Server) -> Object {
        let resource = Gvr::new("", "v1", "serviceaccounts");
        let tree = Tree::empty_map().with(&["metadata", "name"], "a");
        let made =
            server.handle(&Request::create(resource, "default", tree), Timestamp::UNIX_EPOCH);
        made.done().and_then(|made| made.object().cloned()).expect("it is made")
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[test]
    fn a_token_is_good_until_it_expires_or_its_account_goes() {
        let mut server = Server::new(Profile::V1_34, 1);
        let account = account(&mut server);
        let claims = Claims {
            account: &account,
            audiences: vec![ISSUER.to_owned()],
            expires: at(600),
            bound: None,
        };
        let token = server.new_token(&claims, at(0));

        let shown = server.authenticate(&token, &[], at(599)).expect("it is good");
        assert_eq!(shown.user.name, "system:serviceaccount:default:a");
        assert!(shown.user.is_in("system:serviceaccounts:default"));
        assert!(server.authenticate(&token, &["vault"], at(599)).is_err());
        assert!(server.authenticate(&token, &[], at(600)).is_err());
        let resource = Gvr::new("", "v1", "serviceaccounts");
        server.handle(&Request::delete(resource, "default", "a"), at(1));
        assert!(server.authenticate(&token, &[], at(2)).is_err());
    }

    #[test]
    fn a_token_of_another_key_or_with_other_claims_is_not_good() {
        let mut server = Server::new(Profile::V1_34, 1);
        let account = account(&mut server);
        let claims = Claims {
            account: &account,
            audiences: vec![ISSUER.into()],
            expires: at(600),
            bound: None,
        };
        let token = server.new_token(&claims, at(0));
        let (signed, signature) = token.rsplit_once('.').expect("three parts");

        let forged = BASE64.encode(signed.replace("default", "system"));
        assert!(server.authenticate(&format!("{forged}.{signature}"), &[], at(1)).is_err());
        for odd in ["", ".", "..", "a.b.c", signed, "🦀.🦀.🦀"] {
            assert!(server.authenticate(odd, &[], at(1)).is_err(), "{odd:?}");
        }
        server.sign_with([7; 32]);
        assert!(server.authenticate(&token, &[], at(1)).is_err());
    }
}
