//! The network between engines, and what becomes of what they do.
//!
//! A message takes well under a millisecond. A machine that is down is silent; one that is up
//! answers for a process that does not listen.

use std::sync::Arc;

use jiff::SignedDuration;

use super::super::Ctx;
use super::{About, Kubelet, Mark};
use crate::engine::{Effect, Engine, Facts, Input, Member, Message, Turn, short};
use crate::facts::PodFacts;
use crate::random;
use crate::trace::Who;

const LATENCY_US: (i64, i64) = (150, 700);

/// Messages on their way; the heap knows them by their place.
#[derive(Clone, Debug, Default)]
pub struct Mail {
    letters: Vec<Option<Letter>>,
    free: Vec<u32>,
}

#[derive(Clone, Debug)]
struct Letter {
    from: Member,
    to: Member,
    message: Message,
}

impl Mail {
    fn put(&mut self, letter: Letter) -> u32 {
        if let Some(place) = self.free.pop() {
            self.letters[place as usize] = Some(letter);
            return place;
        }
        self.letters.push(Some(letter));
        u32::try_from(self.letters.len() - 1).expect("fewer messages on their way than 2^32")
    }

    fn take(&mut self, place: u32) -> Option<Letter> {
        let letter = self.letters.get_mut(place as usize)?.take();
        self.free.push(place);
        letter
    }
}

impl Kubelet {
    fn post(&mut self, ctx: &mut Ctx<'_>, slot: u32, from: Member, to: Member, message: Message) {
        let Some(run) = self.run_mut(slot) else { return };
        run.sent += 1;
        let draws = *run.draws.get_or_insert_with(|| ctx.draws(&from));
        let (low, high) = LATENCY_US;
        let us = random::between(random::nth(draws, run.sent), low, high);
        let latency = SignedDuration::from_micros(us);
        let place = self.mail.put(Letter { from, to, message });
        ctx.background_after(latency, Mark::new(About::Mail, place).pack());
    }

    pub(super) fn deliver(&mut self, ctx: &mut Ctx<'_>, place: u32) {
        let Some(letter) = self.mail.take(place) else { return };
        let Letter { from, to, message } = letter;
        let slot = self.by_key.get(&to).copied();
        let target = slot.and_then(|slot| self.runs.get(slot));
        if target.is_some_and(|run| !self.machines[run.machine].up) {
            return;
        }
        let (Some(slot), Some(run)) = (slot, target) else {
            self.refuse(ctx, &to, from, &message);
            return;
        };
        let main = run.main;
        if run.processes[main].engine.is_none() {
            self.refuse(ctx, &to, from, &message);
            return;
        }
        let quiet = matches!(message, Message::Ping | Message::Pong);
        let mark = Mark::of(About::Tick, slot, main, run.processes[main].life);
        self.engine(ctx, mark, Input::Message { from: &from, message }, quiet);
    }

    /// Nobody listens at `at`: the sender hears so, if its machine lives.
    fn refuse(&mut self, ctx: &mut Ctx<'_>, at: &Member, sender: Member, message: &Message) {
        if *message == Message::Refused {
            return;
        }
        if let Some(slot) = self.by_key.get(&sender).copied() {
            self.post(ctx, slot, at.clone(), sender, Message::Refused);
        }
    }

    pub(super) fn tick(&mut self, ctx: &mut Ctx<'_>, mark: Mark) {
        self.engine(ctx, mark, Input::Tick, false);
    }

    pub(in crate::actor) fn engine(
        &mut self,
        ctx: &mut Ctx<'_>,
        mark: Mark,
        input: Input<'_>,
        quiet: bool,
    ) {
        let mut effects = std::mem::take(&mut self.effects);
        let now = ctx.now();
        if let Some(engine) = self.process_mut(mark).and_then(|process| process.engine.as_mut()) {
            let engine: &mut Engine = Arc::make_mut(engine);
            engine.react(input, &mut Turn { now, effects: &mut effects });
        }
        if !effects.is_empty() {
            effects = self.carry_out(ctx, mark, effects);
            effects.clear();
        }
        self.effects = effects;
        if !quiet {
            self.publish(ctx, mark.slot);
        }
    }

    pub(super) fn carry_out(
        &mut self,
        ctx: &mut Ctx<'_>,
        mark: Mark,
        mut effects: Vec<Effect>,
    ) -> Vec<Effect> {
        let Some(me) = self.runs.get(mark.slot).map(|run| run.key.clone()) else { return effects };
        for effect in effects.drain(..) {
            match effect {
                Effect::Send { to, message } => self.post(ctx, mark.slot, me.clone(), to, message),
                Effect::Wake(at) => {
                    let after = at.duration_since(ctx.now());
                    ctx.background_after(after, Mark { about: About::Tick, ..mark }.pack());
                }
                Effect::Done { id, exit, output } => self.call_done(ctx, id, exit, output),
                Effect::Say { verb, text } => ctx.say(Who::Engine, verb, || text),
            }
        }
        effects
    }

