//! What was told and what was found, for people and for machines.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::Arguments;
use super::compare::Difference;
use super::story::{Story, Verb};
use crate::{Exit, Refusal, paint};

/// What two differences of one cause have in common: the place without positions, and the texts without what is quoted.
pub fn class(difference: &Difference) -> String {
    let bare = |text: &str| {
        let mut bare = String::new();
        let mut quoted = false;
        for character in text.chars() {
            if character == '"' {
                quoted = !quoted;
            } else if !quoted && !character.is_ascii_digit() {
                bare.push(character);
            }
        }
        bare
    };
    let place = bare(&difference.at);
    if difference.at == "status" {
        return format!(
            "{place} {} {}",
            difference.ours.get(..3).unwrap_or(""),
            difference.theirs.get(..3).unwrap_or("")
        );
    }
    let there = |text: &str| text == "(not there)";
    format!("{place} {} {}", there(&difference.ours), there(&difference.theirs))
}

/// What was told, for the table.
#[derive(Default)]
pub struct Told {
    /// Stories by kind and the verb they are about.
    pub cells: BTreeMap<(String, Verb), u64>,
    /// Answers of the other server by the first digit of their code.
    pub codes: BTreeMap<u16, u64>,
    pub stories: u64,
    /// Stories that were to be told.
    pub wanted: usize,
    pub found: Vec<Found>,
    /// What the other server answers now as ours does, now not.
    pub by_chance: Vec<Found>,
    /// Stories that differed, those of one class counted each.
    pub differing: BTreeMap<String, u64>,
    /// Why not all was told that was to be.
    pub cut_short: Option<String>,
}

pub struct Found {
    pub name: String,
    pub story: Story,
    pub at: usize,
    pub difference: Difference,
}

impl Found {
    /// Writes the story down, to be told again.
    pub fn keep(&self, folder: &Path) -> anyhow::Result<()> {
        std::fs::create_dir_all(folder)?;
        let text = serde_saphyr::to_string(&self.story).context("cannot write a story")?;
        Ok(std::fs::write(folder.join(format!("{}.yaml", self.name)), text)?)
    }
}

impl Told {
    pub fn report(&self, arguments: &Arguments) -> Result<Exit, Refusal> {
        let text = match arguments.output.as_str() {
            "json" => format!("{}\n", self.as_json()),
            _ => self.as_text(arguments),
        };
        paint::print(&text)?;
        if let Some(why) = &self.cut_short {
            let (told, wanted) = (self.stories, self.wanted);
            return Err(Refusal::not_run(format_args!("ended after {told} of {wanted}: {why}")));
        }
        Ok(if self.found.is_empty() { Exit::Held } else { Exit::Failed })
    }

    fn as_json(&self) -> Value {
        let cells = self
            .cells
            .iter()
            .map(|((kind, verb), count)| json!({ "kind": kind, "verb": verb, "stories": count }));
        let found = self.found.iter().map(|found| {
            json!({
                "name": found.name,
                "story": found.story,
                "step": found.at,
                "at": found.difference.at,
                "ours": found.difference.ours,
                "theirs": found.difference.theirs,
            })
        });
        json!({
            "stories": self.stories,
            "answers": self.codes.iter().map(|(code, count)| (format!("{code}xx"), json!(count))).collect::<serde_json::Map<_, _>>(),
            "cells": cells.collect::<Vec<_>>(),
            "differences": found.collect::<Vec<_>>(),
            "by_chance": self.by_chance.iter().map(|found| &found.name).collect::<Vec<_>>(),
            "classes": self.differing,
        })
    }

    fn as_text(&self, arguments: &Arguments) -> String {
        let mut text = self.table();
        for found in &self.found {
            let step = &found.story.steps[found.at];
            text.push_str(&format!(
                "\n  {}\n      {} {}\n      {}\n",
                found.name, step.method, step.path, found.difference
            ));
            if arguments.stories_again.is_empty() {
                let file = arguments.keep.join(format!("{}.yaml", found.name));
                text.push_str(&format!(
                    "      again   drydock differ --against {} {}\n",
                    arguments.against.display(),
                    file.display()
                ));
            }
        }
        for found in &self.by_chance {
            let step = &found.story.steps[found.at];
            text.push_str(&format!(
                "\n  {}: no difference. The other server answers now like ours, now not\n      {} {}\n      {}\n",
                found.name, step.method, step.path, found.difference
            ));
        }
        let answers: u64 = self.codes.values().sum();
        let wrong = self.codes.get(&4).copied().unwrap_or(0);
        text.push_str(&format!(
            "\n{} stories, {answers} answers, {} % of them refusals; {} stories differ, in {} ways\n",
            self.stories,
            (wrong * 100).checked_div(answers).unwrap_or(0),
            self.differing.values().sum::<u64>(),
            self.differing.len(),
        ));
        text
    }

    /// Stories per kind and verb.
    fn table(&self) -> String {
        if self.cells.is_empty() {
            return String::new();
        }
        let mut kinds: Vec<&String> = self.cells.keys().map(|(kind, _)| kind).collect();
        kinds.dedup();
        let head = std::iter::once("kind").chain(Verb::ALL.map(Verb::name)).map(str::to_owned);
        let mut rows = vec![head.collect::<Vec<_>>()];
        for kind in kinds {
            let count =
                |verb| self.cells.get(&(kind.clone(), verb)).map_or("-".into(), u64::to_string);
            rows.push(std::iter::once(kind.clone()).chain(Verb::ALL.map(count)).collect());
        }
        let right: Vec<usize> = (1..=Verb::ALL.len()).collect();
        let mut text = paint::table(&rows, &right).join("\n");
        text.push('\n');
        text
    }
}
