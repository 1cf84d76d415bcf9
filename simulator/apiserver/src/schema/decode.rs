//! What reading JSON into the server's own types does to an object of a builtin kind.
//!
//! Members that the type lacks are lost (and reported), nulls are as if absent, quantities and times take their
//! canonical form, and what the type leaves out when empty is left out. A value of the wrong type refuses the
//! whole body.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Member, Node, Path, Ref, Schema, Type, counterpart, format};
use crate::{Tree, golang, quantity};

/// A value that does not fit its type, in the words of Go's JSON decoder.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Misfit(pub String);

/// A walk's findings besides the tree.
#[derive(Debug, Default)]
pub(super) struct Unknown {
    /// The paths of members that the type lacks.
    pub paths: Vec<String>,
    /// The first value of a wrong type. Go reads on after it, and only says so if nothing worse follows: a value that
    /// a type which reads itself (a quantity, a time) cannot read.
    pub misfit: Option<Misfit>,
    /// What of the metadata of a custom object cannot be read is as if not said.
    pub is_lenient: bool,
}

impl Unknown {
    pub(super) fn lenient() -> Self {
        Self { is_lenient: true, ..Self::default() }
    }
}

impl Schema {
    /// The object as it would be read, and the paths of the members that the type lacks.
    pub fn decode(&self, tree: &Tree, old: Option<&Tree>) -> Result<(Tree, Vec<String>), Misfit> {
        let mut unknown = Unknown::default();
        let new = decode(self.node(), tree, old, &Path::Root, &Owner::NONE, &mut unknown)?;
        match unknown.misfit {
            Some(misfit) => Err(misfit),
            None => Ok((new.unwrap_or_else(|| tree.clone()), unknown.paths)),
        }
    }

    /// The same for the metadata of a custom object.
    pub(super) fn decode_meta(
        &self,
        meta: &Tree,
        old: Option<&Tree>,
        above: &Path<'_>,
        unknown: &mut Unknown,
    ) -> Result<Option<Tree>, Misfit> {
        let at = above.field("metadata");
        let is_lenient = unknown.is_lenient && matches!(above, Path::Root);
        let mut read = |meta: &Tree| {
            let new = decode(&self.meta, meta, old, &at, &Owner::NONE, unknown)?;
            unknown.misfit.take().map_or(Ok(new), Err)
        };
        match read(meta) {
            Err(_) if is_lenient => {}
            read => return read,
        }
        let member = |(key, value): (&str, &Tree)| {
            let alone = Tree::map([(key, value.clone())]);
            let new = read(&alone).ok()?.unwrap_or(alone);
            Some((key.to_owned(), new.get(key)?.clone()))
        };
        Ok(Some(Tree::map(meta.entries().filter_map(member))))
    }
}

/// Why a tree cannot be read as metadata.
pub(super) fn misfit_of_meta(meta: &Ref, tree: &Tree) -> Option<Misfit> {
    let mut unknown = Unknown::default();
    let at = Path::Root.field("metadata");
    let read = decode(meta, tree, None, &at, &Owner::NONE, &mut unknown);
    read.err().or(unknown.misfit)
}

/// Whether a tree can be read. What does not end the reading is left in `unknown`.
pub(super) fn check(node: &Ref, tree: &Tree, unknown: &mut Unknown) -> Result<(), Misfit> {
    decode(node, tree, None, &Path::Root, &Owner::NONE, unknown).map(drop)
}

/// The innermost struct on the way, and the path below the outermost: what Go names in its message.
struct Owner<'a> {
    type_name: &'a str,
    definition: &'a str,
    up: Option<(&'a Owner<'a>, &'a str)>,
}