    /// The process that the pod is there for answers its clients.
    pub(super) fn became_up(&mut self, ctx: &mut Ctx<'_>, slot: u32) {
        let Some(run) = self.runs.get(slot).cloned() else { return };
        if run.roles.is_some() {
            self.change_group(ctx, &run.group, |group| group.set_ready(&run.key, true));
        }
        self.publish(ctx, slot);
    }

    pub(super) fn became_down(&mut self, ctx: &mut Ctx<'_>, slot: u32, exists: bool) {
        let Some(run) = self.runs.get(slot).cloned() else { return };
        if run.roles.is_some() {
            let now = ctx.now();
            self.change_group(ctx, &run.group, |group| group.gone(&run.key, exists, now));
        }
        self.publish(ctx, slot);
    }

    pub(in crate::actor) fn change_group<T>(
        &mut self,
        ctx: &mut Ctx<'_>,
        name: &Arc<str>,
        change: impl FnOnce(&mut crate::engine::generic::Group) -> T,
    ) -> T {
        let group = Arc::make_mut(self.groups.entry(name.clone()).or_default());
        let before = (group.due(), group.leader().cloned());
        let result = change(group);
        let after = (group.due(), group.leader().cloned());
        if after.0 != before.0
            && let Some(due) = after.0
        {
            ctx.timer(due, Mark::new(About::Election, 0).pack());
        }
        if after.1 != before.1 {
            self.publish_group(ctx, name);
        }
        result
    }

    pub(super) fn elect(&mut self, ctx: &mut Ctx<'_>, _slot: u32) {
        let now = ctx.now();
        let due = self.groups.iter().filter(|(_, group)| group.due().is_some_and(|at| at <= now));
        let due: Vec<Arc<str>> = due.map(|(name, _)| name.clone()).collect();
        for name in due {
            let led = self
                .change_group(ctx, &name, |group| group.tick(now).then(|| group.leader().cloned()));
            if let Some(leader) = led.flatten() {
                ctx.say(Who::Engine, "elect", || format!("{} leads now", short(&leader)));
            }
        }
    }

    fn publish_group(&mut self, ctx: &mut Ctx<'_>, name: &Arc<str>) {
        let members: Vec<u32> =
            self.runs.iter().filter(|(_, run)| run.group == *name).map(|(slot, _)| slot).collect();
        for slot in members {
            self.publish(ctx, slot);
        }
    }

    /// Says how the engine is, if that has changed.
    fn publish(&mut self, ctx: &mut Ctx<'_>, slot: u32) {
        let Some(run) = self.runs.get(slot) else { return };
        let process = run.main();
        let mut facts = match &process.engine {
            Some(engine) => engine.facts(),
            None => Facts { up: process.is_up(), ..Facts::default() },
        };
        let mut role = None;
        if let Some((leader, follower)) = run.roles.as_ref().filter(|_| facts.up) {
            let leads =
                self.groups.get(&run.group).is_some_and(|group| group.leader() == Some(&run.key));
            facts.leads = Some(leads);
            facts.accepts_writes = leads;
            role = Some(if leads { leader } else { follower });
        } else if let Some(leads) = facts.leads {
            let print = &process.model.print;
            role = Some(if leads { &print.leader } else { &print.follower });
        }
        if run.facts.as_ref() == Some(&facts) && *run.role == *role.map_or("", |role| role) {
            return;
        }
        let role: Arc<str> = role.cloned().unwrap_or_default();
        let mut said = PodFacts {
            pod_uid: run.uid.clone(),
            engine: process.model.engine.clone(),
            group: run.group.clone(),
            up: facts.up,
            role: role.clone(),
            accepts_writes: facts.accepts_writes,
            single_primary: facts.leads.is_some(),
            assumed: process.model.assumed,
            ..PodFacts::default()
        };
        if let Some(master) = &facts.replica_of {
            said.values.insert("replica-of".into(), short(master).to_owned());
        }
        if facts.offset > 0 {
            said.moving.insert("offset".into(), facts.offset.to_string());
        }
        ctx.set_facts(&run.namespace, &run.name, said);
        let Some(run) = self.run_mut(slot) else { return };
        let changed = run.role != role;
        run.facts = Some(facts);
        run.role = role;
        if changed {
            self.agent_role_changed(ctx, slot);
        }
    }
}
