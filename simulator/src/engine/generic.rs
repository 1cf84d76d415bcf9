//! A group of which nobody knows more than that it has roles: one member leads, the others follow.
//! It behaves as the scripted engines did with which the upstream operator was recorded.
//!
//! * The first leader is the member with the lowest ordinal.
//! * A switchover moves the leadership to the candidate, or to the ready member with the lowest
//!   ordinal, and is seen 0.3 s later.
//! * If the leader is gone, one second later the ready member with the lowest ordinal leads; the
//!   old one, should it be back by then, follows.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::Member;

pub const ELECTION: SignedDuration = SignedDuration::from_secs(1);
pub const SWITCHOVER: SignedDuration = SignedDuration::from_millis(300);

/// Ordinals sort as numbers: `demo-10` comes after `demo-2`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Place {
    ordinal: u32,
    member: Member,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Group {
    /// Every member that exists, and whether it is ready.
    members: BTreeMap<Place, bool>,
    leader: Option<Member>,
    /// Who led, and when somebody else will.
    vacant: Option<(Member, Timestamp)>,
    moving: Option<(Member, Timestamp)>,
}

impl Group {
    pub fn leader(&self) -> Option<&Member> {
        self.leader.as_ref()
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub fn members(&self) -> impl Iterator<Item = (&Member, bool)> {
        self.members.iter().map(|(place, ready)| (&place.member, *ready))
    }

    /// The time of its next change of mind, if it has one.
    pub fn due(&self) -> Option<Timestamp> {
        let vacant = self.vacant.as_ref().map(|(_, at)| *at);
        let moving = self.moving.as_ref().map(|(_, at)| *at);
        vacant.into_iter().chain(moving).min()
    }

    /// The member exists: it may lead, should it be the first.
    pub fn appeared(&mut self, member: &Member) {
        self.members.entry(place(member)).or_insert(false);
    }

    pub fn set_ready(&mut self, member: &Member, ready: bool) {
        self.members.insert(place(member), ready);
        if ready && self.leader.is_none() && self.vacant.is_none() {
            self.leader = self.members.keys().next().map(|first| first.member.clone());
        }
    }

    /// The member's process is gone, for good or until it comes back.
    pub fn gone(&mut self, member: &Member, exists: bool, now: Timestamp) {
        if exists {
            self.members.insert(place(member), false);
        } else {
            self.members.remove(&place(member));
        }
        if self.leader.as_ref() == Some(member) {
            self.leader = None;
            self.moving = None;
            // The last one out leaves nobody to elect: the next to come is the first again.
            self.vacant = (!self.members.is_empty()).then(|| (member.clone(), now + ELECTION));
        }
    }

    /// Moves the leadership; false if there is nobody to move it to, or it is not the leader's to give.
    pub fn switchover(&mut self, from: &Member, to: Option<&Member>, now: Timestamp) -> bool {
        if self.leader.as_ref() != Some(from) {
            return false;
        }
        let Some(next) = to.cloned().or_else(|| self.first_ready(Some(from))) else { return false };
        self.moving = Some((next, now + SWITCHOVER));
        true
    }

    /// Does what is due. True if somebody else leads now.
    pub fn tick(&mut self, now: Timestamp) -> bool {
        let before = self.leader.clone();
        if self.moving.as_ref().is_some_and(|(_, at)| *at <= now) {
            self.leader = self.moving.take().map(|(next, _)| next);
        }
        if let Some((old, at)) = self.vacant.take() {
            if at > now {
                self.vacant = Some((old, at));
            } else {
                self.leader = self.first_ready(Some(&old)).or_else(|| self.first_ready(None));
            }
        }
        self.leader != before
    }

    fn first_ready(&self, other_than: Option<&Member>) -> Option<Member> {
        let ready =
            self.members.iter().filter(|(_, ready)| **ready).map(|(place, _)| &place.member);
        ready.filter(|member| Some(*member) != other_than).map(Member::clone).next()
    }
}

fn place(member: &Member) -> Place {
    let digits = member.rsplit('-').next().unwrap_or("");
    Place { ordinal: digits.parse().unwrap_or(u32::MAX), member: member.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(ordinal: u32) -> Member {
        format!("default/demo-{ordinal}").into()
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(millis).unwrap()
    }

    fn group(size: u32) -> Group {
        let mut group = Group::default();
        for ordinal in 0..size {
            group.appeared(&member(ordinal));
        }
        group
    }

    #[test]
    fn the_lowest_ordinal_leads_first_even_if_another_is_ready_before() {
        let mut group = group(11);

        group.set_ready(&member(10), true);

        assert_eq!(group.leader(), Some(&member(0)));
    }

    #[test]
    fn a_second_after_the_leader_is_gone_the_first_ready_one_leads_and_the_old_one_follows() {
        let mut group = group(3);
        for ordinal in 0..3 {
            group.set_ready(&member(ordinal), true);
        }

        group.gone(&member(0), false, at(0));
        group.set_ready(&member(0), true);

        assert!(!group.tick(at(999)));
        assert!(group.tick(at(1_000)));
        assert_eq!(group.leader(), Some(&member(1)));
    }

    #[test]
    fn a_switchover_goes_to_the_candidate_or_to_the_first_ready_one_and_only_from_the_leader() {
        let mut group = group(3);
        for ordinal in 0..3 {
            group.set_ready(&member(ordinal), true);
        }

        assert!(!group.switchover(&member(1), None, at(0)));
        assert!(group.switchover(&member(0), Some(&member(2)), at(0)));
        assert_eq!(group.due(), Some(at(300)));
        assert!(group.tick(at(300)));
        assert_eq!(group.leader(), Some(&member(2)));
        assert!(group.switchover(&member(2), None, at(400)));
        assert!(group.tick(at(700)));
        assert_eq!(group.leader(), Some(&member(0)));
    }
}