impl Owner<'_> {
    const NONE: Owner<'static> = Owner { type_name: "", definition: "", up: None };

    fn path(&self) -> String {
        match self.up {
            Some((up, name)) if up.up.is_some() => format!("{}.{name}", up.path()),
            Some((_, name)) => name.to_owned(),
            None => String::new(),
        }
    }

    fn struct_name(&self) -> &str {
        match self.up {
            Some((up, _)) if self.type_name.is_empty() => up.struct_name(),
            _ => self.type_name,
        }
    }

    /// Whether a schema, or yes or no, stands in this member.
    fn is_yes_or_schema(&self) -> bool {
        let member = self.up.map_or("", |(_, name)| name);
        self.definition() == "apiextensions.v1.JSONSchemaProps"
            && matches!(member, "additionalProperties" | "additionalItems")
    }

    fn definition(&self) -> &str {
        match self.up {
            Some((up, _)) if self.type_name.is_empty() => up.definition(),
            _ => self.definition,
        }
    }
}

/// `None`: it stays as it is.
fn decode(
    node: &Ref,
    tree: &Tree,
    old: Option<&Tree>,
    path: &Path<'_>,
    owner: &Owner<'_>,
    unknown: &mut Unknown,
) -> Result<Option<Tree>, Misfit> {
    if old.is_some_and(|old| old.same(tree)) {
        return Ok(None);
    }
    match node.kind {
        Type::Any if owner.is_yes_or_schema() && !(tree.is_map() || tree.as_bool().is_some()) => {
            Err(Misfit("boolean or JSON schema expected".to_owned()))
        }
        Type::Any | Type::Raw => Ok(None),
        Type::Object if tree.is_map() => match &node.additional {
            Some(additional) => map(additional, tree, old, path, owner, unknown),
            None => object(node, tree, old, path, owner, unknown),
        },
        Type::List if tree.is_list() => list(node, tree, old, path, owner, unknown),
        _ => scalar(node, tree, owner, unknown),
    }
}

fn object(
    node: &Node,
    tree: &Tree,
    old: Option<&Tree>,
    path: &Path<'_>,
    owner: &Owner<'_>,
    unknown: &mut Unknown,
) -> Result<Option<Tree>, Misfit> {
    // The copy begins with the first difference: most objects need none.
    let mut copy: Option<Vec<(&str, Tree)>> = None;
    let mut seen = 0_usize;
    let total_always = node.always().len();
    for (at, (key, value)) in tree.entries().enumerate() {
        let Some(member) = node.member(key) else {
            unknown.paths.push(path.field(key).to_string());
            begin(&mut copy, tree, at);
            continue;
        };
        if value.is_null() {
            if member.flags.null {
                seen += 1;
                if let Some(copy) = &mut copy {
                    copy.push((key, Tree::null()));
                }
            } else {
                begin(&mut copy, tree, at);
            }
            continue;
        }
        let inner = Owner {
            type_name: node.type_name,
            definition: node.definition,
            up: Some((owner, key)),
        };
        let old = old.and_then(|old| old.get(key));
        let new = decode(&member.node, value, old, &path.field(key), &inner, unknown)?;
        let now = new.as_ref().unwrap_or(value);
        if member.flags.drop_empty && is_zero(now) {
            begin(&mut copy, tree, at);
            continue;
        }
        seen += usize::from(stays(member));
        match (new, &mut copy) {
            (None, None) => {}
            (None, Some(copy)) => copy.push((key, value.clone())),
            (Some(new), _) => {
                begin(&mut copy, tree, at);
                copy.get_or_insert_default().push((key, new));
            }
        }
    }
    if seen < total_always {
        begin(&mut copy, tree, tree.entries().len());
        let copy = copy.get_or_insert_default();
        for member in node.members.iter().filter(|member| stays(member)) {
            if !copy.iter().any(|(key, _)| **key == *member.name) {
                if member.flags.null {
                    copy.push((&member.name, Tree::null()));
                    continue;
                }
                let inner = Owner { up: Some((owner, &member.name)), ..Owner::NONE };
                let at = path.field(&member.name);
                copy.push((&member.name, unset(&member.node, &at, &inner, unknown)?));
            }
        }
    }
    Ok(copy.map(Tree::map))
}

