//! The generated tables of builtin kinds: split into definitions at first use, each parsed when it is needed.

use std::sync::{Arc, OnceLock};

use super::{FIELDS, Flags, ListType, Member, Named, Node, Ref, Type};
use crate::{Tree, object::text};

/// Minor versions with a table. Another version needs one run of `tables/generate.py` and a line here.
const TABLES: &[(u32, &str, &OnceLock<Table>)] = &[
    (20, include_str!("../../tables/1.20.txt"), {
        static CELL: OnceLock<Table> = OnceLock::new();
        &CELL
    }),
    (24, include_str!("../../tables/1.24.txt"), {
        static CELL: OnceLock<Table> = OnceLock::new();
        &CELL
    }),
    (34, include_str!("../../tables/1.34.txt"), {
        static CELL: OnceLock<Table> = OnceLock::new();
        &CELL
    }),
];

pub struct Table {
    pub minor: u32,
    pub rows: Vec<Row>,
    /// Sorted by name.
    definitions: Vec<Named>,
    any: Ref,
}

/// A kind as the table lists it.
pub struct Row {
    pub group: &'static str,
    pub version: &'static str,
    pub kind: &'static str,
    pub plural: &'static str,
    pub short_names: Vec<&'static str>,
    pub categories: Vec<&'static str>,
    pub flags: &'static str,
    pub definition: &'static str,
}

impl Table {
    /// The table of the version nearest to the one asked for.
    pub fn of(minor: u32) -> &'static Table {
        Self::by_distance(minor).next().expect("there are tables")
    }

    /// All tables, the nearest first.
    pub fn by_distance(minor: u32) -> impl Iterator<Item = &'static Table> {
        let mut tables: Vec<_> = TABLES.iter().collect();
        // From 1.22 on the first betas are gone, from 1.25 on the others.
        let era = |minor: u32| {
            if minor < 22 {
                0
            } else if minor < 25 {
                1
            } else {
                2_u32
            }
        };
        tables.sort_by_key(|(own, ..)| (era(*own).abs_diff(era(minor)), own.abs_diff(minor)));
        tables
            .into_iter()
            .map(|(own, body, cell)| cell.get_or_init(|| Self::split(*own, body, cell)))
    }

    fn split(minor: u32, body: &'static str, cell: &'static OnceLock<Table>) -> Table {
        let any = Ref::Own(Arc::new(Node { preserve: true, nullable: true, ..Node::default() }));
        let mut table =
            Table { minor, rows: Vec::new(), definitions: Vec::with_capacity(512), any };
        let mut rest = body;
        while !rest.is_empty() {
            let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
            if let Some(row) = line.strip_prefix("kind ") {
                table.rows.extend(Row::parse(row));
            } else if !line.starts_with('#') {
                // A definition: its line, and the indented lines after it.
                let mut end = 0;
                while after[end..].starts_with(' ') {
                    end += after[end..].find('\n').map_or(after.len() - end, |at| at + 1);
                }
                let name = line.split(' ').next().unwrap_or(line);
                let whole = &rest[..line.len() + 1 + end];
                table.definitions.push(Named {
                    name,
                    table: cell,
                    body: whole,
                    node: OnceLock::new(),
                });
                rest = &after[end..];
                continue;
            }
            rest = after;
        }
        table
    }

    pub fn get(&'static self, name: &str) -> Option<Ref> {
        let at = self.definitions.binary_search_by(|named| named.name.cmp(name)).ok()?;
        Some(Ref::Named(&self.definitions[at]))
    }

    pub fn meta(&'static self) -> Ref {
        self.get("meta.v1.ObjectMeta").unwrap_or_else(|| self.any.clone())
    }

    fn parse_type(&'static self, word: &'static str) -> Ref {
        if let Some(name) = word.strip_prefix('@') {
            return self.get(name).unwrap_or_else(|| self.any.clone());
        }
        Ref::Own(Arc::new(self.parse_own(word)))
    }

    fn parse_own(&'static self, word: &'static str) -> Node {
        let mut node = Node { nullable: true, ..Node::default() };
        if let Some(inner) = word.strip_prefix("[]") {
            node.kind = Type::List;
            node.items = Some(self.parse_type(inner));
        } else if let Some(inner) = word.strip_prefix("{}") {
            node.kind = Type::Object;
            node.additional = Some(self.parse_type(inner));
        } else {
            node.kind = match word {
                "string" => Type::String,
                "bytes" => Type::Bytes,
                "int32" => Type::Int32,
                "int64" => Type::Integer,
                "number" => Type::Number,
                "bool" => Type::Bool,
                "time" => Type::Time,
                "microtime" => Type::MicroTime,
                "quantity" => Type::Quantity,
                "int-or-string" => Type::IntOrString,
                "raw" => Type::Raw,
                _ => Type::Any,
            };
            if word == "fields" {
                node.type_name = FIELDS;
            }
            node.preserve = matches!(node.kind, Type::Any | Type::Raw);
        }
        node
    }
}

