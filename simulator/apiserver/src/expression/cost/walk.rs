//! The walk over an expression that adds up what its parts cost. It knows of sizes what the text says of them and what
//! the schema allows, and forgets them where the server's estimator does.

use super::super::Kind;
use super::super::check::Checked;
use super::super::functions::How;
use super::super::tree::{At, Literal, Loop, Tree, What};
use super::route::Route;
use super::size::Size;
use crate::crd::Place;

const LIST: u64 = 10;
const MAP: u64 = 30;
const STRUCT: u64 = 40;

/// What is known of what a list or a map holds.
#[derive(Clone, Copy, Debug)]
struct Held {
    is_list: bool,
    key: Size,
    value: Size,
}

impl Held {
    fn union(self, other: Self) -> Self {
        let (key, value) = (self.key.union(other.key), self.value.union(other.value));
        Self { key, value, ..self }
    }
}

struct Local<'a> {
    name: &'a str,
    route: Option<Route<'a>>,
    size: Option<Size>,
    held: Option<Held>,
}

/// A part as a function sees it.
pub(super) struct Seen<'a> {
    pub(super) at: At,
    pub(super) route: Option<Route<'a>>,
    size: Option<Size>,
}

/// What a call costs beside its arguments, and how large what it makes is.
#[derive(Clone, Copy)]
pub(super) struct Charge(pub(super) u64, pub(super) Option<Size>);

pub(super) struct Walk<'c, 'a> {
    tree: &'c Tree<'a>,
    pub(super) checked: &'c Checked<'a>,
    /// What `self` is.
    root: Place<'c>,
    routes: Vec<Option<Route<'a>>>,
    sizes: Vec<Option<Size>>,
    held: Vec<Option<Held>>,
    locals: Vec<Local<'a>>,
}

impl<'c, 'a> Walk<'c, 'a> {
    pub(super) fn new(checked: &'c Checked<'a>, root: Place<'c>) -> Self {
        let tree = &checked.tree;
        let count = tree.nodes.len();
        Self {
            tree,
            checked,
            root,
            routes: vec![None; count],
            sizes: vec![None; count],
            held: vec![None; count],
            locals: Vec::new(),
        }
    }

    /// The most that a part may cost.
    pub(super) fn cost(&mut self, at: At) -> u64 {
        let tree = self.tree;
        match &tree.nodes[at] {
            What::Literal(_) => 0,
            What::Name(name) => {
                let local = self.local(name);
                self.routes[at] = match local {
                    Some(local) => local.route.clone(),
                    None => Some(Route::new(name)),
                };
                1
            }
            // To ask whether a member is there is free.
            What::Has { of, .. } => self.cost(*of),
            What::Select { of, field } => {
                let cost = self.cost(*of);
                let has_members = matches!(
                    self.checked.kind(*of),
                    Kind::Map(..) | Kind::Object(_) | Kind::Named(_)
                );
                self.routes[at] = Some(Route::on(self.route(*of), field));
                cost.saturating_add(u64::from(has_members))
            }
            What::Call { name: "dyn", takes, .. } => {
                let cost = takes.first().map_or(0, |one| self.cost(*one));
                if let Some(one) = takes.first() {
                    self.copy_sizes(at, *one);
                }
                cost.saturating_add(1)
            }
            What::Call { target, takes, .. } => self.call(at, *target, takes),
            What::List(items) => {
                let all = items.iter().map(|(item, _)| *item);
                let (cost, value) = self.each(all);
                self.held[at] = Some(Held { is_list: true, key: Size::exactly(1), value });
                cost.saturating_add(LIST)
            }
            What::Map(entries) => {
                // A key is charged before its value.
                let mut cost = 0u64;
                let (mut key, mut value) =
                    (Size::of_none(entries.len()), Size::of_none(entries.len()));
                for ([k, v], _) in entries {
                    cost = cost.saturating_add(self.cost(*k)).saturating_add(self.cost(*v));
                    key = key.union(self.size_or_any(*k));
                    value = value.union(self.size_or_any(*v));
                }
                self.held[at] = Some(Held { is_list: false, key, value });
                cost.saturating_add(MAP)
            }
            What::Struct(_) => STRUCT,
            What::Loop(all) => self.gather(at, all),
            What::Bind { name, value, body } => {
                let mut cost = self.cost(*value).saturating_add(LIST);
                self.push_bound(name, *value);
                cost = cost.saturating_add(self.cost(*body));
                self.locals.pop();
                self.copy_sizes(at, *body);
                cost
            }
        }
    }

