//! Files of one volume at paths that lie within each other.

use crate::Tree;
use crate::builtin::check::{NOTHING, list, text};

#[derive(Clone, PartialEq)]
struct Place {
    path: String,
    /// What of a volume made of several parts it comes from.
    source: String,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &*self.source {
            "" => write!(f, "{:?}", self.path),
            source => write!(f, "{:?} ({source})", self.path),
        }
    }
}

pub(super) fn of_volumes(volumes: &[Tree], said: &mut Vec<String>) {
    for volume in volumes {
        let name = text(volume, "name");
        let mut warn = |what: &str, overlaps: Vec<String>| {
            let lines = overlaps
                .into_iter()
                .map(|body| format!("volume {name:?} ({what}): overlapping paths: {body}"));
            said.extend(lines);
        };
        let get = |key: &str| volume.get(key).unwrap_or(&NOTHING);
        for (key, shown, called) in
            [("configMap", "ConfigMap", "name"), ("secret", "Secret", "secretName")]
        {
            let source = get(key);
            warn(&format!("{shown} {:?}", text(source, called)), overlaps(items(source, "")));
        }
        warn("DownwardAPI", overlaps(items(get("downwardAPI"), "")));
        let mut all = Vec::new();
        for source in list(get("projected"), "sources") {
            if source.is_null() || source.is_empty() {
                said.push(format!("volume {name:?} (Projected) has no sources provided"));
                continue;
            }
            for place in projected(source) {
                let body = collisions(&all, &place);
                said.extend(
                    body.into_iter().map(|body| {
                        format!("volume {name:?} (Projected): overlapping paths: {body}")
                    }),
                );
                all.push(place);
            }
        }
    }
}

fn items(source: &Tree, named: &str) -> Vec<Place> {
    let place = |item: &Tree| Place {
        path: text(item, "path").trim_end_matches('/').to_owned(),
        source: named.to_owned(),
    };
    list(source, "items").iter().map(place).collect()
}

/// The first part that names its files counts.
fn projected(source: &Tree) -> Vec<Place> {
    for (key, shown) in [("configMap", "ConfigMap"), ("secret", "Secret")] {
        if let Some(part) = source.get(key).filter(|part| part.get("items").is_some()) {
            return items(part, &format!("{shown} {:?}", text(part, "name")));
        }
    }
    if let Some(part) = source.get("downwardAPI").filter(|part| part.get("items").is_some()) {
        return items(part, "DownwardAPI");
    }
    source.get("serviceAccountToken").map_or_else(Vec::new, |token| {
        let path = text(token, "path").trim_end_matches('/').to_owned();
        vec![Place { path, source: "ServiceAccountToken".to_owned() }]
    })
}

fn overlaps(places: Vec<Place>) -> Vec<String> {
    let mut said = Vec::new();
    let mut known: Vec<Place> = Vec::new();
    for place in places {
        said.extend(collisions(&known, &place));
        known.push(place);
    }
    said
}

fn collisions(known: &[Place], place: &Place) -> Vec<String> {
    if place.path.is_empty() {
        return Vec::new();
    }
    let within = |inner: &str, outer: &str| format!("{inner}/").starts_with(&format!("{outer}/"));
    known
        .iter()
        .filter(|other| {
            !other.path.is_empty()
                && (*other == place
                    || within(&other.path, &place.path)
                    || within(&place.path, &other.path))
        })
        .map(|other| format!("{place} with {other}"))
        .collect()
}
