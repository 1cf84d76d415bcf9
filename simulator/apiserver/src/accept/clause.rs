//! The clauses of an `Accept` header, in the order in which a server looks at them.

use super::Media;

/// `application/json;as=Table;v=v1;g=meta.k8s.io;q=0.5`
pub(super) struct Clause<'a> {
    kind: &'a str,
    subkind: &'a str,
    quality: f64,
    pub wish: Wish<'a>,
    pub streams: bool,
    pub pretty: bool,
}

/// Whether another form is asked for than the object's own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish<'a> {
    Own,
    Other { kind: &'a str, group: &'a str, version: &'a str },
}

impl<'a> Clause<'a> {
    /// `None` for what is no media type.
    fn parse(clause: &'a str) -> Option<Self> {
        let mut parts = clause.trim().split(';');
        let (kind, subkind) = match parts.next()?.trim() {
            "*" => ("*", "*"),
            media => media.split_once('/')?,
        };
        if subkind.is_empty() || subkind.contains('/') {
            return None;
        }
        let mut found =
            Clause { kind, subkind, quality: 1.0, wish: Wish::Own, streams: false, pretty: false };
        let (mut wanted, mut group, mut version) = (None, None, None);
        for part in parts {
            match part.split_once('=').map(|(key, value)| (key.trim(), value.trim())) {
                Some(("q", value)) => found.quality = value.parse().unwrap_or(0.0),
                Some(("as", value)) => wanted = Some(value),
                Some(("g", value)) => group = Some(value),
                Some(("v", value)) => version = Some(value),
                Some(("stream", "watch")) => found.streams = true,
                // Of another stream or version of the server nothing is known.
                Some(("stream" | "sv", value)) if !value.is_empty() => return None,
                Some(("pretty", value)) => found.pretty = value == "1",
                _ => {}
            }
        }
        if wanted.is_some() || group.is_some() || version.is_some() {
            let [kind, group, version] = [wanted, group, version].map(Option::unwrap_or_default);
            found.wish = Wish::Other { kind, group, version };
        }
        Some(found)
    }

    pub(super) fn covers(&self, media: Media) -> bool {
        let (kind, subkind) = media.name().split_once('/').unwrap_or_default();
        (self.kind, self.subkind) == (kind, subkind)
            || self.subkind == "*" && (self.kind == kind || self.kind == "*")
    }

    /// Whether the routes of builtin kinds give that; they know no `application/*`.
    pub(super) fn is_routed(&self) -> bool {
        let exactly = |media: Media| media.name() == format!("{}/{}", self.kind, self.subkind);
        (self.kind, self.subkind) == ("*", "*") || super::ALL.into_iter().any(exactly)
    }

    /// Whether the server looks at it sooner.
    fn is_before(&self, other: &Self) -> bool {
        self.quality > other.quality
            || self.kind != "*" && other.kind == "*"
            || self.subkind != "*" && other.subkind == "*"
    }
}

pub(super) fn sorted(accept: &str) -> Vec<Clause<'_>> {
    let mut clauses: Vec<Clause<'_>> = accept.split(',').filter_map(Clause::parse).collect();
    // The order is no total one: what comes out is that of insertion, one by one.
    for end in 1..clauses.len() {
        let mut at = end;
        while at > 0 && clauses[at].is_before(&clauses[at - 1]) {
            clauses.swap(at, at - 1);
            at -= 1;
        }
    }
    clauses
}

/// In which media type an error is told: the first that is asked for without another shape.
pub(super) fn errors(accept: &str) -> Media {
    let clauses = sorted(accept);
    let plain = clauses.iter().filter(|clause| clause.wish == Wish::Own);
    plain
        .filter(|clause| !clause.streams || !clause.covers(Media::Yaml))
        .find_map(|clause| super::ALL.into_iter().find(|media| clause.covers(*media)))
        .unwrap_or(Media::Json)
}
