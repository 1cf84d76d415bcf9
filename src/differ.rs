//! `drydock differ`: stories told to two API servers, and where their answers part.
//!
//! ```text
//! draw ─► story ─► both servers, step by step ─► compare ─► shrink ─► a file to keep, the story again
//! ```

mod chance;
mod compare;
mod definition;
mod draw;
#[cfg(test)]
mod faults;
mod fields;
mod kinds;
mod nasty;
mod report;
mod server;
mod shrink;
mod story;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use futures::StreamExt;
use jiff::Timestamp;
use serde_json::{Value, json};

use self::compare::{Difference, Symbols};
use self::fields::Field;
use self::kinds::Kind;
use self::report::{Found, Told, class};
use self::server::Server;
use self::story::{Names, Step, Story, Verb};
use crate::servers::{Served, client};
use crate::{Exit, Refusal, input, paint};

/// Tell the same stories to Drydock's API server and to another one, and show where their answers part
///
/// A story is a few requests about one object: good, odd and wrong ones, drawn per kind from the schema that the other
/// server publishes. Each is told under fresh names; uids, revisions, times and whatever else a server chooses are no
/// differences. The other server should have no controllers, or they will take part.
#[derive(Args)]
#[command(after_help = "\
Examples:
  drydock differ --against ~/.cache/oracle/run/kubeconfig --stories 2000
  drydock differ --against KUBECONFIG --kind apps/v1/deployments --verb apply --seed 7
  drydock differ --against KUBECONFIG --kind v1/services --fields           every field, every odd value
  drydock differ --against KUBECONFIG target/differences/v1-pods-17.yaml    a story again

Exit codes: 0 no difference, 1 a difference, 2 bad input, 3 a server cannot be reached.")]
pub struct Arguments {
    /// Stories that were kept, to be told again
    stories_again: Vec<PathBuf>,
    /// The kubeconfig of the other server
    #[arg(long, value_name = "KUBECONFIG")]
    against: PathBuf,
    /// The kubeconfig of ours; one is started if nothing is said
    #[arg(long, value_name = "KUBECONFIG")]
    ours: Option<PathBuf>,
    /// How many stories to draw
    #[arg(long, default_value_t = 500)]
    stories: u64,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Instead of drawing, try every field of every kind with one odd value after another
    #[arg(long, conflicts_with_all = ["stories", "seed", "verb"])]
    fields: bool,
    /// Only stories about this kind: apps/v1/deployments, v1/pods
    #[arg(long, value_name = "KIND")]
    kind: Vec<String>,
    /// Only stories about this verb: create, apply, merge
    #[arg(long, value_name = "VERB")]
    verb: Vec<String>,
    /// After how many different differences to stop
    #[arg(long, value_name = "N", default_value_t = 1)]
    stop_after: usize,
    /// How many smaller stories to try for each that differs
    #[arg(long, value_name = "N", default_value_t = 250)]
    shrink: usize,
    /// How often to tell a story that differs again: what the other server once answers as ours does is chance
    #[arg(long, value_name = "N", default_value_t = AGAIN)]
    again: u32,
    /// Show and keep every story that differs, not one of each kind of difference
    #[arg(long)]
    every: bool,
    /// Where differing stories are kept
    #[arg(long, value_name = "FOLDER", default_value = "target/differences")]
    keep: PathBuf,
    /// `json`: one object
    #[arg(short, long, value_name = "FORMAT", default_value = "text", value_parser = ["text", "json"])]
    output: String,
}

impl Arguments {
    /// Whether there are such kinds and verbs.
    fn check(&self) -> Result<(), Refusal> {
        let examples = examples().map_err(|error| Refusal::not_run(format_args!("{error:#}")))?;
        let kinds = examples.keys().map(String::as_str);
        let kinds: Vec<&str> = kinds.chain([kinds::GENERATED]).collect();
        let verbs = Verb::ALL.map(Verb::name);
        for (option, wanted, known) in
            [("--kind", &self.kind, &kinds[..]), ("--verb", &self.verb, &verbs[..])]
        {
            if let Some(wanted) = wanted.iter().find(|it| !known.contains(&it.as_str())) {
                let known = known.join(", ");
                let why =
                    format_args!("{option} {wanted}: there is no such one; known are {known}");
                return Err(Refusal::bad_input(why));
            }
        }
        Ok(())
    }
}

/// Of our own server: it judges flows as a real one that nothing is said to does.
const OURS: [&str; 2] = ["--insecure-http", "--enable-priority-and-fairness=true"];

