//! CEL expressions that clients write into objects.
//!
//! ```text
//! text ── schema::program ──> program ──> values, by cel-go's functions and Kubernetes' own   library
//!                                └─ check ──> its types, or all faults, in cel-go's words     check, shown
//!                                               └─ cost ──> the most that it may cost         cost
//! ```
//!
//! Both `check` and `cost` look at the `tree` of an expression, and at one table of `functions`.

mod check;
mod cost;
mod functions;
mod kind;
mod library;
mod shown;
mod tree;

use std::collections::BTreeMap;

pub(crate) use check::check;
pub(crate) use cost::cost;
pub(crate) use functions::QUANTITY;
pub(crate) use kind::Kind;
pub(crate) use library::{IN_ORDER, PAIRS, extension as library};
pub(crate) use shown::shown;

/// The names that an expression may use, and what they stand for.
pub(crate) type Scope = BTreeMap<String, Kind>;

/// Stands in the scope of expressions that may name their parts.
pub(crate) const BIND: &str = "cel.bind";

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(source: &str) -> Result<String, String> {
        let fields = BTreeMap::from([("a".to_owned(), Kind::Int)]);
        let scope = Scope::from([
            ("object".to_owned(), Kind::Dyn),
            ("variables".to_owned(), Kind::object("Variables", fields)),
        ]);
        let program = crate::schema::program(source).map_err(|error| shown(&error))?;
        check(&program, &scope).map(|checked| checked.made().to_string())
    }

    #[test]
    fn an_expression_makes_what_its_parts_make() {
        for (source, kind) in [
            ("object.x == 1 && has(object.y)", "bool"),
            ("1", "int"),
            ("variables.a + 2", "int"),
            ("object.x", "dyn"),
            ("object.items.all(i, i > 0)", "bool"),
            ("[1, 2].map(i, string(i))", "list(string)"),
            ("'a' + string(size(object.x))", "string"),
            ("object.x ? 'a' : 'b'", "string"),
            ("{'a': 1}", "map(string, int)"),
            ("null", "null"),
        ] {
            assert_eq!(checked(source).as_deref(), Ok(kind), "{source}");
        }
    }

    #[test]
    fn what_is_wrong_is_shown_where_it_stands() {
        for (source, why) in [
            (
                "frob == 1",
                "1:1: undeclared reference to 'frob' (in container '')\n | frob == 1\n | ^",
            ),
            ("variables.b", "1:10: undefined field 'b'\n | variables.b\n | .........^"),
            (
                "[1].sortBy(e, e) == [1]",
                "1:11: undeclared reference to 'sortBy' (in container '')\n | [1].sortBy(e, e) == [1]\n | ..........^\nERROR: <input>:1:12: undeclared reference to 'e' (in container '')\n | [1].sortBy(e, e) == [1]\n | ...........^\nERROR: <input>:1:15: undeclared reference to 'e' (in container '')\n | [1].sortBy(e, e) == [1]\n | ..............^",
            ),
            (
                "lists.range(2) == [0, 1]",
                "1:1: undeclared reference to 'lists' (in container '')\n | lists.range(2) == [0, 1]\n | ^\nERROR: <input>:1:12: undeclared reference to 'range' (in container '')\n | lists.range(2) == [0, 1]\n | ...........^",
            ),
            (
                "1 == 'a'",
                "1:3: found no matching overload for '_==_' applied to '(int, string)'\n | 1 == 'a'\n | ..^",
            ),
            (
                "object.",
                "1:8: Syntax error: no viable alternative at input '.'\n | object.\n | .......^",
            ),
        ] {
            assert_eq!(checked(source), Err(format!("ERROR: <input>:{why}")), "{source}");
        }
    }
}
