//! The orders of a topology: steps one after another, the entities of a step together.

/// Without an order everything goes together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Order<'a>(Option<Vec<Vec<&'a str>>>);

/// An entity that the order does not name, or names twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NotOnce;

impl<'a> Order<'a> {
    pub(super) fn of(steps: Option<&'a Vec<String>>) -> Self {
        let steps = steps.filter(|steps| !steps.is_empty());
        Self(steps.map(|steps| {
            steps.iter().map(|step| step.split(',').map(str::trim).collect()).collect()
        }))
    }

    /// The entities of the step before that of this one.
    pub(super) fn predecessors(&self, entity: &str) -> Result<Vec<&'a str>, NotOnce> {
        let Some(steps) = &self.0 else { return Ok(Vec::new()) };
        let mut found = steps.iter().enumerate().flat_map(|(index, step)| {
            step.iter().filter(|name| **name == entity).map(move |_| index)
        });
        match (found.next(), found.next()) {
            (Some(0), None) => Ok(Vec::new()),
            (Some(index), None) => Ok(steps[index - 1].clone()),
            _ => Err(NotOnce),
        }
    }

    /// Where an entity stands; entities are visited by this and their name.
    pub(super) fn position(&self, entity: &str) -> usize {
        let steps = self.0.iter().flatten();
        steps.take_while(|step| !step.contains(&entity)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_step_before_counts() {
        let steps = vec!["a,b".to_owned(), "c".to_owned(), "d".to_owned()];
        let order = Order::of(Some(&steps));

        assert_eq!(order.predecessors("a"), Ok(vec![]));
        assert_eq!(order.predecessors("c"), Ok(vec!["a", "b"]));
        assert_eq!(order.predecessors("d"), Ok(vec!["c"]));
        assert_eq!(order.predecessors("e"), Err(NotOnce));
        assert_eq!(order.position("d"), 2);
    }

    #[test]
    fn without_an_order_nothing_goes_before() {
        assert_eq!(Order::of(Some(&Vec::new())).predecessors("a"), Ok(vec![]));
        assert_eq!(Order::of(None).predecessors("a"), Ok(vec![]));
    }
}
