//! What an expression may cost at most, told from its text and the schema of what it is about: as the checker of cel-go
//! estimates it, and Kubernetes for its own functions.

mod charge;
mod route;
mod size;
mod walk;

use super::check::Checked;
use crate::crd::Place;

/// The most that an expression about a place may cost.
pub(crate) fn cost(checked: &Checked<'_>, root: Place<'_>) -> u64 {
    walk::Walk::new(checked, root).cost(checked.tree.root())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tree;
    use crate::expression::{Scope, check, sample::schema};

    fn cost(source: &str, schema: &Tree) -> Option<u64> {
        let place = Place::new(schema);
        let scope = Scope::from([("self".to_owned(), place.kind()?)]);
        let program = crate::schema::program(source).ok()?;
        Some(super::cost(&check(&program, &scope).ok()?, place))
    }

    /// Told by how far each is over the budget on a real server, in a list that is long enough.
    #[test]
    fn an_expression_costs_what_the_real_server_thinks() {
        let schema = schema();
        for (source, expected) in [
            ("self.b && self.i > 1 || self.s == 'aaaaaaaaaaaaaaaaaaaaaaaaaa'", 10),
            ("has(self.o.a) && self.o.a == 'aaaaaaaaaaaaaaaa'", 7),
            ("self.o == self.o", 4),
            ("self.e == 'a' || self.e == 'cc'", 6),
            ("self.s in self.l", 11),
            ("'x' in self.m", 3),
            ("self.s.contains(self.t)", 164),
            ("self.s.startsWith('abcdefghijklmnop')", 4),
            ("self.s.matches(self.t)", 454),
            ("matches(self.s, '^[a-z]+$')", 3),
            ("size(self.s + self.t) > 3", 34),
            ("(self.l + ['aaaaaaaaaaaaa']).all(x, x == 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaa')", 46),
            ("self.l.map(x, x + 'b').all(y, y == 'abcdefghijklmnopqrstuvwxyz')", 168),
            ("self.l.filter(x, x.size() > 2).all(y, y == 'aaaaaaaaaaaaaaaaaaaaaaaaaaaa')", 154),
            ("self.l.all(x, self.l.exists_one(y, x == y))", 493),
            ("self.m.all(k, k.startsWith('a') && self.m[k].matches('a+'))", 68),
            ("self.lo.all(x, x.bs.all(y, x.a == y))", 2223),
            ("self.lo.all(x, x.c.all(k, x.bs.exists(b, b == k)))", 4383),
            ("self.lo[0].c['x'] == 'aaaaaaaaaaaaaaaaaaaaaaaaaaa'", 7),
            ("type(self.ios) == int ? self.ios > 3 : self.ios.startsWith('a')", 7),
            ("self.ios + self.ios == 3", 13),
            ("dyn(self.l)[0] == 'aaaaaaaaaaaaaaaaaaaaa'", 4),
            ("self.dt - self.d > duration('1s')", 7),
            ("string(self.by) == 'aaaaaaaaaaaaaaaaaaaa'", 8),
            ("bytes(self.s) + self.by == b'abcdefghijklmnop'", 50),
            (
                "self.s.replace('a','bbb').trim() == 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'",
                49,
            ),
            ("self.s.split(',', 3).all(x, x == 'aaaaaaaaaaaaaaaaaaaaa')", 31),
            ("self.l.join(',').lowerAscii() == 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'", 77),
            ("'%s %s'.format([self.s, self.t]) == 'aaaaaaaaaa'", 16),
            (
                "strings.quote(self.s) == 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'",
                18,
            ),
            ("self.s.findAll('a+').all(x, x == 'aaaaaaaaaaaaaaaaa')", 332),
            ("self.l.isSorted() && self.li.sum() > self.l.indexOf('a')", 100),
            ("url(self.u) == url('https://example.com') || url(self.u).getHost() == 'a'", 90),
            ("quantity(self.s).add(quantity('1Gi')).isGreaterThan(quantity(self.t))", 35),
            ("cidr(self.s).containsIP(self.t) && ip.isCanonical(self.t) && isIP(self.s)", 88),
            ("cidr(self.s).containsCIDR(cidr(self.t))", 39),
            ("semver(self.s, true).minor() > 3 && isSemver(self.t)", 34),
            ("sets.equivalent(self.l, self.l.map(x, x))", 205),
            ("self.?o.?a.orValue('aaaaaaaaaaaaaaa') == 'bbbbbbbbbbbbbbbb'", 6),
            (
                "self.?l.optFlatMap(x, x[?0]).orValue('aaaaaaaaaaaaaaaaaaaaa') == 'aaaaaaaaaaaaa'",
                21,
            ),
            (
                "{'a': self.s, 'b': self.t}['a'] == 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'",
                41,
            ),
            (
                "[self.s, self.t].all(x, x == 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')",
                23,
            ),
            (
                "(self.b ? ['b'] : ['aaaaaaaaa']).all(x, x == 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')",
                17,
            ),
            ("self.m.all(k, v, v == 'aaaaaaaaaaaaaaaaaaaaaa' && k == 'aaaaaaaaaaaaaaaa')", 43),
            (
                "self.l.transformList(i, v, i > 1, v + 'a').all(x, x == 'aaaaaaaaaaaaaaaaaaaaa')",
                182,
            ),
            ("self.m.transformMapEntry(k, v, {v: k}).all(k, v, v == 'aaaaaaaaaaaaaaaaaaaaa')", 224),
            ("self.namespace == 'aaaaaaaaaaaaaaaaaaaaaaa' && self.a__dash__b.matches('a')", 13),
            (
                "self.emb.metadata.name == 'aaaaaaaaaaaaaaaaaaaaaaa' && self.emb.spec.x == 'aaaaaaaaaaaaa'",
                13,
            ),
            ("self.l.exists(i, self.o.items.all(x, x.vs.exists(y, x.k + i == y)))", 5757),
        ] {
            assert_eq!(cost(source, &schema), Some(expected), "{source}");
        }
    }

    #[test]
    fn what_has_no_bound_costs_more_than_anyone_has() {
        let schema = schema();
        for source in [
            "format.uri().validate(self.s).orValue(['a']).all(x, x == 'a')",
            "self.?l.optMap(x, x.all(y, y == 'a')).orValue(true)",
        ] {
            assert_eq!(cost(source, &schema), Some(u64::MAX), "{source}");
        }
    }

    #[test]
    fn what_does_not_compile_has_no_cost() {
        let schema = schema();
        // Of the one, the text doubles with each call; the other is too deep.
        let long = format!("self.?s{}.hasValue()", ".optMap(x, x)".repeat(20));
        let deep = format!("self.s{} == ''", " + self.s".repeat(600));
        for source in
            ["self.nope", "self.i == 'a'", "frob(self.s)", "self.all(x, true)", &long, &deep]
        {
            assert_eq!(cost(source, &schema), None, "{source}");
        }
    }
}
