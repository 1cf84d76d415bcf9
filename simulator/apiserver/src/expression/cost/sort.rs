//! The types of an expression's parts, as cel-go's checker tells them: which function is meant, and so what it costs,
//! depends on them.

use std::sync::Arc;

use crate::crd::Place;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Sort<'t> {
    /// Known when it runs.
    Dyn,
    Null,
    Bool,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    Timestamp,
    Duration,
    Type,
    List(Arc<Sort<'t>>),
    Map(Arc<Sort<'t>>, Arc<Sort<'t>>),
    Optional(Arc<Sort<'t>>),
    Object(Place<'t>),
    /// Of a library.
    Named(&'static str),
    /// Whatever turns out to fit.
    Var(usize),
}

impl<'t> Sort<'t> {
    pub(crate) fn list(item: Self) -> Self {
        Self::List(Arc::new(item))
    }

    pub(crate) fn map(key: Self, value: Self) -> Self {
        Self::Map(Arc::new(key), Arc::new(value))
    }

    pub(crate) fn optional(of: Self) -> Self {
        Self::Optional(Arc::new(of))
    }

    /// Whether a null may stand here, of all values.
    fn may_be_null(&self) -> bool {
        use Sort::{Duration, Named, Null, Object, Optional, Timestamp};
        matches!(self, Null | Optional(_) | Named(_) | Object(_) | Timestamp | Duration)
    }

    /// Whether all its values are of one size.
    pub(super) fn is_scalar(&self) -> bool {
        use Sort::{Bool, Double, Duration, Int, Timestamp, Uint};
        matches!(self, Bool | Double | Duration | Int | Timestamp | Uint)
    }

    /// The types this one is made of.
    fn parts(&self) -> [Option<&Self>; 2] {
        match self {
            Self::List(of) | Self::Optional(of) => [Some(of), None],
            Self::Map(key, value) => [Some(key), Some(value)],
            _ => [None, None],
        }
    }

    /// Whether both are lists, or maps, or optionals.
    fn is_made_like(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other) && self.parts()[0].is_some()
    }

    /// With every variable as `of` says it.
    fn with(&self, of: &mut impl FnMut(usize) -> Sort<'t>) -> Self {
        match self {
            Self::Var(var) => of(*var),
            Self::List(item) => Self::list(item.with(of)),
            Self::Optional(inner) => Self::optional(inner.with(of)),
            Self::Map(key, value) => {
                let key = key.with(of);
                Self::map(key, value.with(of))
            }
            other => other.clone(),
        }
    }

    /// As it stands in a declaration, with variables of its own from `first` on.
    pub(super) fn fresh(&self, first: usize) -> Self {
        self.with(&mut |var| Self::Var(first + var))
    }

    /// Whether it says no more than the other, which it fits.
    fn is_wider(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Dyn | Self::Var(_), _) => true,
            (_, Self::Dyn | Self::Var(_)) => false,
            _ if self.is_made_like(other) => {
                let mut pairs = self.parts().into_iter().zip(other.parts());
                pairs.all(|(a, b)| a.zip(b).is_none_or(|(a, b)| a.is_wider(b)))
            }
            _ => self == other,
        }
    }
}

/// What is known of the variables, and how much more may be asked: no text is worth more than that.
pub(super) struct Bindings<'t> {
    bound: Vec<Option<Sort<'t>>>,
    /// What was bound before, since the last that held.
    before: Vec<(usize, Option<Sort<'t>>)>,
    fuel: u32,
}

impl Default for Bindings<'_> {
    fn default() -> Self {
        Self { bound: Vec::new(), before: Vec::new(), fuel: 1_000_000 }
    }
}

impl<'t> Bindings<'t> {
    /// New variables, and the first of them.
    pub(super) fn more(&mut self, count: usize) -> usize {
        let first = self.bound.len();
        self.bound.resize(first + count, None);
        first
    }

    fn burns(&mut self) -> bool {
        self.fuel = self.fuel.saturating_sub(1);
        self.fuel > 0
    }

    pub(super) fn is_spent(&self) -> bool {
        self.fuel == 0
    }

    /// The type with what its variables are known to be.
    pub(super) fn known(&mut self, sort: &Sort<'t>) -> Sort<'t> {
        sort.with(&mut |var| {
            let bound = self.bound[var].clone();
            match bound.filter(|_| self.burns()) {
                Some(bound) => self.known(&bound),
                None => Sort::Var(var),
            }
        })
    }

    /// The type itself, if it is a variable that is known; of its parts as they are.
    pub(super) fn shallow(&self, sort: &Sort<'t>) -> Sort<'t> {
        let mut sort = sort;
        while let Sort::Var(var) = sort {
            let Some(bound) = &self.bound[*var] else { return Sort::Dyn };
            sort = bound;
        }
        sort.clone()
    }

    /// Whether one may stand where the other is wanted; if so, what that says of variables is kept.
    pub(super) fn fit(&mut self, pairs: &[(Sort<'t>, Sort<'t>)]) -> bool {
        self.before.clear();
        let holds = pairs.iter().all(|(a, b)| self.fits(a, b));
        if !holds {
            while let Some((var, old)) = self.before.pop() {
                self.bound[var] = old;
            }
        }
        holds
    }

    /// The one that says less of two that fit.
    pub(super) fn widest(a: &Sort<'t>, b: &Sort<'t>) -> Sort<'t> {
        if a.is_wider(b) { a.clone() } else { b.clone() }
    }

    fn fits(&mut self, a: &Sort<'t>, b: &Sort<'t>) -> bool {
        if !self.burns() {
            return false;
        }
        if let Sort::Var(var) = b {
            let had = self.bound[*var].is_some();
            if self.settles(a, *var) {
                return true;
            }
            if had {
                return false;
            }
        }
        match (a, b) {
            (Sort::Var(var), _) => self.settles(b, *var),
            (Sort::Dyn, _) | (_, Sort::Dyn) => true,
            (Sort::Null, other) | (other, Sort::Null) => other.may_be_null(),
            _ if a.is_made_like(b) => {
                let pairs = a.parts().into_iter().zip(b.parts());
                let mut pairs = pairs.filter_map(|(a, b)| a.zip(b));
                pairs.all(|(a, b)| self.fits(a, b))
            }
            _ => a == b,
        }
    }

    /// Whether a variable can be this type, given what it is known to be; then that is remembered.
    fn settles(&mut self, sort: &Sort<'t>, var: usize) -> bool {
        if *sort == Sort::Var(var) {
            return true;
        }
        let Some(bound) = self.bound[var].clone() else {
            let free = !self.stands_in(var, sort);
            if free {
                self.bind(var, sort.clone());
            }
            return free;
        };
        if *sort == bound {
            return true;
        }
        let fits = self.fits(sort, &bound);
        if fits {
            let wide = Self::widest(sort, &bound);
            if !self.stands_in(var, &wide) {
                self.bind(var, wide);
            }
        }
        fits
    }

    fn bind(&mut self, var: usize, sort: Sort<'t>) {
        let old = self.bound[var].replace(sort);
        self.before.push((var, old));
    }

    fn stands_in(&mut self, var: usize, sort: &Sort<'t>) -> bool {
        if !self.burns() {
            return true;
        }
        if let Sort::Var(other) = sort {
            let bound = self.bound[*other].clone();
            return *other == var || bound.is_some_and(|bound| self.stands_in(var, &bound));
        }
        sort.parts().into_iter().flatten().any(|part| self.stands_in(var, part))
    }
}
