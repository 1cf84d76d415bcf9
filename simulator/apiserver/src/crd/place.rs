//! A place in a schema as expressions see it: of what type, and how large its values may be.

use std::sync::OnceLock;

use super::openapi::{list, on, sub, text};
use crate::Tree;
use crate::expression::Kind;
use crate::schema::{RESERVED, escaped};

/// The largest request that is read.
pub(super) const REQUEST: i64 = 3 * 1024 * 1024;
/// Of a text, an empty list, an empty object: their quotes.
const QUOTES: i64 = 2;
/// Of a time or a duration, with quotes.
const LONGEST_TIME: i64 = 32;
const DATE: i64 = 12;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'t> {
    schema: &'t Tree,
    /// A whole object, which has a name even if its schema does not say so.
    whole: bool,
}

enum Form {
    IntOrString,
    List,
    Map,
    Object,
    Bytes,
    Duration,
    Date,
    Time,
    Text,
    Bool,
    Number,
    Integer,
}

impl<'t> Place<'t> {
    pub(super) fn root(schema: &'t Tree) -> Self {
        Self { schema, whole: true }
    }

    pub(crate) fn new(schema: &'t Tree) -> Self {
        Self { schema, whole: on(schema, "x-kubernetes-embedded-resource") }
    }

    fn form(self) -> Option<Form> {
        if on(self.schema, "x-kubernetes-int-or-string") {
            return Some(Form::IntOrString);
        }
        Some(match (text(self.schema, "type"), text(self.schema, "format")) {
            ("array", _) => Form::List,
            ("object", _) if sub(self.schema, "additionalProperties").is_some() => Form::Map,
            ("object", _) => Form::Object,
            ("string", "byte") => Form::Bytes,
            ("string", "duration") => Form::Duration,
            ("string", "date") => Form::Date,
            ("string", "date-time") => Form::Time,
            ("string", _) => Form::Text,
            ("boolean", _) => Form::Bool,
            ("number", _) => Form::Number,
            ("integer", _) => Form::Integer,
            _ => return None,
        })
    }

    /// The type of its values; `None` if no expression can be about them.
    pub(crate) fn kind(self) -> Option<Kind> {
        // The real server names the types of a definition by the time of day.
        self.named("selfType0")
    }

    /// The same of a place whose type has that name: its own name goes after that of what it is in.
    fn named(self, name: &str) -> Option<Kind> {
        let inner = |of: Self, last: &str| of.named(&format!("{name}.{last}"));
        Some(match self.form()? {
            Form::IntOrString => Kind::Dyn,
            Form::List => Kind::list(inner(self.items()?, "@idx")?),
            Form::Map => Kind::map(Kind::String, inner(self.items()?, "@elem")?),
            Form::Object => {
                let member = |(own, member)| {
                    let key = escaped(own);
                    inner(member, &key).map(|kind| (key, kind))
                };
                Kind::object(name.to_owned(), self.members().filter_map(member))
            }
            Form::Bytes => Kind::Bytes,
            Form::Duration => Kind::Duration,
            Form::Date | Form::Time => Kind::Timestamp,
            Form::Text => Kind::String,
            Form::Bool => Kind::Bool,
            Form::Number => Kind::Double,
            Form::Integer => Kind::Int,
        })
    }

    /// Whether an expression can be about its values.
    fn is_known(self) -> bool {
        match self.form() {
            Some(Form::List | Form::Map) => self.items().is_some_and(Self::is_known),
            form => form.is_some(),
        }
    }

    /// What a list or a map holds.
    fn items(self) -> Option<Self> {
        match self.form()? {
            Form::List => sub(self.schema, "items").map(Self::new),
            Form::Map => sub(self.schema, "additionalProperties").map(Self::new),
            _ => None,
        }
    }

    /// The members of an object by their own names.
    fn members(self) -> impl Iterator<Item = (&'t str, Self)> {
        let adds = self.whole && !is_whole(self.schema);
        let own = sub(self.schema, "properties").into_iter().flat_map(Tree::entries);
        let own = own.filter(move |(name, _)| !(adds && META.contains(name)));
        let added = sub(whole(), "properties").into_iter().flat_map(Tree::entries);
        own.chain(added.filter(move |_| adds)).map(|(name, schema)| (name, Self::new(schema)))
    }

    /// A member by its name in expressions.
    fn member(self, name: &str) -> Option<Self> {
        if !matches!(self.form()?, Form::Object) {
            return None;
        }
        let (_, found) = self.members().find(|(own, _)| {
            // Most names are written as they are.
            *own == name && !RESERVED.contains(own) || escaped(own) == name
        })?;
        found.is_known().then_some(found)
    }

