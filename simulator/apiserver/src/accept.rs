//! In which form a client wants its answer: objects as they are, their metadata alone, or rows of a table; in JSON,
//! YAML or protobuf.

mod clause;
mod media;

use jiff::Timestamp;

use crate::discovery::Aggregated;
use crate::kinds::KindInfo;
use crate::partial::Partial;
use crate::printer::Rows;
use crate::request::{Answer, Response, Verb};
use crate::status::Status;
use crate::watch::WatchEvent;

use self::clause::{Clause, Wish};
pub use self::media::Media;

/// The form of answers about objects; errors have always their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    shape: Shape,
    media: Media,
    /// That of errors: a wish for another shape is no wish for their media type.
    errors: Media,
    pretty: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Own,
    Partial(Partial),
    Table(Rows),
}

const META: &str = "meta.k8s.io";
const ALL: [Media; 3] = [Media::Json, Media::Yaml, Media::Protobuf];

impl Form {
    /// Objects as they are, in JSON.
    pub const OWN: Form =
        Form { shape: Shape::Own, media: Media::Json, errors: Media::Json, pretty: false };

    /// What there is, in a media type that was settled before.
    pub(crate) fn of_media(media: Media) -> Form {
        Form { media, ..Form::OWN }
    }

    /// That of a refusal, and of answers that are no objects.
    pub fn of_errors(accept: &str) -> Form {
        let errors = clause::errors(accept);
        Form { media: errors, errors, ..Form::OWN }
    }

    /// What an `Accept` header and the query's `includeObject` ask for.
    ///
    /// # Errors
    /// 406 if nothing that is accepted can be given, 400 for an unknown `includeObject`; to be told in the form that
    /// [`Form::of_errors`] gives.
    pub fn negotiate(
        accept: &str,
        query: &str,
        kind: &KindInfo,
        (verb, subresource): (Verb, Option<&str>),
        minor: u32,
    ) -> Result<Form, Status> {
        let errors = clause::errors(accept);
        let clauses = clause::sorted(accept);
        if !accept.is_empty() && !kind.custom && !clauses.iter().any(Clause::is_routed) {
            return Err(not_routed(minor, matches!(verb, Verb::List | Verb::Watch)));
        }
        let found = if accept.is_empty() {
            Some((Shape::Own, Media::Json, false))
        } else {
            clauses.iter().find_map(|clause| given(clause, kind, subresource))
        };
        let streams = verb == Verb::Watch;
        let Some((shape, media, pretty)) = found else { return Err(none_given(false)) };
        if streams && media == Media::Yaml {
            return Err(none_given(true));
        }
        let shape = match shape {
            Shape::Table(rows) => Shape::Table(rows.including(query)?),
            other => other,
        };
        Ok(Form { shape, media, errors, pretty })
    }

    /// With line breaks and indents, for people.
    #[must_use]
    pub fn prettily(self, pretty: bool) -> Form {
        Form { pretty: self.pretty || pretty, ..self }
    }

    /// An answer in this form.
    pub fn of(self, response: Response, kind: &KindInfo, minor: u32, now: Timestamp) -> Response {
        let warnings = response.warnings.clone();
        let shaped = match self.shape {
            Shape::Own => response,
            Shape::Partial(partial) => partial.of(response, kind),
            Shape::Table(rows) => rows.of(response, kind, minor, now),
        };
        Response { warnings, ..shaped }
    }

    /// The bytes of an answer, and what they are.
    pub fn body(self, answer: &Answer) -> (Vec<u8>, &'static str) {
        match answer {
            Answer::Status(status) if status.is_plain_text() => {
                (answer.to_json(), "text/plain; charset=utf-8")
            }
            Answer::Status(status) if !status.is_success() => {
                self.errors.bytes(answer, self.pretty)
            }
            _ => self.media.bytes(answer, self.pretty),
        }
    }

