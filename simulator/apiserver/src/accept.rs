//! In which form a client wants its answer: objects as they are, their metadata alone, or rows of a table.

use jiff::Timestamp;

use crate::kinds::KindInfo;
use crate::object::Tree;
use crate::partial::Partial;
use crate::printer::Rows;
use crate::request::{Response, Verb};
use crate::status::Status;
use crate::watch::WatchEvent;

/// The form of answers about objects; errors have always their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Own,
    Partial(Partial),
    Table(Rows),
}

const JSON: &str = "application/json";
const YAML: &str = "application/yaml";
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";
const META: &str = "meta.k8s.io";

impl Form {
    /// What an `Accept` header and the query's `includeObject` ask for.
    ///
    /// # Errors
    /// 406 if nothing that is accepted can be given, 400 for an unknown `includeObject`. YAML and protobuf count as
    /// given, though the answer is JSON.
    pub fn negotiate(
        accept: &str,
        query: &str,
        kind: &KindInfo,
        verb: Verb,
        minor: u32,
    ) -> Result<Form, Status> {
        if accept.is_empty() {
            return Ok(Form::Own);
        }
        let mut clauses: Vec<Clause<'_>> = accept.split(',').map(Clause::parse).collect();
        if !kind.custom && !clauses.iter().any(|clause| is_routed(clause.media)) {
            return Err(not_routed(minor, matches!(verb, Verb::List | Verb::Watch)));
        }
        clauses.sort_by(|one, other| other.quality.total_cmp(&one.quality));
        let form = clauses.iter().find_map(|clause| clause.form(kind)).ok_or_else(|| {
            Status::not_acceptable(format!(
                "only the following media types are accepted: {JSON}, {YAML}, {PROTOBUF}"
            ))
        })?;
        match form {
            Form::Table(rows) => Ok(Form::Table(rows.including(query)?)),
            other => Ok(other),
        }
    }

    /// An answer in this form.
    pub fn of(self, response: Response, kind: &KindInfo, minor: u32, now: Timestamp) -> Response {
        match self {
            Form::Own => response,
            Form::Partial(partial) => partial.of(response, kind, minor),
            Form::Table(rows) => rows.of(response, kind, minor, now),
        }
    }

    /// A frame of a watch, `first` if it is the first of a table's; `None` if the frame is the same in every form.
    pub fn event(
        self,
        event: &WatchEvent,
        kind: &KindInfo,
        minor: u32,
        now: Timestamp,
        first: bool,
    ) -> Option<Tree> {
        match self {
            Form::Own => None,
            Form::Partial(partial) => partial.event(event),
            Form::Table(rows) => rows.event(event, kind, minor, now, first),
        }
    }

    /// Whether a watch was asked for as if it were a list: it is answered, and tells nothing.
    pub fn is_list(self) -> bool {
        matches!(self, Form::Partial(partial) if partial.is_list())
    }
}

/// `application/json;as=Table;v=v1;g=meta.k8s.io;q=0.5`
struct Clause<'a> {
    media: &'a str,
    quality: f64,
    kind: Option<&'a str>,
    group: &'a str,
    version: &'a str,
}

impl<'a> Clause<'a> {
    fn parse(clause: &'a str) -> Self {
        let mut parts = clause.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default();
        let mut found = Clause { media, quality: 1.0, kind: None, group: "", version: "" };
        for part in parts {
            match part.split_once('=') {
                Some(("q", value)) => found.quality = value.parse().unwrap_or(1.0),
                Some(("as", value)) => found.kind = Some(value),
                Some(("g", value)) => found.group = value,
                Some(("v", value)) => found.version = value,
                _ => {}
            }
        }
        found
    }

    /// `None` if there is no such representation.
    fn form(&self, of: &KindInfo) -> Option<Form> {
        let known = matches!(self.media, JSON | YAML | PROTOBUF | "application/*" | "*/*");
        if !known || (self.media == PROTOBUF && of.custom && self.kind.is_none()) {
            return None;
        }
        let Some(wanted) = self.kind else { return Some(Form::Own) };
        let version = match self.version {
            "v1" => "meta.k8s.io/v1",
            "v1beta1" => "meta.k8s.io/v1beta1",
            _ => return None,
        };
        if self.group != META {
            return None;
        }
        if wanted == "Table" {
            return (self.media != PROTOBUF).then(|| Form::Table(Rows::new(version)));
        }
        Partial::named(wanted, version).map(Form::Partial)
    }
}

/// Whether the routes of builtin kinds give that; they know no `application/*`.
fn is_routed(media: &str) -> bool {
    matches!(media, JSON | YAML | PROTOBUF | "*/*")
}

/// `collection`: the route of a list, which is also that of watches. Older servers do not say what there is.
fn not_routed(minor: u32, collection: bool) -> Status {
    let mut message = "406: Not Acceptable".to_owned();
    if minor >= 34 {
        message += &format!("\n\nAvailable representations: {JSON}, {YAML}, {PROTOBUF}");
        if collection {
            message += &format!(", {JSON};stream=watch, {PROTOBUF};stream=watch");
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
        let form = Form::negotiate(accept, query, kind, Verb::Get, 34);
        form.map_err(|status| status.message)
    }

    #[test]
    fn the_first_clause_that_can_be_given_counts_by_quality() {
        let table = "application/json;as=Table;v=v1;g=meta.k8s.io";
        let own = Ok(Form::Own);

        assert!(matches!(negotiated(table, ""), Ok(Form::Table(_))));
        assert!(matches!(negotiated(&format!("{table},application/json"), ""), Ok(Form::Table(_))));
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
        assert_eq!(negotiated("application/json", query), Ok(Form::Own));
    }
}
