//! The columns that builtin kinds are printed in, as `tables/columns.py` takes them from the Kubernetes sources.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::kinds::{Column, KindInfo};

type Kinds = BTreeMap<(&'static str, &'static str), Vec<Column>>;

/// What kinds without columns of their own show.
const PLAIN: &str = "";

/// The columns of a kind, the name first.
pub(super) fn of(kind: &KindInfo, minor: u32) -> Vec<Column> {
    let kinds = kinds(minor);
    let name = kinds[&("", "Namespace")][0].clone();
    let age = kinds[&("", "Namespace")].last().cloned().unwrap_or_default();
    if kind.custom {
        return match kind.columns.as_slice() {
            [] => vec![name, Column { kind: "date".to_owned(), ..age }],
            own => std::iter::once(name).chain(own.iter().map(described)).collect(),
        };
    }
    // Events are the same kind in both of their groups.
    let group = if kind.is("events.k8s.io", "Event") { "" } else { &kind.group };
    if let Some(columns) = kinds.get(&(group, &*kind.kind)) {
        return columns.clone();
    }
    if kind.is("apiregistration.k8s.io", "APIService") {
        let column = |name: &str, description: &str| Column {
            name: name.to_owned(),
            kind: "string".to_owned(),
            description: description.to_owned(),
            ..Column::default()
        };
        let service = "The reference to the service that hosts this API endpoint.";
        let available = column("Available", "Whether this service is available.");
        return vec![name, column("Service", service), available, age];
    }
    let created = Column { name: "Created At".to_owned(), kind: "date".to_owned(), ..age };
    vec![name, created]
}

/// Those of a scale, which has no table of its own.
pub(super) fn of_scale(kind: &KindInfo, minor: u32) -> Vec<Column> {
    let kinds = kinds(minor);
    if let Some(columns) = kinds.get(&("autoscaling", "Scale")).filter(|_| !kind.custom) {
        return columns.clone();
    }
    let name = kinds[&("", "Namespace")][0].clone();
    let age = kinds[&("", "Namespace")].last().cloned().unwrap_or_default();
    let column = |name: &str, description: &str| Column {
        name: name.to_owned(),
        kind: "integer".to_owned(),
        description: description.to_owned(),
        ..Column::default()
    };
    vec![
        name,
        column("Desired", "Number of desired replicas"),
        column("Available", "Number of actual replicas"),
        Column { kind: "date".to_owned(), ..age },
    ]
}

fn described(column: &Column) -> Column {
    let mut column = column.clone();
    if column.description.is_empty() {
        column.description =
            format!("Custom resource definition column (in JSONPath format): {}", column.json_path);
    }
    column
}

fn kinds(minor: u32) -> &'static Kinds {
    static OLD: OnceLock<Kinds> = OnceLock::new();
    static NEW: OnceLock<Kinds> = OnceLock::new();
    if minor < 34 {
        OLD.get_or_init(|| parse(include_str!("../../tables/columns-1.20.txt")))
    } else {
        NEW.get_or_init(|| parse(include_str!("../../tables/columns-1.34.txt")))
    }
}

fn parse(text: &'static str) -> Kinds {
    let mut kinds = Kinds::new();
    let mut columns: Option<&mut Vec<Column>> = None;
    for line in text.lines() {
        if let Some((group, kind)) = line.strip_prefix("kind ").and_then(|l| l.split_once(' ')) {
            let group = if group == "-" { PLAIN } else { group };
            columns = Some(kinds.entry((group, kind)).or_default());
        } else if let (Some(columns), Some(column)) = (&mut columns, line.strip_prefix('\t')) {
            columns.extend(parse_column(column));
        }
    }
    kinds
}

/// `NAME TYPE FORMAT PRIORITY "DESCRIPTION"` between tabs.
fn parse_column(line: &str) -> Option<Column> {
    let mut parts = line.split('\t');
    let mut next = || parts.next();
    Some(Column {
        name: next()?.to_owned(),
        kind: next()?.to_owned(),
        format: next()?.to_owned(),
        priority: next()?.parse().ok()?,
        description: serde_json::from_str(next()?).ok()?,
        json_path: String::new(),
    })
}