    /// The media type of a watch.
    pub fn stream_type(self) -> &'static str {
        match self.media {
            Media::Protobuf => "application/vnd.kubernetes.protobuf;stream=watch",
            _ => Media::Json.name(),
        }
    }

    /// A frame of a watch as it goes over the wire, `first` if it is the first of a table's.
    pub fn frame(
        self,
        event: &WatchEvent,
        kind: &KindInfo,
        minor: u32,
        now: Timestamp,
        first: bool,
    ) -> Vec<u8> {
        let shaped = match self.shape {
            Shape::Own => None,
            Shape::Partial(partial) => partial.event(event),
            Shape::Table(rows) => rows.event(event, kind, minor, now, first),
        };
        if self.media == Media::Protobuf {
            return media::frame(&shaped.unwrap_or_else(|| event.to_tree(kind)));
        }
        match shaped {
            Some(shaped) => media::line(shaped.to_json()),
            None => event.to_json(kind),
        }
    }

    /// Whether a watch was asked for as if it were a list: it is answered, and tells nothing.
    pub fn is_list(self) -> bool {
        matches!(self.shape, Shape::Partial(partial) if partial.is_list())
    }
}

/// Whether all groups are wanted in one document, and how.
pub(crate) fn aggregated(accept: &str, minor: u32) -> Option<Aggregated> {
    const GROUP: &str = "apidiscovery.k8s.io";
    clause::sorted(accept).iter().find_map(|clause| {
        let media = ALL.into_iter().find(|media| clause.covers(*media))?;
        let Wish::Other { kind: "APIGroupDiscoveryList", group: GROUP, version } = clause.wish
        else {
            return None;
        };
        let version = match version {
            "v2" if minor >= 30 => "v2",
            "v2beta1" if (26..34).contains(&minor) => "v2beta1",
            _ => return None,
        };
        Some(Aggregated { media, version })
    })
}

/// The media type of a document that has one form.
pub(crate) fn plain(accept: &str, minor: u32) -> Result<Media, Status> {
    if accept.is_empty() {
        return Ok(Media::Json);
    }
    let clauses = clause::sorted(accept);
    if !clauses.iter().any(Clause::is_routed) {
        return Err(not_routed(minor, false));
    }
    let own = clauses.iter().filter(|clause| clause.wish == Wish::Own);
    let found = own
        .filter(|clause| !clause.streams)
        .find_map(|clause| ALL.into_iter().find(|media| clause.covers(*media)));
    found.ok_or_else(|| none_given(false))
}

/// The same, of a document that is only there in JSON.
pub(crate) fn json_only(accept: &str, minor: u32) -> Result<Media, Status> {
    let gives = |clause: &Clause<'_>| clause.is_routed() && clause.covers(Media::Json);
    if accept.is_empty() || clause::sorted(accept).iter().any(gives) {
        return Ok(Media::Json);
    }
    Err(not_among(&[Media::Json.name()], minor))
}

/// The route gives nothing of what is accepted. Older servers do not say what there is.
pub(crate) fn not_among(given: &[&str], minor: u32) -> Status {
    let mut message = "406: Not Acceptable".to_owned();
    if minor >= 34 {
        message += &format!("\n\nAvailable representations: {}", given.join(", "));
    }
    Status::not_acceptable(message).with_empty_details()
}

/// What a clause asks for of a kind; `None` if there is no such representation.
fn given(
    clause: &Clause<'_>,
    of: &KindInfo,
    subresource: Option<&str>,
) -> Option<(Shape, Media, bool)> {
    let media = ALL.into_iter().find(|media| clause.covers(*media))?;
    if clause.streams && media == Media::Yaml {
        return None;
    }
    let shape = match clause.wish {
        Wish::Own if media == Media::Protobuf && of.custom => return None,
        Wish::Own => Shape::Own,
        Wish::Other { kind, group: META, version } => {
            let version = match version {
                "v1" => "meta.k8s.io/v1",
                "v1beta1" => "meta.k8s.io/v1beta1",
                _ => return None,
            };
            match kind {
                "Table" if media == Media::Protobuf => return None,
                // What is not kept has no rows.
                "Table" if of.verbs == ["create"] => return None,
                // There are statuses that the real server makes no rows of.
                "Table" if subresource.is_some() && has_no_rows(of) => {
                    return None;
                }
                "Table" => Shape::Table(Rows::new(version)),
                other => Shape::Partial(Partial::named(other, version)?),
            }
        }
        Wish::Other { .. } => return None,
    };
    Some((shape, media, clause.pretty))
}

