//! How the writers of an object share what stands at a place in it.

use std::sync::{Arc, OnceLock};

use super::set::{Element, Scalar};
use crate::object::Tree;
use crate::schema::{ListType, Node, Schema, Type};

/// A place in the objects of a kind. Cheap to copy.
#[derive(Clone, Copy)]
pub(super) struct Shape<'a> {
    schema: &'a Schema,
    /// `None`: the schema does not say; maps are shared by member there, lists not at all.
    node: Option<&'a Node>,
    /// A custom object, whose metadata its schema does not tell.
    object: bool,
    /// Somewhere above, anything may stand: so it may here.
    loose: bool,
}

pub(super) enum Form<'a> {
    /// One writer has all of it.
    Whole,
    /// Each member on its own.
    Members,
    /// Each element on its own.
    Elements(&'a ListType),
}

/// What a schema says of a member of a map.
pub(super) enum Known<'a> {
    /// By name.
    Field(Shape<'a>),
    /// As any other.
    Any(Shape<'a>),
    Nothing,
}

/// What nobody looks into.
fn whole() -> &'static Node {
    static WHOLE: OnceLock<Node> = OnceLock::new();
    WHOLE.get_or_init(|| Node { kind: Type::Raw, ..Node::default() })
}

/// What an object says that it is.
fn word() -> &'static Node {
    static WORD: OnceLock<Node> = OnceLock::new();
    WORD.get_or_init(|| Node { kind: Type::String, ..Node::default() })
}

impl<'a> Shape<'a> {
    pub(super) fn root(schema: &'a Schema) -> Self {
        if schema.is_guessed() {
            return Self { schema, node: None, object: false, loose: false };
        }
        let root = schema.root();
        let object = schema.is_custom();
        Self { schema, node: Some(root), object, loose: object && root.preserve }
    }

    /// Whether it is a text in some form, which is looked at elsewhere.
    pub(super) fn is_of_any_scalar(&self) -> bool {
        let format = self.node.and_then(|node| node.limits.as_ref()?.format.as_deref());
        format.is_some_and(|format| !matches!(format, "" | "byte"))
    }

    /// Whether who applies an empty map owns it: older servers saw nothing there.
    pub(super) fn owns_empty(&self) -> bool {
        self.schema.minor() >= 21
    }

    pub(super) fn minor(&self) -> u32 {
        self.schema.minor()
    }

    pub(super) fn is_custom(&self) -> bool {
        self.schema.is_custom()
    }