/// How many stories are told at once: most of the time goes by while watches end.
const AT_ONCE: usize = 8;

pub fn run(arguments: &Arguments) -> Result<Exit, Refusal> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Refusal::not_run(format_args!("cannot start: {error}")))?;
    arguments.check()?;
    let again: Vec<Story> =
        arguments.stories_again.iter().map(|path| kept(path)).collect::<Result<_, _>>()?;
    runtime.block_on(async {
        let (sides, _ours) = Sides::of(arguments)
            .await
            .map_err(|error| Refusal::not_run(format_args!("{error:#}")))?;
        let found = if again.is_empty() {
            drawn(&sides, arguments).await
        } else {
            retold(&sides, &again, arguments.again).await
        };
        let found = found.map_err(|error| Refusal::not_run(format_args!("{error:#}")))?;
        found.report(arguments)
    })
}

fn kept(path: &Path) -> Result<Story, Refusal> {
    let name = path.display().to_string();
    let text = input::read(&name).map_err(Refusal::bad_input)?;
    serde_saphyr::from_str(&text)
        .map_err(|error| Refusal::bad_input(format_args!("{name}: {error}")))
}

/// Both servers, with the definitions of the kinds that are ours.
struct Sides {
    ours: Server,
    theirs: Server,
    /// Before the number of every telling, so that names are fresh.
    prefix: String,
}

impl Sides {
    async fn of(arguments: &Arguments) -> anyhow::Result<(Self, Option<Served>)> {
        let theirs = client(&arguments.against).await?;
        let (ours, served) = if let Some(path) = &arguments.ours {
            (client(path).await?, None)
        } else {
            // A folder of its own: another differ may run beside it.
            let folder = format!("target/differ/{}", std::process::id());
            let served = Served::start(&folder, &OURS).await?;
            (served.client().await?, Some(served))
        };
        let sides = Self {
            ours: Server::new(ours),
            theirs: Server::new(theirs),
            prefix: format!("d{:x}", Timestamp::now().as_second()),
        };
        sides.define().await?;
        Ok((sides, served))
    }