/// Whether a member stands in every object: one that the type does not leave out when empty.
fn stays(member: &Member) -> bool {
    let plain = matches!(
        member.node.kind,
        Type::String | Type::Int32 | Type::Integer | Type::Number | Type::Bool
    );
    member.flags.always
        || member.flags.null
        || (member.flags.required && plain && !member.flags.drop_empty)
}

/// What Go's zero value of a member looks like, where it is not left out.
pub(super) fn when_unset(member: &Member) -> Option<Tree> {
    stays(member).then(|| match member.node.kind {
        _ if member.flags.null => Tree::null(),
        Type::List => Tree::null(),
        _ => zero(&member.node),
    })
}

/// A value with all that its type always shows.
pub(super) fn with_unset(node: &Node, tree: &Tree) -> Tree {
    let mut tree = tree.clone();
    for member in &node.members {
        let name = [&*member.name];
        let found = tree.get(name[0]).cloned().or_else(|| when_unset(member));
        if let Some(found) = found {
            let whole = if found.is_map() { with_unset(&member.node, &found) } else { found };
            tree = tree.with(&name, whole);
        }
    }
    tree
}

fn begin<'t>(copy: &mut Option<Vec<(&'t str, Tree)>>, tree: &'t Tree, until: usize) {
    if copy.is_none() {
        let before = tree.entries().take(until).map(|(key, value)| (key, value.clone()));
        *copy = Some(before.collect());
    }
}

/// False, zero, and the empty: what an optional member of plain type is left out for.
fn is_zero(tree: &Tree) -> bool {
    match (tree.as_bool(), tree.as_f64()) {
        (Some(value), _) => !value,
        (_, Some(number)) => number == 0.0,
        _ => (tree.is_list() || tree.is_string() || tree.is_map()) && tree.is_empty(),
    }
}

fn map(
    additional: &Ref,
    tree: &Tree,
    old: Option<&Tree>,
    path: &Path<'_>,
    owner: &Owner<'_>,
    unknown: &mut Unknown,
) -> Result<Option<Tree>, Misfit> {
    let mut copy: Option<Vec<(&str, Tree)>> = None;
    for (at, (key, value)) in tree.entries().enumerate() {
        let place = path.field(key);
        let new = if value.is_null() {
            Some(unset(additional, &place, owner, unknown)?)
        } else {
            let old = old.and_then(|old| old.get(key));
            decode(additional, value, old, &place, owner, unknown)?
        };
        match (new, &mut copy) {
            (None, None) => {}
            (None, Some(copy)) => copy.push((key, value.clone())),
            (Some(new), _) => {
                begin(&mut copy, tree, at);
                copy.get_or_insert_default().push((key, new));
            }
        }
    }
    Ok(copy.map(Tree::map))
}

fn list(
    node: &Node,
    tree: &Tree,
    old: Option<&Tree>,
    path: &Path<'_>,
    owner: &Owner<'_>,
    unknown: &mut Unknown,
) -> Result<Option<Tree>, Misfit> {
    let Some(items) = &node.items else { return Ok(None) };
    let mut copy: Option<Vec<Tree>> = None;
    for (at, item) in tree.items().iter().enumerate() {
        let place = path.index(at);
        let new = if item.is_null() {
            Some(unset(items, &place, owner, unknown)?)
        } else {
            let old = counterpart(node, old, at, item);
            decode(items, item, old, &place, owner, unknown)?
        };
        if let Some(new) = new {
            copy.get_or_insert_with(|| tree.items().to_vec())[at] = new;
        }
    }
    Ok(copy.map(Tree::list))
}

/// What stands where nothing was set, with all that its type always shows.
fn unset(
    node: &Ref,
    path: &Path<'_>,
    owner: &Owner<'_>,
    unknown: &mut Unknown,
) -> Result<Tree, Misfit> {
    let empty = zero(node);
    if empty.is_null() {
        return Ok(empty);
    }
    Ok(decode(node, &empty, None, path, owner, unknown)?.unwrap_or(empty))
}

