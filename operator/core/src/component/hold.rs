//! Why the objects of a Component cannot be built in this pass.

use std::borrow::Cow;

use drydock_operator_api::apps::Component;

use crate::draft::{Draft, Flow};
use crate::plan::{Problem, Reference, Whose};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Set where the input is wrong; then it is told in a condition.
    pub problem: Option<Problem>,
    pub on: Reference,
    pub until: Cow<'static, str>,
    pub because: Cow<'static, str>,
    pub whose: Whose,
}

impl Hold {
    /// The input on `on` breaks a rule.
    pub fn broken(on: Reference, rule: impl Into<String>, whose: Whose) -> Self {
        let rule = rule.into();
        Self {
            problem: Some(Problem::Broken(rule.clone())),
            on,
            until: "to be corrected".into(),
            because: rule.into(),
            whose,
        }
    }

    /// The input names an object that is not there.
    pub fn missing(what: Reference, because: impl Into<Cow<'static, str>>, whose: Whose) -> Self {
        Self {
            problem: Some(Problem::Missing(what.clone())),
            on: what,
            until: "to exist".into(),
            because: because.into(),
            whose,
        }
    }

    /// Nothing is wrong; something is not there yet.
    pub fn not_yet(
        on: Reference,
        until: impl Into<Cow<'static, str>>,
        because: impl Into<Cow<'static, str>>,
        whose: Whose,
    ) -> Self {
        Self { problem: None, on, until: until.into(), because: because.into(), whose }
    }

    /// The steps that build hold back; the status is still told.
    pub fn apply(self, draft: &mut Draft<Component>) -> Flow {
        if let Some(problem) = self.problem {
            draft.find(problem);
        }
        draft.wait(self.on, self.until, self.because, self.whose);
        draft.hold();
        Flow::Continue
    }
}