    fn each(&mut self, all: impl ExactSizeIterator<Item = At>) -> (u64, Size) {
        let (mut cost, mut size) = (0u64, Size::of_none(all.len()));
        for one in all {
            cost = cost.saturating_add(self.cost(one));
            size = size.union(self.size_or_any(one));
        }
        (cost, size)
    }

    fn gather(&mut self, at: At, all: &Loop<'a>) -> u64 {
        let mut cost = self.cost(all.range).saturating_add(self.cost(all.start));
        let before = self.locals.len();
        self.push_bound(all.sum, all.start);
        match all.names {
            (key, Some(value)) => {
                self.push_item(key, all.range, [true, true]);
                self.push_item(value, all.range, [false, false]);
            }
            (name, None) => self.push_item(name, all.range, [false, true]),
        }
        let goes = self.cost(all.until);
        let step = self.cost(all.step).saturating_add(goes);
        self.locals.truncate(before + 1);
        cost = cost.saturating_add(self.cost(all.result));
        self.locals.truncate(before);
        let range = self.size_or_any(all.range);
        cost = cost.saturating_add(range.most.saturating_mul(step));
        match &self.tree.nodes[all.start] {
            What::Literal(_) => self.sizes[at] = self.size(all.start),
            What::List(_) | What::Map(_) => {
                self.sizes[at] = Some(range);
                if let Some(held) = self.holds(all.step) {
                    self.held[at] = Some(held);
                }
            }
            _ => {}
        }
        cost
    }

    fn push_bound(&mut self, name: &'a str, value: At) {
        let (route, held) = (self.route(value), self.holds(value));
        let size = self.size(value);
        self.locals.push(Local { name, route, size, held });
    }

    /// A name for what a loop goes over: its keys or its values, if that is a list and if it is a map.
    fn push_item(&mut self, name: &'a str, range: At, [list_keys, map_keys]: [bool; 2]) {
        let held = self.holds(range);
        let is_list = match held {
            Some(held) => held.is_list,
            None => matches!(self.checked.kind(range), Kind::List(_)),
        };
        let is_key = if is_list { list_keys } else { map_keys };
        let step = match (is_list, is_key) {
            (true, true) => "@indices",
            (true, false) => "@items",
            (false, true) => "@keys",
            (false, false) => "@values",
        };
        let size = held.map(|held| if is_key { held.key } else { held.value });
        let route = Some(Route::on(self.route(range), step));
        self.locals.push(Local { name, route, size, held: None });
    }

    fn call(&mut self, at: At, target: Option<At>, takes: &[At]) -> u64 {
        let mut given = Vec::with_capacity(takes.len());
        let mut costs = Vec::with_capacity(takes.len());
        for one in takes {
            costs.push(self.cost(*one));
            given.push(self.see(*one));
        }
        let mut cost = 0;
        let target = target.map(|target| {
            cost = self.cost(target);
            self.see(target)
        });
        let (mut most, mut result) = (0, None);
        for overload in &self.checked.meant[at] {
            let sum = costs.iter().fold(0u64, |sum, cost| sum.saturating_add(*cost));
            let Charge(own, size) = match overload.how {
                How::Both => Charge(0, None),
                How::Choice => self.choice(at, takes, &costs),
                How::Concat | How::Append => self.concat(at, overload.how, &given),
                how => self.charge(how, target.as_ref(), &given),
            };
            let all = if overload.how == How::Choice { own } else { own.saturating_add(sum) };
            most = most.max(all);
            if let Some(size) = size {
                result = Some(result.map_or(size, |result: Size| result.union(size)));
            }
            let step = match overload.how {
                How::Item => Some("@items"),
                How::Value => Some("@values"),
                _ => None,
            };
            if let Some((step, of)) = step.zip(takes.first()) {
                result = self.holds(*of).map(|held| held.value);
                self.routes[at] = Some(Route::on(self.route(*of), step));
            }
            if result.is_none() {
                result = self.size(at);
            }
        }
        if result.is_some() {
            self.sizes[at] = result;
        }
        cost.saturating_add(most)
    }