fn zero(node: &Node) -> Tree {
    match node.kind {
        Type::Object | Type::Raw => Tree::empty_map(),
        Type::List => Tree::list([]),
        Type::Int32 | Type::Integer | Type::Number => Tree::from(0_i64),
        Type::Bool => Tree::from(false),
        Type::Quantity => Tree::from("0"),
        Type::Time | Type::MicroTime => Tree::null(),
        _ => Tree::from(""),
    }
}

fn scalar(
    node: &Node,
    tree: &Tree,
    owner: &Owner<'_>,
    unknown: &mut Unknown,
) -> Result<Option<Tree>, Misfit> {
    let fits = match node.kind {
        Type::String => tree.is_string(),
        Type::Bool => tree.as_bool().is_some(),
        Type::Int32 => tree.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
        Type::Integer => tree.as_i64().is_some(),
        Type::Number => tree.is_number(),
        Type::IntOrString => {
            if !is_int_or_string(tree) {
                return Err(wrong(tree, "int32", owner));
            }
            true
        }
        Type::Quantity => return quantity_of(tree),
        // Bytes may be told one by one.
        Type::Bytes if tree.is_list() => {
            let byte = |item: &Tree| match item.as_i64() {
                None if item.is_null() => Some(0),
                number => u8::try_from(number?).ok(),
            };
            let Some(bytes) = tree.items().iter().map(byte).collect::<Option<Vec<u8>>>() else {
                unknown.misfit.get_or_insert_with(|| wrong(tree, "uint8", owner));
                return Ok(None);
            };
            return Ok(Some(Tree::from(STANDARD.encode(bytes))));
        }
        Type::Bytes => {
            if let Some(at) = tree.as_str().and_then(format::bad_base64) {
                let why = format!("illegal base64 data at input byte {at}");
                unknown.misfit.get_or_insert(Misfit(why));
            }
            tree.is_string()
        }
        Type::Time | Type::MicroTime => return time(node.kind, tree, owner),
        _ => false,
    };
    if !fits {
        unknown.misfit.get_or_insert_with(|| wrong(tree, &go_type(node), owner));
    }
    Ok(None)
}

fn quantity_of(tree: &Tree) -> Result<Option<Tree>, Misfit> {
    let text = match tree.as_str() {
        Some(text) => text.to_owned(),
        None if tree.is_number() => tree.to_value().to_string(),
        None => return Err(Misfit(quantity::BAD.to_owned())),
    };
    let canonical = quantity::canonical(&text).map_err(|why| Misfit(why.to_owned()))?;
    Ok((tree.as_str() != Some(&*canonical)).then(|| Tree::from(&*canonical)))
}

/// Why a value is none of the types that read themselves, in words that know nothing of where it stands.
pub(super) fn unreadable(kind: Type, tree: &Tree) -> Option<String> {
    let misfit = match kind {
        Type::Time | Type::MicroTime => time(kind, tree, &Owner::NONE).err(),
        Type::Quantity => quantity_of(tree).err(),
        Type::IntOrString => (!is_int_or_string(tree)).then(|| wrong(tree, "int32", &Owner::NONE)),
        _ => None,
    };
    misfit.map(|misfit| misfit.0)
}

fn is_int_or_string(tree: &Tree) -> bool {
    tree.is_string() || tree.as_i64().is_some_and(|number| i32::try_from(number).is_ok())
}

fn time(kind: Type, tree: &Tree, owner: &Owner<'_>) -> Result<Option<Tree>, Misfit> {
    let Some(text) = tree.as_str() else { return Err(wrong(tree, "string", owner)) };
    let is_micro = kind == Type::MicroTime;
    let time = golang::time::parse(text, is_micro).map_err(Misfit)?;
    let canonical = if is_micro { format!("{time:.6}") } else { format!("{time:.0}") };
    Ok((canonical != text).then(|| Tree::from(canonical)))
}

