//! What an expression may cost at most, told from its text and the schema of what it is about: as the checker of cel-go
//! estimates it, and Kubernetes for its own functions.

mod check;
mod functions;
mod library;
mod route;
mod size;
mod sort;
mod tree;
mod walk;

use cel::Program;

use crate::crd::Place;

pub(crate) use sort::Sort;

/// The variables of an expression.
pub(crate) type Scope<'t> = [(&'static str, Sort<'t>)];

/// The most that an expression about a place may cost, and the type of what it makes; `None` if it does not compile.
pub(crate) fn estimate<'t>(
    program: &Program,
    scope: &Scope<'t>,
    root: Place<'t>,
) -> Option<(u64, Sort<'t>)> {
    let (tree, at) = tree::spelled(program.expression())?;
    let checked = check::check(&tree, at, scope)?;
    let cost = walk::Walk::new(&tree, &checked, root).cost(at);
    Some((cost, checked.sort(at)))
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn debug() {
        for source in [
            "optional.of(1).optMap(x, true).orValue(false)",
            "[true].first().optMap(x, x).orValue(true)",
        ] {
            let program = crate::schema::program(source).unwrap();
            let (tree, at) = tree::spelled(program.expression()).unwrap();
            let checked = check::check(&tree, at, &[]).unwrap();
            let schema = crate::Tree::empty_map();
            let mut walk = walk::Walk::new(&tree, &checked, Place::new(&schema));
            for i in 0..tree.nodes.len() {
                println!("{i} {:?} {}", tree.nodes[i], walk.cost(i));
            }
        }
    }
}
