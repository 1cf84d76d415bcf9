//! Who may replace a master, by whom, and the steps of doing it.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::instance::{Instance, since};
use super::{AskDown, Down, Sentinel, Watched};
use crate::engine::redis::better;
use crate::engine::{Member, Message, Turn, short};

const ASK_PERIOD: SignedDuration = SignedDuration::from_secs(1);
/// An opinion of another sentinel counts this long.
const OPINION_LIFETIME: SignedDuration = SignedDuration::from_secs(5);
/// Keeps sentinels from standing for election all at once.
const DESYNC: SignedDuration = SignedDuration::from_secs(1);
const ELECTION_TIMEOUT: SignedDuration = SignedDuration::from_secs(10);
/// A replica that was silent for this long is not promoted.
const PROMOTABLE_SILENCE: SignedDuration = SignedDuration::from_secs(5);

/// One vote: for whom, in which epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Vote {
    pub leader: u64,
    pub epoch: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Failover {
    pub epoch: u64,
    pub stage: Stage,
    pub since: Timestamp,
    pub promoted: Option<Member>,
    /// Asked for from outside: nobody has to agree.
    pub forced: bool,
    candidate: Option<Member>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Stands for election.
    WaitStart,
    Select,
    SendPromotion,
    WaitPromotion,
    /// The others are told to follow the new master.
    Reconfigure,
}

impl Watched {
    /// How many hold the master to be down, itself included.
    fn opinions(&self, now: Timestamp) -> u32 {
        let others = self.colleagues.values();
        let agreeing =
            others.filter(|one| one.says_down && since(one.said_at, now) <= OPINION_LIFETIME);
        1 + u32::try_from(agreeing.count()).unwrap_or(u32::MAX - 1)
    }

    /// Who has the votes of a majority of the known sentinels, and at least of the quorum.
    fn winner(&self, epoch: u64) -> Option<u64> {
        let own = self.vote.filter(|vote| vote.epoch == epoch);
        let others =
            self.colleagues.values().filter_map(|one| one.vote).filter(|vote| vote.epoch == epoch);
        let votes: Vec<u64> = others.chain(own).map(|vote| vote.leader).collect();
        let count = |leader: u64| votes.iter().filter(|vote| **vote == leader).count();
        let majority = self.colleagues.len().div_ceil(2) + 1;
        let needed = majority.max(usize::try_from(self.settings.quorum).unwrap_or(usize::MAX));
        votes.iter().copied().find(|leader| count(*leader) >= needed)
    }

    fn best_replica(&self, candidate: Option<&Member>, now: Timestamp) -> Option<Member> {
        let down_for =
            self.master.down_since.map_or(SignedDuration::ZERO, |down| now.duration_since(down));
        let longest_gap = down_for + self.settings.down_after * 10;
        let info_lifetime = SignedDuration::from_secs(if self.master.is_down() { 5 } else { 30 });
        let eligible = |replica: &Instance| {
            let info = replica.info.as_ref()?;
            let gap =
                info.link_down_since.map_or(SignedDuration::ZERO, |down| now.duration_since(down));
            let fits = !replica.is_down()
                && now.duration_since(replica.answered_at) <= PROMOTABLE_SILENCE
                && since(replica.info_at, now) <= info_lifetime
                && info.master.is_some()
                && info.priority > 0
                && gap <= longest_gap;
            fits.then(|| (replica.address.clone(), info.clone()))
        };
        let mut fitting: Vec<_> = self.replicas.values().filter_map(eligible).collect();
        fitting.sort_by(|a, b| better(&a.1, &b.1));
        let wanted = fitting.iter().find(|(address, _)| Some(address) == candidate);
        wanted.or(fitting.first()).map(|(address, _)| address.clone())
    }
}

impl Sentinel {
    /// The steps of a tick that follow from what is down.
    pub(super) fn pursue(&mut self, name: &Arc<str>, turn: &mut Turn<'_>) {
        let Some(watched) = self.watched.get_mut(name) else { return };
        let down = watched.master.is_down();
        let agreeing = if down { watched.opinions(turn.now) } else { 0 };
        watched.odown = down && agreeing >= watched.settings.quorum;
        if watched.odown
            && watched.failover.is_none()
            && since(watched.last_attempt, turn.now) >= watched.settings.failover_timeout * 2
        {
            self.stand(name, turn);
        }
        self.ask_down(name, turn);
        self.advance(name, turn);
    }