pub(super) fn go_type(node: &Node) -> String {
    match node.kind {
        Type::String => "string".to_owned(),
        Type::Bool => "bool".to_owned(),
        Type::Int32 => "int32".to_owned(),
        Type::Integer => "int64".to_owned(),
        Type::Number => "float64".to_owned(),
        Type::Bytes => "[]uint8".to_owned(),
        Type::List => match node.items.as_deref() {
            // The one list of anything has the choices of a schema.
            Some(items) if items.kind == Type::Any => "[]v1.JSON".to_owned(),
            items => format!("[]{}", items.map_or_else(String::new, go_type)),
        },
        Type::Object => match &node.additional {
            Some(values) => format!("map[string]{}", go_type(values)),
            None => go_struct(node),
        },
        Type::Quantity => "resource.Quantity".to_owned(),
        Type::Time => "v1.Time".to_owned(),
        Type::MicroTime => "v1.MicroTime".to_owned(),
        _ => "interface {}".to_owned(),
    }
}

/// `v1.PodSpec`: Go's package name is the version.
pub(super) fn go_struct(node: &Node) -> String {
    let mut parts = node.definition.rsplit('.');
    let name = parts.next().unwrap_or_default();
    format!("{}.{name}", parts.next().unwrap_or("v1"))
}

/// The own name of a member's type, where it has one: `v1.PullPolicy`, `[]v1.KeyUsage`.
pub(super) fn own_name(definition: &str, member: &str) -> Option<&'static str> {
    static NAMES: LazyLock<BTreeMap<(&str, &str, &str), &str>> = LazyLock::new(|| {
        let lines = include_str!("../../tables/types.txt").lines();
        let lines = lines.filter(|line| !line.starts_with('#'));
        let words = lines.filter_map(|line| {
            let mut words = line.split(' ');
            let (group, name) = words.next()?.split_once('.')?;
            Some(((group, name, words.next()?), words.next()?))
        });
        words.collect()
    });
    // Some stand twice in the table, once with other rules for who owns them.
    let definition = definition.strip_prefix("granular.").unwrap_or(definition);
    let (group, name) = (definition.split('.').next()?, definition.rsplit('.').next()?);
    NAMES.get(&(group, name, member)).copied()
}

const EXTRA: &str = "map[string]v1.ExtraValue";

/// That of the member where a value of the type `wanted` was expected.
fn own_type(wanted: &str, owner: &Owner<'_>) -> Option<String> {
    let path = owner.path();
    let name = own_name(owner.definition(), path.rsplit('.').next()?)?;
    let is_list = name.starts_with("[]");
    match wanted {
        // The one such type that is a list itself.
        "[]string" if name == EXTRA => Some("v1.ExtraValue".to_owned()),
        "string" if name == EXTRA => None,
        // Of a list or a map, the name of what it holds.
        "string" => Some(name.rsplit(']').next().unwrap_or(name).to_owned()),
        "[]string" if is_list => Some(name.to_owned()),
        _ if wanted.starts_with("[]v1.") && !is_list => Some(name.to_owned()),
        _ if wanted.starts_with("map[") && !is_list => Some(name.to_owned()),
        _ => None,
    }
}

fn wrong(tree: &Tree, wanted: &str, owner: &Owner<'_>) -> Misfit {
    let own = own_type(wanted, owner);
    let wanted = own.as_deref().unwrap_or(wanted);
    let got = match tree.type_name() {
        "boolean" => "bool".to_owned(),
        // What does not fit an integer is named by its digits.
        "integer" | "number" if wanted.starts_with("int") => format!("number {}", tree.to_value()),
        "integer" | "number" => "number".to_owned(),
        other => other.to_owned(),
    };
    let (name, path) = (owner.struct_name(), owner.path());
    if path.is_empty() {
        Misfit(format!("json: cannot unmarshal {got} into Go value of type {wanted}"))
    } else {
        Misfit(format!(
            "json: cannot unmarshal {got} into Go struct field {name}.{path} of type {wanted}"
        ))
    }
}
