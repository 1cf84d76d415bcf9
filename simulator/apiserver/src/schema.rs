//! What an object of a kind may look like: one graph of nodes for builtin and custom kinds.
//!
//! A builtin kind's nodes come from the generated tables, one definition at a time and on first use; a custom
//! kind's nodes come from its CustomResourceDefinition. Four walks use the graph:
//!
//! - [`decode`](Schema::decode): what reading JSON into typed memory does to an object of a builtin kind
//!   (unknown members and empty values go, quantities become canonical, a wrong type is an error);
//! - [`prune`](Schema::prune): the same duty for custom kinds;
//! - [`default`](Schema::default): fills in what was left out;
//! - [`validate`](Schema::validate): every broken rule, in the words of the real server.
//!
//! **Invariants:** a walk that changes nothing gives back the tree it was given, by identity. What is the same
//! memory as in the old object (`Tree::same`) has been through all walks before and is not looked at again.

mod compile;
mod decode;
mod default;
mod error;
mod first;
mod format;
mod iterator;
mod logic;
mod program;
mod prune;
pub(crate) mod restore;
mod rule;
mod settle;
mod table;
mod unique;
mod validate;

use std::sync::{Arc, OnceLock};

pub use decode::Misfit;
pub use error::{Faults, Path};
pub(crate) use table::{Row, Table};

use crate::Tree;
use crate::object::equal;
pub(crate) use format::fits;
pub(crate) use format::is_known as knows_format;
pub(crate) use program::Expression;
use rule::Rule;
pub(crate) use rule::{MISFIT, RESERVED, escaped};

/// The schema of a kind, cheap to clone.
#[derive(Clone, Debug)]
pub struct Schema {
    root: Root,
    minor: u32,
    /// The typed `metadata` of any object, of the version served.
    meta: Ref,
    /// Whether its objects are shared without a look at it.
    guessed: bool,
}

fn has_nullable(schema: &Tree) -> bool {
    schema.bool_at(&["nullable"]) == Some(true)
        || schema.items().iter().any(has_nullable)
        || schema.entries().any(|(_, below)| has_nullable(below))
}

#[derive(Clone, Debug)]
enum Root {
    Builtin(Ref),
    /// Compiled when the first object of the kind is written.
    Custom(Arc<(Tree, OnceLock<Ref>)>),
}

impl Schema {
    pub(crate) fn builtin(table: &'static Table, definition: &str) -> Option<Self> {
        Some(Self {
            root: Root::Builtin(table.get(definition)?),
            minor: table.minor,
            meta: table.meta(),
            guessed: false,
        })
    }

    /// The schema of one version of a custom kind, from `openAPIV3Schema`.
    pub(crate) fn custom(table: &'static Table, schema: Tree) -> Self {
        // Servers before 1.21 took a schema with something nullable in it for none at all.
        let guessed = table.minor < 21 && has_nullable(&schema);
        Self {
            guessed,
            root: Root::Custom(Arc::new((schema, OnceLock::new()))),
            minor: table.minor,
            meta: table.meta(),
        }
    }

    /// The schema of a custom kind, in the hands of the same server.
    pub(crate) fn of_custom(&self, schema: Tree) -> Self {
        let root = Root::Custom(Arc::new((schema, OnceLock::new())));
        Self { guessed: false, root, minor: self.minor, meta: self.meta.clone() }
    }

    /// The same in the hands of a server of another version.
    pub(crate) fn for_minor(self, minor: u32) -> Self {
        Self { minor, ..self }
    }

    pub fn root(&self) -> &Node {
        self.node()
    }

    fn node(&self) -> &Ref {
        match &self.root {
            Root::Builtin(node) => node,
            Root::Custom(custom) => custom.1.get_or_init(|| compile::root(&custom.0)),
        }
    }

    /// A builtin object with what stands in it though nobody set it.
    pub(crate) fn unset(&self, object: &Tree) -> Tree {
        decode::with_unset(self.node(), object)
    }

    pub(crate) fn is_guessed(&self) -> bool {
        self.guessed
    }

    pub(crate) fn minor(&self) -> u32 {
        self.minor
    }

    /// The node of the `metadata` of any object.
    pub(crate) fn meta(&self) -> &Node {
        &self.meta
    }

    pub fn is_custom(&self) -> bool {
        matches!(self.root, Root::Custom(_))
    }
}

/// The program of a CEL expression, or what is wrong with its text.
pub(crate) fn program(source: &str) -> Result<Arc<Expression>, String> {
    program::compiled(source)
}

/// The functions that expressions have.
pub(crate) fn environment() -> Arc<cel::Env> {
    Arc::clone(program::env())
}

/// A tree as an expression sees it.
pub(crate) fn value_of(tree: &Tree) -> cel::Value {
    rule::convert(&Node::default(), tree)
}

/// A node, owned or one of the shared definitions of a table (which may be recursive).
#[derive(Clone)]
pub enum Ref {
    Own(Arc<Node>),
    Named(&'static Named),
}

pub struct Named {
    pub(crate) name: &'static str,
    table: &'static OnceLock<Table>,
    body: &'static str,
    node: OnceLock<Node>,
}

impl std::ops::Deref for Ref {
    type Target = Node;