    fn stand(&mut self, name: &Arc<str>, turn: &mut Turn<'_>) {
        let delay = self.random.below(DESYNC);
        let Some(watched) = self.watched.get_mut(name) else { return };
        self.epoch += 1;
        watched.last_attempt = turn.now + delay;
        watched.failover = Some(Failover {
            epoch: self.epoch,
            stage: Stage::WaitStart,
            since: watched.last_attempt,
            promoted: None,
            forced: false,
            candidate: None,
        });
        // Its own vote goes to itself, as soon as it stands.
        let vote = Vote { leader: self.id, epoch: self.epoch };
        if watched.vote.is_none_or(|old| old.epoch < vote.epoch) {
            watched.vote = Some(vote);
        }
        for colleague in watched.colleagues.values_mut() {
            colleague.asked_at = Timestamp::MIN;
        }
    }

    pub(super) fn force(&mut self, name: &str, candidate: Option<Member>, turn: &mut Turn<'_>) {
        let Some(watched) = self.watched.get_mut(name) else { return };
        if watched.failover.is_some()
            || watched.best_replica(candidate.as_ref(), turn.now).is_none()
        {
            return;
        }
        self.epoch += 1;
        watched.last_attempt = turn.now;
        watched.failover = Some(Failover {
            epoch: self.epoch,
            stage: Stage::Select,
            since: turn.now,
            promoted: None,
            forced: true,
            candidate,
        });
        self.next_tick = turn.now;
        turn.effects.push(crate::engine::Effect::Wake(turn.now));
    }

    fn ask_down(&mut self, name: &Arc<str>, turn: &mut Turn<'_>) {
        let Some(watched) = self.watched.get_mut(name) else { return };
        if !watched.master.is_down() {
            return;
        }
        let candidate = watched.failover.is_some().then_some(self.id);
        for colleague in watched.colleagues.values_mut() {
            if since(colleague.asked_at, turn.now) >= ASK_PERIOD && !colleague.link.is_down() {
                colleague.asked_at = turn.now;
                let question = AskDown {
                    name: name.clone(),
                    master: watched.master.address.clone(),
                    epoch: self.epoch,
                    candidate,
                };
                turn.send(&colleague.link.address, Message::AskDown(question));
            }
        }
    }

    pub(super) fn answer_down(&mut self, from: &Member, question: &AskDown, turn: &mut Turn<'_>) {
        let Some(watched) = self.watched.get_mut(&question.name) else { return };
        let down = watched.master.address == question.master && watched.master.is_down();
        if let Some(candidate) = question.candidate {
            self.epoch = self.epoch.max(question.epoch);
            let unspent = watched.vote.is_none_or(|vote| vote.epoch < question.epoch);
            if unspent && self.epoch <= question.epoch {
                watched.vote = Some(Vote { leader: candidate, epoch: question.epoch });
                if candidate != self.id {
                    // It lets the one it voted for have the time of a failover.
                    watched.last_attempt = turn.now + self.random.below(DESYNC);
                }
            }
        }
        let vote = question.candidate.and(watched.vote);
        turn.send(from, Message::Down(Down { name: question.name.clone(), down, vote }));
    }

    pub(super) fn take_down(&mut self, from: &Member, answer: &Down, turn: &mut Turn<'_>) {
        let Some(watched) = self.watched.get_mut(&answer.name) else { return };
        let Some(colleague) = watched.colleagues.get_mut(from) else { return };
        colleague.says_down = answer.down;
        colleague.said_at = turn.now;
        if answer.vote.is_some() {
            colleague.vote = answer.vote;
        }
    }

