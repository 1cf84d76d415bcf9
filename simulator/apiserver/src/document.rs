//! What a server tells without being asked about objects: its version, its groups, its schemas.

use std::borrow::Cow;

use crate::accept::{self, Form, Media};
use crate::authentication::ISSUER;
use crate::object::Tree;
use crate::request::Answer;
use crate::status::Status;
use crate::store::Server;

/// An answer that is no object's.
#[derive(Debug)]
pub struct Document {
    pub code: u16,
    pub body: Vec<u8>,
    pub content_type: Option<Cow<'static, str>>,
    pub headers: Vec<(&'static str, String)>,
}

impl Document {
    pub(crate) fn empty(code: u16) -> Self {
        Self { code, body: Vec::new(), content_type: None, headers: Vec::new() }
    }

    /// `etag` changes when the document does.
    pub(crate) fn of(
        body: Vec<u8>,
        content_type: impl Into<Cow<'static, str>>,
        etag: &str,
    ) -> Self {
        let headers = vec![("etag", format!("{etag:?}")), ("vary", "Accept".to_owned())];
        Self { code: 200, body, content_type: Some(content_type.into()), headers }
    }

    fn told(answer: &Answer, code: u16, form: Form) -> Self {
        let (body, content_type) = form.body(answer);
        Self { code, body, content_type: Some(content_type.into()), headers: Vec::new() }
    }

    fn refused(status: Status, accept: &str) -> Self {
        let code = status.code;
        Self::told(&Answer::Status(status), code, Form::of_errors(accept))
    }
}

impl Server {
    /// What a GET of a path is answered with. `None` if it leads to no document.
    pub fn tell(&self, path: &str, query: &str, accept: &str) -> Option<Document> {
        if let Some(document) = self.openapi(path, query, accept) {
            return Some(document);
        }
        if let Some(document) = self.of_tokens(path, accept) {
            return Some(document);
        }
        let Some(tree) = self.document(path) else {
            return self.absent_document(path).map(|status| Document::refused(status, accept));
        };
        let minor = self.profile().minor;
        let root = path.trim_matches('/');
        if matches!(root, "api" | "apis")
            && let Some(wanted) = accept::aggregated(accept, minor)
        {
            let tree = self.aggregated(root == "api", wanted);
            return Some(aggregated(&tree, wanted.media, wanted.content_type()));
        }
        let media = match root {
            "" => Ok(Media::Json),
            "version" => accept::json_only(accept, minor),
            _ => accept::plain(accept, minor),
        };
        Some(match media {
            Ok(media) => Document::told(&Answer::Tree(tree), 200, Form::of_media(media)),
            Err(status) => Document::refused(status, accept),
        })
    }
}

const KEY_SET: &str = "application/jwk-set+json";

impl Server {
    /// What is told of the tokens of service accounts: who issues them, and that nobody but this server can check them.
    fn of_tokens(&self, path: &str, accept: &str) -> Option<Document> {
        let given = |tree: serde_json::Value, content_type: &'static str| Document {
            body: tree.to_string().into_bytes(),
            content_type: Some(content_type.into()),
            ..Document::empty(200)
        };
        match path {
            "/.well-known/openid-configuration" => Some(given(
                serde_json::json!({
                    "issuer": ISSUER,
                    "jwks_uri": "https://127.0.0.1:6443/openid/v1/jwks",
                    "response_types_supported": ["id_token"],
                    "subject_types_supported": ["public"],
                    "id_token_signing_alg_values_supported": ["RS256"],
                }),
                "application/json",
            )),
            "/openid/v1/jwks"
                if accept.is_empty() || accept.contains("*/*") || accept.contains(KEY_SET) =>
            {
                Some(given(serde_json::json!({ "keys": [] }), KEY_SET))
            }
            "/openid/v1/jwks" => {
                let status = accept::not_among(&[KEY_SET], self.profile().minor);
                Some(Document::refused(status, accept))
            }
            _ => None,
        }
    }
}

fn aggregated(tree: &Tree, media: Media, content_type: String) -> Document {
    let (body, _) = Form::of_media(media).body(&Answer::Tree(tree.clone()));
    let etag = blake3::hash(&body).to_hex().to_uppercase();
    Document::of(body, content_type, &etag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::Profile;

    const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

    #[test]
    fn who_asks_for_all_groups_at_once_gets_them_where_a_server_has_that() {
        let told = |profile: Profile, path: &str, accept: &str| {
            let document = Server::new(profile, 1).tell(path, "", accept).expect("a document");
            let kind = serde_json::from_slice::<serde_json::Value>(&document.body);
            let kind = kind.map(|body| body["kind"].as_str().unwrap_or_default().to_owned());
            (document.code, kind.expect("a document is JSON"))
        };
        let whole = "APIGroupDiscoveryList".to_owned();
        let kubectl = format!("{AGGREGATED},application/json");

        assert_eq!(told(Profile::V1_34, "/apis", AGGREGATED), (200, whole.clone()));
        assert_eq!(
            told(Profile::V1_34, "/api/", &format!("application/json,{AGGREGATED}")),
            (200, whole)
        );
        assert_eq!(told(Profile::V1_20, "/apis", &kubectl), (200, "APIGroupList".to_owned()));
        assert_eq!(told(Profile::V1_34, "/apis/apps", AGGREGATED).0, 406);
        let beta = AGGREGATED.replace("v=v2", "v=v2beta1");
        assert_eq!(told(Profile::V1_34, "/apis", &beta), (406, "Status".to_owned()));
    }

    #[test]
    fn a_subresource_of_another_kind_says_so_and_a_custom_kind_says_its_group() {
        let server = Server::new(Profile::V1_34, 1);

        let document = server.tell("/apis", "", AGGREGATED).expect("a document");

        let body: serde_json::Value = serde_json::from_slice(&document.body).expect("JSON");
        let items = body["items"].as_array().expect("there are groups");
        let apps = items.iter().find(|item| item["metadata"]["name"] == "apps").expect("apps");
        let resources = apps["versions"][0]["resources"].as_array().expect("there are kinds");
        let deployment = resources.iter().find(|kind| kind["resource"] == "deployments");
        let scale = &deployment.expect("deployments")["subresources"][0];
        assert_eq!(scale["responseKind"]["group"], "autoscaling");
        assert!(document.headers.iter().any(|(name, _)| *name == "etag"));
    }

    #[test]
    fn the_version_is_there_in_json_only() {
        let server = Server::new(Profile::V1_34, 1);

        let told = server.tell("/version", "", "application/yaml").expect("a document");

        assert_eq!(told.code, 406);
        assert_eq!(told.content_type.as_deref(), Some("application/yaml"));
        assert_eq!(server.tell("/version", "", "*/*").map(|told| told.code), Some(200));
    }
}