/// Whether the status of such an object is not shown in rows.
fn has_no_rows(of: &KindInfo) -> bool {
    of.is("resource.k8s.io", "ResourceClaim")
        || of.is("apiextensions.k8s.io", "CustomResourceDefinition")
        || of.is("apiregistration.k8s.io", "APIService")
}

/// Nothing of what is accepted can be given.
pub(crate) fn none_given(streams: bool) -> Status {
    let names: &[&str] = if streams {
        &["application/json;stream=watch", "application/vnd.kubernetes.protobuf;stream=watch"]
    } else {
        &["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"]
    };
    let names = names.join(", ");
    Status::not_acceptable(format!("only the following media types are accepted: {names}"))
}

/// `collection`: the route of a list, which is also that of watches. Older servers do not say what there is.
fn not_routed(minor: u32, collection: bool) -> Status {
    let mut message = "406: Not Acceptable".to_owned();
    if minor >= 34 {
        let names = ALL.map(Media::name).join(", ");
        message += &format!("\n\nAvailable representations: {names}");
        if collection {
            let (json, protobuf) = (Media::Json.name(), Media::Protobuf.name());
            message += &format!(", {json};stream=watch, {protobuf};stream=watch");
        }
    }
    Status::not_acceptable(message).with_empty_details()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::Profile;
    use crate::store::Server;

    fn negotiated(accept: &str, query: &str) -> Result<Form, String> {
        let server = Server::new(Profile::V1_34, 1);
        let id = server.kind("", "ConfigMap").expect("a builtin kind");
        let kind = server.kind_info(id).expect("a builtin kind");
        let form = Form::negotiate(accept, query, kind, (Verb::Get, None), 34);
        form.map_err(|status| status.message)
    }

    #[test]
    fn the_first_clause_that_can_be_given_counts_by_quality() {
        let table = "application/json;as=Table;v=v1;g=meta.k8s.io";
        let own = Ok(Form::OWN);

        let is_table =
            |form: Result<Form, String>| form.is_ok_and(|f| matches!(f.shape, Shape::Table(_)));

        assert!(is_table(negotiated(table, "")));
        assert!(is_table(negotiated(&format!("{table},application/json"), "")));
        assert_eq!(negotiated(&format!("{table};q=0.5,application/json"), ""), own);
        let other = table.replace("v=v1", "v=v2");
        assert_eq!(negotiated(&format!("{other},application/json"), ""), own);
        assert_eq!(negotiated("text/html,*/*;q=0.8", ""), own);
        assert!(
            negotiated(&other, "").is_err_and(|message| message.starts_with("only the following"))
        );
    }

    #[test]
    fn what_no_route_gives_is_refused_before_anything_else() {
        let refused = |accept| negotiated(accept, "").is_err_and(|m| m.starts_with("406: Not"));

        assert!(refused("text/plain"));
        assert!(refused("application/*"));
        assert!(!refused("text/plain, application/yaml"));
    }

    #[test]
    fn an_unknown_include_object_is_a_bad_request_of_tables_only() {
        let table = "application/json;as=Table;v=v1;g=meta.k8s.io";
        let query = "limit=5&includeObject=Bogus";

        let message = negotiated(table, query).expect_err("there is no such form");
        assert!(message.contains(r#"includeObject: Invalid value: "Bogus""#), "{message}");
        assert_eq!(negotiated("application/json", query), Ok(Form::OWN));
    }
}