    fn advance(&mut self, name: &Arc<str>, turn: &mut Turn<'_>) {
        let Some(watched) = self.watched.get_mut(name) else { return };
        let Some(failover) = &watched.failover else { return };
        let waited = turn.now.duration_since(failover.since);
        match failover.stage {
            Stage::WaitStart => {
                let limit = ELECTION_TIMEOUT.min(watched.settings.failover_timeout);
                if watched.winner(failover.epoch) == Some(self.id) {
                    let (agreeing, known) =
                        (watched.opinions(turn.now), watched.colleagues.len() + 1);
                    let master = short(&watched.master.address);
                    turn.say(
                        "agree",
                        format!("sentinels agree: {master} is down ({agreeing} of {known})"),
                    );
                    self.enter(name, Stage::Select, turn);
                    self.select(name, turn);
                } else if waited > limit {
                    watched.failover = None;
                }
            }
            Stage::Select => self.select(name, turn),
            Stage::SendPromotion => {
                let chosen =
                    failover.promoted.as_ref().and_then(|chosen| watched.replicas.get(chosen));
                match chosen {
                    Some(replica) if !replica.is_down() => {
                        turn.send(&replica.address, Message::ReplicaOf(None));
                        turn.send(&replica.address, Message::AskInfo);
                        self.enter(name, Stage::WaitPromotion, turn);
                    }
                    _ if waited > watched.settings.failover_timeout => watched.failover = None,
                    _ => {}
                }
            }
            Stage::WaitPromotion => {
                if waited > watched.settings.failover_timeout {
                    watched.failover = None;
                }
            }
            Stage::Reconfigure => self.reconfigure(name, turn),
        }
    }

    fn enter(&mut self, name: &Arc<str>, stage: Stage, turn: &mut Turn<'_>) {
        if let Some(failover) = self.watched.get_mut(name).and_then(|one| one.failover.as_mut()) {
            failover.stage = stage;
            failover.since = turn.now;
        }
    }

    fn select(&mut self, name: &Arc<str>, turn: &mut Turn<'_>) {
        let Some(watched) = self.watched.get_mut(name) else { return };
        let candidate = watched.failover.as_ref().and_then(|failover| failover.candidate.clone());
        match watched.best_replica(candidate.as_ref(), turn.now) {
            None => {
                let master = short(&watched.master.address);
                turn.say("give up", format!("no replica of {master} can be promoted"));
                watched.failover = None;
            }
            chosen => {
                if let Some(failover) = &mut watched.failover {
                    failover.promoted = chosen;
                }
                self.enter(name, Stage::SendPromotion, turn);
                self.advance(name, turn);
            }
        }
    }

    /// The chosen replica says that it is master: from now on the others hear of it.
    pub(super) fn promoted(&mut self, name: &Arc<str>, turn: &mut Turn<'_>) {
        let Some(watched) = self.watched.get_mut(name) else { return };
        let Some(failover) = &watched.failover else { return };
        watched.config_epoch = failover.epoch;
        if let Some(promoted) = &failover.promoted {
            turn.say(
                "promoted",
                format!("{} takes over from {}", short(promoted), short(&watched.master.address)),
            );
        }
        self.enter(name, Stage::Reconfigure, turn);
        self.say_hello(name, turn);
        self.reconfigure(name, turn);
    }

    fn reconfigure(&mut self, name: &Arc<str>, turn: &mut Turn<'_>) {
        let Some(watched) = self.watched.get_mut(name) else { return };
        let Some(failover) = &watched.failover else { return };
        let Some(promoted) = failover.promoted.clone() else { return };
        let timed_out = turn.now.duration_since(failover.since) > watched.settings.failover_timeout;
        let follows = |replica: &Instance| {
            replica.info.as_ref().is_some_and(|info| {
                info.master.as_ref() == Some(&promoted) && info.link_down_since.is_none()
            })
        };
        let others =
            || watched.replicas.values().filter(|one| one.address != promoted && !one.is_down());
        let pending = others().filter(|one| !follows(one)).count();
        let busy = others().filter(|one| one.told.is_some() && !follows(one)).count();
        if pending == 0 || timed_out {
            if timed_out {
                for replica in others().filter(|one| !follows(one)) {
                    turn.effects.push(crate::engine::Effect::Send {
                        to: replica.address.clone(),
                        message: Message::ReplicaOf(Some(promoted.clone())),
                    });
                }
            }
            watched.switch(&promoted, turn.now);
            return;
        }
        let room =
            usize::try_from(watched.settings.parallel_syncs).unwrap_or(1).saturating_sub(busy);
        let untold = watched
            .replicas
            .values_mut()
            .filter(|one| one.address != promoted && !one.is_down() && one.told.is_none());
        for replica in untold.take(room) {
            replica.told = Some(turn.now);
            turn.send(&replica.address, Message::ReplicaOf(Some(promoted.clone())));
        }
    }
}