    async fn define(&self) -> anyhow::Result<()> {
        let definitions: Vec<Value> =
            serde_saphyr::from_str(include_str!("differ/definitions.yaml"))
                .context("the built-in definitions")?;
        let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        for definition in &definitions {
            for side in [&self.ours, &self.theirs] {
                let made = side.create(path, definition).await?;
                anyhow::ensure!(
                    matches!(made.status, 201 | 409),
                    "a definition is refused: {}",
                    made.text()
                );
            }
            let (plural, _) = definition["metadata"]["name"]
                .as_str()
                .and_then(|name| name.split_once('.'))
                .context("a definition has a name")?;
            let served = format!("/apis/differ.example/v1/{plural}");
            let deadline = Instant::now() + Duration::from_secs(20);
            while self.theirs.get(&served).await.is_err() {
                anyhow::ensure!(Instant::now() < deadline, "{plural} is not served");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
        // Published a moment after it is served.
        let deadline = Instant::now() + Duration::from_secs(20);
        while !self.theirs.get("/openapi/v3/apis/differ.example/v1").await.is_ok_and(|document| {
            document["components"]["schemas"].as_object().is_some_and(|all| all.len() > 6)
        }) && Instant::now() < deadline
        {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }

    /// Tells a story to both, up to where they part.
    async fn tell(
        &self,
        story: &Story,
        telling: &str,
        told: &mut Told,
    ) -> anyhow::Result<Option<(usize, Difference)>> {
        let mut names = [Names::default(), Names::default()];
        for names in &mut names {
            names.namespace = format!("{}-{telling}", self.prefix);
        }
        let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": names[0].namespace } });
        for side in [&self.ours, &self.theirs] {
            let made = side.create("/api/v1/namespaces", &namespace).await?;
            anyhow::ensure!(matches!(made.status, 201 | 409), "no namespace: {}", made.text());
        }
        let found = self.tell_steps(story, &mut names, told).await;
        // What is in no namespace stays in the way of later stories: a class of priority that all pods get, say.
        if let Some(path) = story.left_behind() {
            for (side, names) in [&self.ours, &self.theirs].into_iter().zip(&names) {
                side.remove(&names.fill(&path)).await?;
            }
        }
        found
    }

    async fn tell_steps(
        &self,
        story: &Story,
        names: &mut [Names; 2],
        told: &mut Told,
    ) -> anyhow::Result<Option<(usize, Difference)>> {
        let mut symbols = [Symbols::default(), Symbols::default()];
        let [my_names, other_names] = names;
        for (at, step) in story.steps.iter().enumerate() {
            let (ours, theirs) =
                tokio::join!(self.ours.play(step, my_names), self.theirs.play(step, other_names));
            let (ours, theirs) = (ours?, theirs?);
            *told.codes.entry(theirs.status / 100).or_default() += 1;
            // A real server that falls over in a request breaks off: what it would have said, and what is there after
            // it, nobody knows.
            if theirs.is_broken_off() && !ours.is_broken_off() {
                return Ok(None);
            }
            let mut found = compare::first(&ours, &theirs, &mut symbols);
            if found.is_some() && step.takes_any_state() {
                // What a real server reads from its cache is a little late.
                tokio::time::sleep(LATE).await;
                let theirs = self.theirs.play(step, other_names).await?;
                found = compare::first(&ours, &theirs, &mut symbols);
            }
            if let Some(difference) = found {
                let difference = explained(difference, &ours, &theirs);
                return Ok(Some((at, difference)));
            }
            if let Some(object) = step.is_seen_to() {
                self.settle(&object, [my_names, other_names], &mut symbols).await?;
            }
        }
        Ok(None)
    }

    /// Waits until the other server has said what it says itself of an object, as ours does at once; if it never says
    /// the same, the next step is told that.
    async fn settle(
        &self,
        object: &str,
        names: [&Names; 2],
        symbols: &mut [Symbols; 2],
    ) -> anyhow::Result<()> {
        let deadline = Instant::now() + LATE;
        let [mut my_names, mut other_names] = names.map(Names::clone);
        let look = Step::read(object);
        loop {
            let (ours, theirs) = tokio::join!(
                self.ours.play(&look, &mut my_names),
                self.theirs.play(&look, &mut other_names),
            );
            let (ours, theirs) = (ours?, theirs?);
            // Its revision is known from here on: the next step may copy it.
            let mut known = symbols.clone();
            if compare::first(&ours, &theirs, &mut known).is_none() {
                *symbols = known;
                for list in definition::lists(&theirs.body()) {
                    while self.ours.get(&list).await.is_ok()
                        && self.theirs.get(&list).await.is_err()
                        && Instant::now() < deadline
                    {
                        tokio::time::sleep(SHORTLY).await;
                    }
                }
                return Ok(());
            }
            if Instant::now() > deadline {
                return Ok(());
            }
            tokio::time::sleep(SHORTLY).await;
        }
    }

    /// Whether the other server also answers a story as ours does, once it is told a few times more.
    async fn is_chance(&self, story: &Story, telling: &str, most: u32) -> anyhow::Result<bool> {
        any_alike(most, async |again| {
            let mut scratch = Told::default();
            self.tell(story, &format!("{telling}-again{again}"), &mut scratch).await
        })
        .await
    }

    /// The shortest story that parts in the same way.
    async fn shrunk(
        &self,
        mut story: Story,
        difference: &Difference,
        name: &str,
        most: usize,
    ) -> anyhow::Result<Story> {
        let mut tries = 0;
        let mut scratch = Told::default();
        'smaller: loop {
            for candidate in shrink::smaller(&story) {
                tries += 1;
                if tries > most {
                    return Ok(story);
                }
                let telling = format!("{name}-{tries}");
                let found = self.tell(&candidate, &telling, &mut scratch).await?;
                if let Some((at, found)) = found
                    && class(&found) == class(difference)
                {
                    story = candidate;
                    story.steps.truncate(at + 1);
                    continue 'smaller;
                }
            }
            return Ok(story);
        }
    }
}

/// How often a story that differs is told again: what is one of two by chance comes up but once in a million times.
const AGAIN: u32 = 20;

/// Whether any of some more tellings finds no difference: then one server answers the same story in two ways, and ours
/// always in one.
async fn any_alike<F>(
    most: u32,
    mut tell: impl AsyncFnMut(u32) -> anyhow::Result<Option<F>>,
) -> anyhow::Result<bool> {
    for again in 0..most {
        if tell(again).await?.is_none() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How late what a server reads from its cache may be.
const LATE: Duration = Duration::from_secs(1);
const SHORTLY: Duration = Duration::from_millis(40);

/// A difference in the code says little without what both say.
fn explained(
    mut difference: Difference,
    ours: &server::Reply,
    theirs: &server::Reply,
) -> Difference {
    if difference.at == "status" {
        for (text, reply) in [(&mut difference.ours, ours), (&mut difference.theirs, theirs)] {
            let body = reply.body();
            let message = body["message"].as_str().unwrap_or_default();
            if reply.status >= 300 {
                *text = format!("{text} {message}");
            }
        }
    }
    difference
}

async fn retold(sides: &Sides, stories: &[Story], again: u32) -> anyhow::Result<Told> {
    let mut told = Told::default();
    for (index, story) in stories.iter().enumerate() {
        told.stories += 1;
        let telling = index.to_string();
        if let Some((at, difference)) = sides.tell(story, &telling, &mut told).await? {
            let name = format!("{}-{index}", story.kind.replace('/', "-"));
            let class = class(&difference);
            let found = Found { name, story: story.clone(), at, difference };
            if sides.is_chance(story, &telling, again).await? {
                told.by_chance.push(found);
            } else {
                *told.differing.entry(class).or_default() += 1;
                told.found.push(found);
            }
        }
    }
    Ok(told)
}

async fn drawn(sides: &Sides, arguments: &Arguments) -> anyhow::Result<Told> {
    let examples = examples()?;
    let mut kinds = kinds::of(&sides.theirs, &examples).await?;
    kinds.retain(|kind| arguments.kind.is_empty() || arguments.kind.contains(&kind.name));
    anyhow::ensure!(!kinds.is_empty(), "the other server serves no such kind");
    let mut verbs = Verb::ALL.to_vec();
    verbs.retain(|verb| {
        arguments.verb.is_empty() || arguments.verb.iter().any(|it| it == verb.name())
    });

    let fields: Vec<Field<'_>> =
        kinds.iter().filter(|_| arguments.fields).flat_map(fields::of).collect();
    let (stories, wanted): (Box<dyn Iterator<Item = (Verb, Story)>>, usize) = if arguments.fields {
        (Box::new(fields.iter().map(|field| (Verb::Update, field.story()))), fields.len())
    } else {
        let drawn = (0..arguments.stories).map(|number| {
            let (kind, verb) = cell(number, &kinds, &verbs);
            (verb, draw::story(kind, verb, seed_of(arguments, number)))
        });
        (Box::new(drawn), usize::try_from(arguments.stories)?)
    };
    let mut told = Told { wanted, ..Told::default() };
    let mut progress = paint::Progress::new();
    let numbered = futures::stream::iter(stories.enumerate());
    let tellings = numbered.map(|(number, (verb, story))| async move {
        let mut told = Told::default();
        let found = sides.tell(&story, &format!("{}-{number}", arguments.seed), &mut told).await;
        (number, verb, story, told, found)
    });
    let mut tellings = tellings.buffered(AT_ONCE);
    while let Some((number, verb, story, this, found)) = tellings.next().await {
        told.stories += 1;
        for (code, count) in this.codes {
            *told.codes.entry(code).or_default() += count;
        }
        *told.cells.entry((story.kind.clone(), verb)).or_default() += 1;
        progress.show(|| {
            let differing: u64 = told.differing.values().sum();
            format!("{} of {wanted} stories, {differing} differ", told.stories)
        });
        let (at, difference) = match found {
            Ok(Some(found)) => found,
            Ok(None) => continue,
            Err(error) => {
                told.cut_short = Some(format!("{error:#}"));
                break;
            }
        };
        let name = format!("{}-{}-{number}", story.kind.replace('/', "-"), arguments.seed);
        let telling = format!("s{}-{number}", arguments.seed);
        let mut cut = story.clone();
        cut.steps.truncate(at + 1);
        match sides.is_chance(&cut, &telling, arguments.again).await {
            Ok(false) => {}
            Ok(true) => {
                let found = Found { name, at, story: cut, difference };
                found.keep(&arguments.keep)?;
                told.by_chance.push(found);
                continue;
            }
            Err(error) => {
                told.cut_short = Some(format!("{error:#}"));
                break;
            }
        }
        let class = format!("{} {}", story.kind, class(&difference));
        let count = told.differing.entry(class).or_default();
        *count += 1;
        if *count > 1 && !arguments.every {
            continue;
        }
        let shrunk = sides.shrunk(cut.clone(), &difference, &telling, arguments.shrink).await;
        told.cut_short = shrunk.as_ref().err().map(|error| format!("{error:#}"));
        let story = shrunk.unwrap_or(cut);
        let found = Found { name, at: story.steps.len() - 1, story, difference };
        found.keep(&arguments.keep)?;
        told.found.push(found);
        if told.cut_short.is_some() {
            break;
        }
        if told.found.len() >= arguments.stop_after {
            break;
        }
    }
    Ok(told)
}

fn examples() -> anyhow::Result<BTreeMap<String, Value>> {
    serde_saphyr::from_str(include_str!("differ/examples.yaml")).context("the built-in examples")
}

fn seed_of(arguments: &Arguments, number: u64) -> u64 {
    arguments.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number
}

/// All cells in turn.
fn cell<'k>(number: u64, kinds: &'k [Kind], verbs: &[Verb]) -> (&'k Kind, Verb) {
    let number = usize::try_from(number).unwrap_or(usize::MAX);
    (&kinds[number % kinds.len()], verbs[number / kinds.len() % verbs.len()])
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    /// The kubeconfigs of both servers, where somebody has started them.
    fn line() -> Option<Arguments> {
        let against = std::env::var("DRYDOCK_DIFFER_AGAINST").ok()?;
        let ours = std::env::var("DRYDOCK_DIFFER_OURS").ok()?;
        let words = ["differ", "--against", &against, "--ours", &ours, "--stories", "2000"];
        Some(Line::parse_from(words).arguments)
    }

    #[tokio::test]
    async fn what_is_never_told_alike_is_no_chance() {
        let alike_at = async |when: u32| {
            any_alike(AGAIN, async |again| Ok((again != when).then_some(()))).await.expect("told")
        };

        assert!(alike_at(0).await && alike_at(AGAIN - 1).await);
        assert!(!alike_at(AGAIN).await);
    }

    #[test]
    fn every_planted_fault_is_found() {
        let Some(arguments) = line() else {
            println!("not run: it needs two servers, see `make differ-faults`");
            return;
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let missed = runtime.expect("a runtime").block_on(async {
            let mut missed = Vec::new();
            for (number, (name, fault)) in faults::ALL.into_iter().enumerate() {
                let (mut sound, _ours) = Sides::of(&arguments).await.expect("two servers");
                sound.prefix = format!("{}f{number}", sound.prefix);
                let faulty = Sides {
                    ours: sound.ours.clone().with_fault(fault),
                    theirs: sound.theirs.clone(),
                    prefix: format!("{}x", sound.prefix),
                };
                let after = found_after(&sound, &faulty, &arguments).await.expect("both answer");
                println!("{name}: {after:?}");
                missed.extend(after.is_none().then_some(name));
            }
            missed
        });
        assert!(missed.is_empty(), "not found: {missed:?}");
    }

    /// After how many stories the faulty server differs in a way in which the sound one does not.
    async fn found_after(
        sound: &Sides,
        faulty: &Sides,
        arguments: &Arguments,
    ) -> anyhow::Result<Option<u64>> {
        let kinds = kinds::of(&sound.theirs, &examples()?).await?;
        let stories = futures::stream::iter(0..arguments.stories).map(|number| {
            let (kind, verb) = cell(number, &kinds, &Verb::ALL);
            let story = draw::story(kind, verb, seed_of(arguments, number));
            async move {
                let telling = number.to_string();
                let with = faulty.tell(&story, &telling, &mut Told::default()).await?;
                let Some((_, with)) = with else { return Ok(None) };
                let without = sound.tell(&story, &telling, &mut Told::default()).await?;
                let same = without.is_some_and(|(_, without)| class(&without) == class(&with));
                anyhow::Ok((!same).then_some(number))
            }
        });
        let mut stories = stories.buffered(AT_ONCE);
        while let Some(found) = stories.next().await {
            if let Some(number) = found? {
                return Ok(Some(number + 1));
            }
        }
        Ok(None)
    }

    #[test]
    fn the_same_seed_draws_the_same_stories() {
        let document = std::sync::Arc::new(json!({}));
        let schema = json!({ "type": "object", "properties": {
            "metadata": { "type": "object", "properties": { "labels": { "type": "object", "additionalProperties": { "type": "string" } } } },
            "data": { "type": "object", "additionalProperties": { "type": "string" } },
        } });
        let kind = Kind {
            name: "v1/configmaps".into(),
            api_version: "v1".into(),
            kind: "ConfigMap".into(),
            root: "/api/v1".into(),
            plural: "configmaps".into(),
            namespaced: true,
            subresources: Vec::new(),
            schema: kinds::Schema::new(document, schema),
            example: json!({ "data": { "a": "1" } }),
        };
        let draw = |seed| Verb::ALL.map(|verb| draw::story(&kind, verb, seed));
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        for (verb, story) in Verb::ALL.into_iter().zip(draw(7)) {
            assert!(story.steps.iter().any(|step| step.verb == verb), "no {verb:?} in {story:?}");
        }
    }
}