impl Row {
    fn parse(line: &'static str) -> Option<Self> {
        let list = |word: &'static str| match word {
            "-" => Vec::new(),
            word => word.split(',').collect(),
        };
        let bare = |word: &'static str| if word == "-" { "" } else { word };
        let mut words = line.split(' ');
        Some(Self {
            group: bare(words.next()?),
            version: words.next()?,
            kind: words.next()?,
            plural: words.next()?,
            short_names: list(words.next()?),
            categories: list(words.next()?),
            flags: bare(words.next()?),
            definition: words.next()?,
        })
    }
}

impl Named {
    pub(super) fn node(&'static self) -> &'static Node {
        self.node.get_or_init(|| {
            let table = self.table.get().expect("a definition is reached through its table");
            self.parse(table)
        })
    }

    fn parse(&'static self, table: &'static Table) -> Node {
        let mut lines = self.body.lines();
        let head = lines.next().unwrap_or_default();
        let members =
            lines.filter_map(|line| Self::member(table, line.strip_prefix(' ')?)).collect();
        Node {
            kind: Type::Object,
            type_name: self.name.rsplit('.').next().unwrap_or(self.name),
            definition: self.name,
            nullable: true,
            atomic: head.ends_with(" atomic"),
            members,
            ..Node::default()
        }
    }

    fn member(table: &'static Table, line: &'static str) -> Option<Member> {
        let mut words = line.split(' ');
        let name = words.next()?;
        let kind = words.next()?;
        let mut flags = Flags { required: name.ends_with('!'), ..Flags::default() };
        let mut default = None;
        let mut attributes = Node::default();
        let (mut attributed, mut shared) = (false, false);
        for word in words {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            match key {
                "-" => flags.drop_empty = true,
                "+" => flags.always = true,
                "null" => flags.null = true,
                "gated" => flags.gated = true,
                "default" => default = Tree::from_json(value.as_bytes()).ok(),
                "strategy" => {
                    flags.retain_keys = value.contains("retainKeys");
                    flags.replace = value == "replace";
                    attributes.merge = value.contains("merge");
                }
                "merge" => attributes.merge_key = Some(text(value)),
                "map" => attributes.list = ListType::Map(value.split(',').map(text).collect()),
                "set" => attributes.list = ListType::Set,
                "atomic" => attributes.atomic = true,
                _ => {}
            }
            attributed |= matches!(key, "strategy" | "merge" | "map" | "set" | "atomic");
            shared |= matches!(key, "map" | "set" | "atomic");
        }
        let node = if attributed && !kind.starts_with('@') {
            let mut node = table.parse_own(kind);
            node.merge = attributes.merge || attributes.merge_key.is_some();
            node.merge_key = attributes.merge_key;
            node.list = match (attributes.merge, &node.merge_key) {
                // Older documents say how lists are shared only by how they are patched.
                (_, Some(key)) if !shared => ListType::Map(vec![Arc::clone(key)]),
                (true, None) if !shared => ListType::Set,
                _ => attributes.list,
            };
            node.atomic = attributes.atomic;
            Ref::Own(Arc::new(node))
        } else {
            table.parse_type(kind)
        };
        Some(Member { name: text(name.trim_end_matches('!')), node, default, flags })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_knows_its_members_their_types_and_how_lists_merge() {
        let table = Table::of(34);

        let pod = table.get("core.v1.PodSpec").expect("pods are a builtin kind");

        let containers = pod.member("containers").expect("pods have containers");
        assert!(containers.flags.required);
        assert_eq!(containers.node.merge_key.as_deref(), Some("name"));
        assert_eq!(containers.node.list, ListType::Map(vec![text("name")]));
        let container = containers.node.items.as_ref().expect("a list has elements");
        assert_eq!(container.type_name, "Container");
        assert!(container.member("resources").is_some_and(|m| m.flags.always));
        assert!(pod.member("hostNetwork").is_some_and(|m| m.flags.drop_empty));
    }

    #[test]
    fn every_definition_of_every_table_parses_and_names_only_what_is_there() {
        for minor in [20, 24, 34] {
            let table = Table::of(minor);
            assert!(table.rows.len() > 50);
            assert!(table.definitions.is_sorted_by(|a, b| a.name < b.name));
            for named in &table.definitions {
                for line in named.body.lines().skip(1) {
                    let kind = line.split(' ').nth(2).expect("a member has a type");
                    let name = kind.trim_start_matches(['[', ']', '{', '}']).strip_prefix('@');
                    assert!(name.is_none_or(|name| table.get(name).is_some()), "{line}");
                }
                assert!(
                    named.node().members.is_sorted_by(|a, b| a.name < b.name),
                    "{}",
                    named.name
                );
            }
        }
    }

    #[test]
    fn policy_v1_is_missing_before_1_21() {
        let serves =
            |minor| Table::of(minor).rows.iter().any(|r| (r.group, r.version) == ("policy", "v1"));

        assert!(!serves(20));
        assert!(serves(34));
    }
}