    /// The greatest size of the values that a route from here leads to.
    pub(crate) fn greatest_at(self, steps: &[&str]) -> Option<u64> {
        let mut at = self;
        for (index, step) in steps.iter().enumerate() {
            at = match *step {
                "@items" | "@values" => at.items()?,
                // Nobody says how long a key may be: it counts for nothing, and leads nowhere.
                "@keys" => {
                    let is_map = matches!(at.form()?, Form::Map);
                    return (is_map && index + 1 == steps.len()).then_some(0);
                }
                name => at.member(name)?,
            };
        }
        Some(at.greatest())
    }

    fn count(self, key: &str) -> Option<i64> {
        self.schema.int_at(&[key]).map(|most| most.max(0))
    }

    /// The greatest size of its values.
    fn greatest(self) -> u64 {
        let length = || self.count("maxLength");
        // A character is up to four bytes.
        let bytes = || length().map(|most| most.wrapping_mul(4));
        let least = |of: Option<Self>| of.map_or(0, Self::least);
        let most = match self.form() {
            Some(Form::IntOrString) => bytes().unwrap_or(REQUEST - QUOTES),
            Some(Form::List) => self
                .count("maxItems")
                .unwrap_or_else(|| (REQUEST - QUOTES) / (least(self.items()) + 1)),
            Some(Form::Map) => self
                .count("maxProperties")
                .unwrap_or_else(|| (REQUEST - QUOTES) / (least(self.items()) + 6)),
            Some(Form::Bytes) => length().unwrap_or(REQUEST - QUOTES),
            Some(Form::Duration | Form::Time) => LONGEST_TIME,
            Some(Form::Date) => DATE,
            Some(Form::Text) => {
                bytes().or_else(|| self.longest_choice()).unwrap_or(REQUEST - QUOTES)
            }
            Some(Form::Object | Form::Bool | Form::Number | Form::Integer) | None => 0,
        };
        most.cast_unsigned()
    }

    fn longest_choice(self) -> Option<i64> {
        let choices = list(self.schema, "enum");
        let longest = choices.iter().filter_map(Tree::as_str).map(str::len).max();
        (!choices.is_empty()).then(|| longest.unwrap_or(0).cast_signed() as i64)
    }

    /// The least bytes that a value is written in.
    pub(super) fn least(self) -> i64 {
        match self.form() {
            Some(Form::IntOrString | Form::Number | Form::Integer) => 1,
            Some(Form::Duration) => 3,
            Some(Form::Date) => DATE,
            Some(Form::Time) => 21,
            Some(Form::Bool) => 4,
            Some(Form::Object) => {
                let required = list(self.schema, "required");
                let is_required =
                    |name: &str| required.iter().any(|one| one.as_str() == Some(name));
                let members = self.members().filter(|(name, member)| {
                    let default = member.schema.get("default").filter(|value| !value.is_null());
                    is_required(name) && default.is_none() && member.is_known()
                });
                let each = members
                    .map(|(name, member)| name.len().cast_signed() as i64 + member.least() + 4);
                QUOTES + each.sum::<i64>()
            }
            Some(Form::List | Form::Map | Form::Bytes | Form::Text) | None => QUOTES,
        }
    }
}

const META: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// What every whole object has.
fn whole() -> &'static Tree {
    static WHOLE: OnceLock<Tree> = OnceLock::new();
    WHOLE.get_or_init(|| {
        let text = || Tree::map([("type", Tree::from("string"))]);
        let object =
            |members: Tree| Tree::map([("type", Tree::from("object")), ("properties", members)]);
        let metadata = object(Tree::map([("name", text()), ("generateName", text())]));
        object(Tree::map([("apiVersion", text()), ("kind", text()), ("metadata", metadata)]))
    })
}

/// Whether a schema says of itself what every whole object has.
fn is_whole(schema: &Tree) -> bool {
    let kind = |path: &[&str]| {
        let path: Vec<&str> = path.iter().flat_map(|name| ["properties", *name]).collect();
        schema.at(&path).map_or("", |member| text(member, "type"))
    };
    kind(&["kind"]) == "string"
        && kind(&["apiVersion"]) == "string"
        && kind(&["metadata"]) == "object"
        && kind(&["metadata", "name"]) == "string"
        && kind(&["metadata", "generateName"]) == "string"
}