    fn deref(&self) -> &Node {
        match self {
            Self::Own(node) => node,
            Self::Named(named) => named.node(),
        }
    }
}

impl std::fmt::Debug for Ref {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Own(node) => node.fmt(f),
            Self::Named(named) => f.write_str(named.name),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Type {
    #[default]
    Any,
    Object,
    List,
    String,
    Bytes,
    Int32,
    Integer,
    Number,
    Bool,
    IntOrString,
    Quantity,
    Time,
    MicroTime,
    /// A whole object of some kind, kept as it is.
    Raw,
}

impl Member {
    /// Builtin kinds: what stands in an object that nobody set this member of; `None` if nothing does.
    pub(crate) fn when_unset(&self) -> Option<Tree> {
        decode::when_unset(self)
    }
}

/// How two writers share a list, and what of its elements may not stand twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ListType {
    #[default]
    Atomic,
    Set,
    Map(Vec<Arc<str>>),
}

#[derive(Debug, Default)]
pub struct Node {
    pub kind: Type,
    /// The name of the server's own type, as it stands in decoding errors: `PodSpec`.
    pub type_name: &'static str,
    /// The definition's name in the table: `core.v1.PodSpec`; empty for custom nodes.
    pub definition: &'static str,
    pub nullable: bool,
    pub preserve: bool,
    pub embedded: bool,
    /// A map or list that is replaced as a whole by server-side apply.
    pub atomic: bool,
    pub list: ListType,
    /// Strategic merge: lists with a key are merged by it; `merge` alone joins lists of scalars.
    pub merge_key: Option<Arc<str>>,
    pub merge: bool,
    /// Sorted by name.
    pub members: Vec<Member>,
    pub additional: Option<Ref>,
    pub items: Option<Ref>,
    pub limits: Option<Box<Limits>>,
    pub rules: Vec<Rule>,
    pub traits: Traits,
    /// What `always` says, once it was asked.
    pub(crate) always: OnceLock<Vec<(Arc<str>, Tree)>>,
}

/// The type of sets of fields in managed fields: any value is read, only maps can be owned.
pub(crate) const FIELDS: &str = "FieldsV1";

/// What stands in a node or anywhere below it, so that walks can skip what has nothing for them.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub struct Traits {
    pub defaults: bool,
    /// A whole object.
    pub embeds: bool,
    pub unique: bool,
    pub rules: bool,
    /// A rule over the old value that may fail though nothing changed.
    pub transitions: bool,
}

#[derive(Debug)]
pub struct Member {
    pub name: Arc<str>,
    pub node: Ref,
    pub default: Option<Tree>,
    pub flags: Flags,
}

#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub struct Flags {
    pub required: bool,
    /// Builtin kinds: left out when empty.
    pub drop_empty: bool,
    /// Builtin kinds: there even when empty.
    pub always: bool,
    /// Builtin kinds: behind a feature that is off.
    pub gated: bool,
    /// Builtin kinds: null when empty.
    pub null: bool,
    /// Strategic merge: members that the patch does not name are cleared.
    pub retain_keys: bool,
    /// Strategic merge: the patch's map takes the place of the one that is there.
    pub replace: bool,
}

/// The rarer keywords.
#[derive(Debug, Default)]
pub struct Limits {
    pub enumeration: Vec<Tree>,
    pub minimum: Option<(f64, bool)>,
    pub maximum: Option<(f64, bool)>,
    pub multiple_of: Option<f64>,
    pub min_length: Option<u64>,
    pub max_length: Option<u64>,
    pub pattern: Option<format::Pattern>,
    pub format: Option<Arc<str>>,
    pub min_items: Option<u64>,
    pub max_items: Option<u64>,
    pub unique_items: bool,
    pub min_properties: Option<u64>,
    pub max_properties: Option<u64>,
    pub logic: Option<Box<logic::Logic>>,
    /// What has to be there and has no property of its own.
    pub required: Vec<Arc<str>>,
}

/// More members than any builtin type has.
const MANY: usize = 64;

impl Node {
    /// Members that objects of the server's own types always have, with what they have there when nobody set them;
    /// sorted by name.
    pub(crate) fn always(&self) -> &[(Arc<str>, Tree)] {
        self.always.get_or_init(|| {
            let always = |member: &Member| Some((member.name.clone(), member.when_unset()?));
            self.members.iter().filter_map(always).collect()
        })
    }

    pub fn member(&self, name: &str) -> Option<&Member> {
        // Comparing lengths tells most of them apart, so one by one is sooner than by halves, unless there are many.
        if self.members.len() <= MANY {
            return self.members.iter().find(|member| equal(&member.name, name));
        }
        let at = self.members.binary_search_by(|member| (*member.name).cmp(name)).ok()?;
        Some(&self.members[at])
    }
}

/// The element of an old list that an element of the new one continues: by its keys in a list of type map,
/// by its place elsewhere (good enough to see that nothing changed).
pub(crate) fn counterpart<'a>(
    node: &Node,
    old: Option<&'a Tree>,
    at: usize,
    item: &Tree,
) -> Option<&'a Tree> {
    let old = old?.items();
    let ListType::Map(keys) = &node.list else { return old.get(at) };
    let alike = |candidate: &&Tree| keys.iter().all(|key| candidate.get(key) == item.get(key));
    match old.get(at) {
        Some(same_place) if alike(&same_place) => Some(same_place),
        _ => old.iter().find(alike),
    }
}
