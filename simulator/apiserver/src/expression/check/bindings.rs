//! What is known of the variables that stand for types: told by fitting types to each other, as cel-go does it.

use super::Kind;

/// What is known of the variables, and how much more may be asked: no text is worth more than that.
pub(super) struct Bindings {
    bound: Vec<Option<Kind>>,
    /// What was bound before, since the last that held.
    before: Vec<(usize, Option<Kind>)>,
    fuel: u32,
}

impl Default for Bindings {
    fn default() -> Self {
        Self { bound: Vec::new(), before: Vec::new(), fuel: 1_000_000 }
    }
}

impl Bindings {
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
    pub(super) fn known(&mut self, kind: &Kind) -> Kind {
        match kind {
            _ if !self.burns() => Kind::Dyn,
            Kind::Var(var) => match self.bound[*var].clone() {
                Some(bound) => self.known(&bound),
                None => kind.clone(),
            },
            other => other.of_parts(&mut |part| self.known(part)),
        }
    }

    /// The type with what its variables are in the end: those of which nothing is known are anything.
    pub(super) fn settled(&mut self, kind: &Kind) -> Kind {
        self.known(kind).with(&mut |_| Kind::Dyn)
    }

    /// The type itself, if it is a variable, as it is in the end; of its parts as they are.
    pub(super) fn shallow(&self, kind: &Kind) -> Kind {
        let mut kind = kind;
        while let Kind::Var(var) = kind {
            let Some(bound) = &self.bound[*var] else { return Kind::Dyn };
            kind = bound;
        }
        kind.clone()
    }

    /// Whether one may stand where the other is wanted; if so, what that says of variables is kept.
    pub(super) fn fit(&mut self, a: &Kind, b: &Kind) -> bool {
        self.fit_all(&[(a.clone(), b.clone())])
    }

    /// The same of all pairs together.
    pub(super) fn fit_all(&mut self, pairs: &[(Kind, Kind)]) -> bool {
        self.before.clear();
        let holds = pairs.iter().all(|(a, b)| self.fits(a, b));
        if !holds {
            while let Some((var, old)) = self.before.pop() {
                self.bound[var] = old;
            }
        }
        holds
    }

    fn fits(&mut self, a: &Kind, b: &Kind) -> bool {
        if !self.burns() {
            return false;
        }
        if let Kind::Var(var) = b {
            let had = self.bound[*var].is_some();
            if self.settles(a, *var) {
                return true;
            }
            if had {
                return false;
            }
        }
        match (a, b) {
            (Kind::Var(var), _) => self.settles(b, *var),
            (Kind::Dyn | Kind::Error, _)
            | (_, Kind::Dyn | Kind::Error)
            | (Kind::Type(_), Kind::Type(_)) => true,
            (Kind::Null, other) | (other, Kind::Null) => other.may_be_null(),
            _ if a.is_made_like(b) => a.pairs(b).all(|(a, b)| self.fits(a, b)),
            _ => a == b,
        }
    }

    /// Whether a variable can be this type, given what it is known to be; then that is remembered.
    fn settles(&mut self, kind: &Kind, var: usize) -> bool {
        if *kind == Kind::Var(var) {
            return true;
        }
        let Some(bound) = self.bound[var].clone() else {
            let free = !self.stands_in(var, kind);
            if free {
                self.bind(var, kind.clone());
            }
            return free;
        };
        if *kind == bound {
            return true;
        }
        let fits = self.fits(kind, &bound);
        if fits {
            let wide = widest(kind, &bound);
            if !self.stands_in(var, &wide) {
                self.bind(var, wide);
            }
        }
        fits
    }

    fn bind(&mut self, var: usize, kind: Kind) {
        let old = self.bound[var].replace(kind);
        self.before.push((var, old));
    }

    fn stands_in(&mut self, var: usize, kind: &Kind) -> bool {
        if !self.burns() {
            return true;
        }
        if let Kind::Var(other) = kind {
            let bound = self.bound[*other].clone();
            return *other == var || bound.is_some_and(|bound| self.stands_in(var, &bound));
        }
        kind.parts().into_iter().flatten().any(|part| self.stands_in(var, part))
    }
}

/// The one that says less of two that fit.
pub(super) fn widest(a: &Kind, b: &Kind) -> Kind {
    if is_wider(a, b) { a.clone() } else { b.clone() }
}

/// Whether one says no more than the other, which it fits.
fn is_wider(a: &Kind, b: &Kind) -> bool {
    match (a, b) {
        (Kind::Dyn | Kind::Var(_), _) | (Kind::Type(_), Kind::Type(_)) => true,
        (_, Kind::Dyn | Kind::Var(_)) => false,
        _ if a.is_made_like(b) => a.pairs(b).all(|(a, b)| is_wider(a, b)),
        _ => a == b,
    }
}