    fn choice(&mut self, at: At, takes: &[At], costs: &[u64]) -> Charge {
        let ([_, a, b], [condition, one, other]) = (takes, costs) else { return Charge(1, None) };
        let size = self.size_or_any(*a).union(self.size_or_any(*b));
        if let Some((a, b)) = self.holds(*a).zip(self.holds(*b)) {
            self.held[at] = Some(a.union(b));
        }
        Charge(condition.saturating_add(*one.max(other)), Some(size))
    }

    fn concat(&mut self, at: At, how: How, given: &[Seen<'a>]) -> Charge {
        let [a, b] = given else { return Charge(1, None) };
        let size = a.own_or_any().plus(b.own_or_any());
        if let Some((a, b)) = self.holds(a.at).zip(self.holds(b.at)) {
            self.held[at] = Some(a.union(b));
        }
        Charge(if how == How::Append { 1 } else { size.read() }, Some(size))
    }

    fn local(&self, name: &str) -> Option<&Local<'a>> {
        self.locals.iter().rev().find(|local| local.name == name)
    }

    fn route(&self, at: At) -> Option<Route<'a>> {
        if let What::Name(name) = self.tree.nodes[at]
            && let Some(local) = self.local(name)
        {
            return local.route.clone();
        }
        self.routes[at].clone()
    }

    fn see(&mut self, at: At) -> Seen<'a> {
        Seen { at, route: self.route(at), size: self.size(at) }
    }

    fn copy_sizes(&mut self, to: At, from: At) {
        if let Some(size) = self.size(from) {
            self.sizes[to] = Some(size);
        }
        if let Some(held) = self.holds(from) {
            self.held[to] = Some(held);
        }
    }

    fn size_or_any(&mut self, at: At) -> Size {
        self.size(at).unwrap_or(Size::ANY)
    }

    fn size(&mut self, at: At) -> Option<Size> {
        if self.sizes[at].is_some() {
            return self.sizes[at];
        }
        let written = match &self.tree.nodes[at] {
            What::Literal(Literal::Text(text)) => Some(text.chars().count()),
            What::Literal(Literal::Bytes(bytes)) => Some(bytes.len()),
            What::Literal(_) => Some(1),
            What::List(items) => Some(items.len()),
            What::Map(entries) => Some(entries.len()),
            _ => None,
        };
        if let Some(written) = written {
            return Some(Size::exactly(written as u64));
        }
        let route = self.route(at);
        if let Some(size) = self.by_route(route.as_ref()) {
            self.sizes[at] = Some(size);
            return Some(size);
        }
        if self.is_scalar(&self.checked.kind(at)) {
            return Some(Size::exactly(1));
        }
        let What::Name(name) = self.tree.nodes[at] else { return None };
        self.local(name)?.size
    }

    fn is_scalar(&self, kind: &Kind) -> bool {
        match kind {
            Kind::Optional(of) => self.is_scalar(&self.checked.shallow(of)),
            other => other.is_scalar(),
        }
    }

    fn holds(&self, at: At) -> Option<Held> {
        if self.held[at].is_some() {
            return self.held[at];
        }
        let What::Name(name) = self.tree.nodes[at] else { return None };
        self.local(name)?.held
    }

    /// What the schema allows. It is asked of any variable as of `self`, and of what has none as well.
    pub(super) fn by_route(&self, route: Option<&Route<'a>>) -> Option<Size> {
        self.root.greatest_at(&route?.steps()).map(Size::up_to)
    }

    /// The size of a part as a function asks for it.
    pub(super) fn asked(&self, seen: &Seen<'a>) -> Size {
        seen.size.or_else(|| self.by_route(seen.route.as_ref())).unwrap_or(Size::ANY)
    }

    /// A number that stands there as it is.
    pub(super) fn number(&self, at: At) -> Option<i64> {
        match self.tree.nodes[at] {
            What::Literal(Literal::Int(number)) => Some(number),
            _ => None,
        }
    }
}

impl Seen<'_> {
    /// Without a look at the schema.
    pub(super) fn own(&self) -> Option<Size> {
        self.size
    }

    pub(super) fn own_or_any(&self) -> Size {
        self.size.unwrap_or(Size::ANY)
    }
}