    pub(super) fn node(&self) -> Option<&'a Node> {
        self.node
    }

    /// The form of two values of this place, of which one may be missing.
    pub(super) fn form(&self, old: Option<&Tree>, new: Option<&Tree>) -> Form<'a> {
        let Some(node) = self.node else { return Self::guess(old, new) };
        match node.kind {
            Type::List => match &node.list {
                ListType::Atomic => Form::Whole,
                list => Form::Elements(list),
            },
            Type::Object if node.atomic => Form::Whole,
            Type::Any if node.members.is_empty() && node.additional.is_none() => {
                Self::guess(old, new)
            }
            Type::Object | Type::Any => Form::Members,
            _ => Form::Whole,
        }
    }

    fn guess(old: Option<&Tree>, new: Option<&Tree>) -> Form<'a> {
        let fits = |tree: Option<&Tree>| tree.is_none_or(|tree| tree.is_map() || tree.is_null());
        let is_map = old.or(new).is_some_and(Tree::is_map) || new.is_some_and(Tree::is_map);
        if is_map && fits(old) && fits(new) { Form::Members } else { Form::Whole }
    }

    pub(super) fn member(&self, name: &str) -> Known<'a> {
        let schema = self.schema;
        let inherits = |node: &Node| schema.is_custom() && (self.loose || node.preserve);
        let below = |node: &'a Node| Shape {
            schema,
            node: Some(node),
            object: false,
            loose: inherits(node),
        };
        let untyped = Shape { schema, node: None, object: false, loose: self.loose };
        if self.object {
            match name {
                // It is of a type of its own, wherever it stands.
                "metadata" => {
                    return Known::Field(Shape { loose: false, ..below(self.schema.meta()) });
                }
                "apiVersion" | "kind" => return Known::Field(below(word())),
                _ => {}
            }
        }
        let Some(node) = self.node else { return Known::Any(untyped) };
        if let Some(member) = node.member(name) {
            let inner = &*member.node;
            return Known::Field(Shape { object: inner.embedded, ..below(inner) });
        }
        match &node.additional {
            Some(inner) => Known::Any(Shape { object: inner.embedded, ..below(inner) }),
            // Of what they had no type for at all, older servers shared the members as wholes.
            None if self.schema.minor() < 21 && node.preserve && self.is_bare(node) => {
                Known::Any(below(whole()))
            }
            None if node.preserve || self.loose || node.kind == Type::Raw || self.is_bare(node) => {
                Known::Any(untyped)
            }
            None => Known::Nothing,
        }
    }

    /// Whether nothing is said of what may stand in a node of a custom kind.
    fn is_bare(&self, node: &Node) -> bool {
        self.schema.is_custom() && node.members.is_empty() && !node.embedded && !self.object
    }

    /// As `member`, for objects that were checked before.
    pub(super) fn below(&self, name: &str) -> Self {
        match self.member(name) {
            Known::Field(shape) | Known::Any(shape) => shape,
            Known::Nothing => Self { schema: self.schema, node: None, object: false, loose: false },
        }
    }

    pub(super) fn is_field(&self, name: &str) -> bool {
        matches!(self.member(name), Known::Field(_))
    }

    pub(super) fn element(&self) -> Self {
        let node = self.node.and_then(|node| node.items.as_deref());
        let object = node.is_some_and(|node| node.embedded);
        let loose = self.loose || self.schema.is_custom() && node.is_some_and(|it| it.preserve);
        Self { schema: self.schema, node, object, loose }
    }

    /// Members that objects always have here, with what they have there when nobody set them; sorted by name. Custom
    /// objects have what was written.
    pub(super) fn always(&self) -> &'a [(Arc<str>, Tree)] {
        self.node.filter(|_| !self.schema.is_custom()).map_or(&[], Node::always)
    }

    /// The step to an element of a list at this place. `Err` with why there is none.
    pub(super) fn step(&self, list: &ListType, item: &Tree) -> Result<Element, String> {
        match list {
            ListType::Map(keys) => self.by_keys(keys, item),
            _ if item.is_map() => {
                Err("associative list without keys has an element that's a map type".to_owned())
            }
            _ if item.is_list() => {
                Err("not supported: associative list with lists as elements".to_owned())
            }
            _ if item.is_null() => {
                Err("associative list without keys has an element that's an explicit null"
                    .to_owned())
            }
            _ => Ok(Element::Value(Scalar(item.clone()))),
        }
    }

    fn by_keys(&self, keys: &[Arc<str>], item: &Tree) -> Result<Element, String> {
        if item.is_null() {
            return Err("associative list with keys may not have a null element".to_owned());
        }
        if !item.is_map() {
            return Err("associative list with keys may not have non-map elements".to_owned());
        }
        let node = self.element().node;
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            // Older servers did not know what a key is when it is left out.
            let of_ports = node.is_some_and(|node| node.type_name == "ContainerPort");
            let knows = self.schema.minor() >= 21 || of_ports;
            let default =
                || node.filter(|_| knows).and_then(|node| node.member(key)?.default.clone());
            // What a type always has is empty when it is left out.
            let unnamed = || {
                let node = node.filter(|_| self.schema.minor() >= 31)?;
                let member = node.member(key).filter(|_| !node.definition.is_empty())?;
                let named = node.type_name == "LocalObjectReference";
                match member.node.kind {
                    Type::String if member.flags.required || named => Some(Tree::from("")),
                    Type::Int32 | Type::Integer if member.flags.required => Some(Tree::from(0)),
                    _ => None,
                }
            };
            match item.get(key).cloned().or_else(default).or_else(unnamed) {
                Some(value) => found.push((Arc::clone(key), Scalar(value))),
                // An element without that key is another one than those with it.
                None if self.schema.minor() >= 30 => {}
                None => {
                    return Err(format!(
                        "associative list with keys has an element that omits key field {key:?} (and doesn't have default value)"
                    ));
                }
            }
        }
        if found.is_empty() {
            let keys: Vec<String> = keys.iter().map(|key| format!("{key:?}")).collect();
            return Err(format!(
                "associative list with keys has an element that omits all key fields [{}] (and doesn't have default values for any key fields)",
                keys.join(" ")
            ));
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(Element::Key(found))
    }
}
