//! Why the objects of a Component cannot be built in this pass.

use std::borrow::Cow;

use drydock_operator_api::apps::Component;

use crate::draft::{Draft, Flow};
use crate::plan::{Problem, Reference, Whose};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold(Box<Reason>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Reason {
    /// Set where the input is wrong; then it is told in a condition.
    problem: Option<Problem>,
    on: Reference,
    until: Cow<'static, str>,
    because: Cow<'static, str>,
    whose: Whose,
}

impl Hold {
    /// The input on `on` breaks a rule.
    pub fn broken(on: Reference, rule: impl Into<String>, whose: Whose) -> Self {
        let rule = rule.into();
        Self(Box::new(Reason {
            problem: Some(Problem::Broken(rule.clone())),
            on,
            until: "to be corrected".into(),
            because: rule.into(),
            whose,
        }))
    }

    /// The input names an object that is not there.
    pub fn missing(what: Reference, because: impl Into<Cow<'static, str>>, whose: Whose) -> Self {
        Self(Box::new(Reason {
            problem: Some(Problem::Missing(what.clone())),
            on: what,
            until: "to exist".into(),
            because: because.into(),
            whose,
        }))
    }

    /// Nothing is wrong; something is not there yet.
    pub fn not_yet(
        on: Reference,
        until: impl Into<Cow<'static, str>>,
        because: impl Into<Cow<'static, str>>,
        whose: Whose,
    ) -> Self {
        let (until, because) = (until.into(), because.into());
        Self(Box::new(Reason { problem: None, on, until, because, whose }))
    }

    /// Says better what ends it.
    pub fn until(mut self, until: impl Into<Cow<'static, str>>) -> Self {
        self.0.until = until.into();
        self
    }

    /// The steps that build hold back; the status is still told.
    pub fn apply(mut self, draft: &mut Draft<Component>) -> Flow {
        if let Some(problem) = self.0.problem.take() {
            draft.find(problem);
        }
        self.wait(draft);
        draft.hold();
        Flow::Continue
    }

    /// Only what rests on it waits; the pass goes on.
    pub fn wait(self, draft: &mut Draft<Component>) {
        let Reason { on, until, because, whose, .. } = *self.0;
        draft.wait(on, until, because, whose);
    }
}
