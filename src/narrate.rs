//! Runs as people read them: time, who acted, what happened, in columns.

use drydock_simulator::trace::{Level, Line, Who};
use jiff::{SignedDuration, Timestamp};

use crate::paint::Paint;

/// Notes of claims stand to the right, where there is room.
const WIDTH: usize = 96;
/// A line that joins others is not made longer than this.
const JOINED: usize = 100;

/// The lines of a story. What repeats is counted, what happens at once in one row stands on one line.
pub fn story<'a>(
    lines: impl Iterator<Item = &'a Line>,
    epoch: Timestamp,
    level: Level,
    paint: Paint,
) -> Vec<String> {
    let mut rows: Vec<Row> = Vec::new();
    for line in lines.filter(|line| line.level <= level) {
        let row = Row::of(line, epoch);
        match rows.last_mut() {
            Some(last) if last.absorbs(&row) => last.absorb(row),
            _ => rows.push(row),
        }
    }
    rows.iter().map(|row| row.paint(paint)).collect()
}

struct Row {
    time: String,
    who: Who,
    verb: &'static str,
    texts: Vec<(String, usize)>,
    note: String,
}

impl Row {
    fn of(line: &Line, epoch: Timestamp) -> Self {
        let (text, note) = line.text.split_once('\t').unwrap_or((&line.text, ""));
        Self {
            time: clock(line.at.duration_since(epoch)),
            who: line.who,
            verb: line.verb,
            texts: vec![(text.to_owned(), 1)],
            note: note.to_owned(),
        }
    }

    fn absorbs(&self, next: &Row) -> bool {
        if self.who == Who::Claim || (self.who, self.verb) != (next.who, next.verb) {
            return false;
        }
        let repeated = self.texts.len() == 1 && self.texts[0].0 == next.texts[0].0;
        let at_once = self.time == next.time && self.text().chars().count() < JOINED;
        // A sentence does not go on in the next one.
        let short = |row: &Row| row.texts.iter().all(|(text, _)| !text.contains([' ', ';']));
        repeated || (at_once && short(self) && short(next))
    }

    fn absorb(&mut self, next: Row) {
        for (text, count) in next.texts {
            match self.texts.last_mut() {
                Some((last, times)) if *last == text => *times += count,
                _ => self.texts.push((text, count)),
            }
        }
    }

    /// `pod/a, b`: a kind that was named is not named again.
    fn text(&self) -> String {
        let kind = |text: &str| text.split_once('/').map(|(kind, _)| kind.to_owned());
        let mut named = None;
        let mut one = |(text, times): &(String, usize)| {
            let shown = match text.split_once('/') {
                Some((of, name)) if named.as_deref() == Some(of) => name,
                _ => text,
            };
            named = kind(text);
            if *times > 1 { format!("{shown} ({times} times)") } else { shown.to_owned() }
        };
        self.texts.iter().map(&mut one).collect::<Vec<_>>().join(", ")
    }

    fn paint(&self, paint: Paint) -> String {
        let text = self.text();
        let who = paint.who(self.who.name(), &format!("{:<9}", self.who.name()));
        let (mark, verb) = match (self.who, self.verb) {
            (Who::Claim, "held") => (paint.success("✓"), ""),
            (Who::Claim, _) => (paint.failure("✗"), ""),
            (_, verb) => (" ".to_owned(), verb),
        };
        let verb = if self.who == Who::Claim { String::new() } else { format!("{verb:<10} ") };
        let mut row = format!("  {mark} {:>8}  {who} {verb}{text}", self.time);
        if !self.note.is_empty() {
            let shown = 23 + verb.chars().count() + text.chars().count();
            let note = format!("({})", self.note);
            let gap = WIDTH.saturating_sub(shown + note.chars().count()).max(2);
            row.push_str(&" ".repeat(gap));
            row.push_str(&paint.faint(&note));
        }
        row.trim_end().to_owned()
    }
}

/// Virtual time from the start of the story: `5:20.4`.
pub fn clock(since: SignedDuration) -> String {
    let tenths = (since.as_millis() / 100).max(0);
    format!("{}:{:02}.{}", tenths / 600, tenths / 10 % 60, tenths % 10)
}

/// `30m 00s`, `44.1 s`
pub fn span(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{:.1} s", duration.as_secs_f64()),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m {:02}s", seconds / 3600, seconds / 60 % 60, seconds % 60),
    }
}

/// `41 ms`, `1.2 s`
pub fn cpu(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.0} ms", seconds * 1000.0) } else { format!("{seconds:.1} s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(at_ms: i64, who: Who, verb: &'static str, text: &str) -> Line {
        let at = Timestamp::UNIX_EPOCH + SignedDuration::from_millis(at_ms);
        Line { at, level: Level::Story, who, verb, text: text.into() }
    }

    fn told(lines: &[Line]) -> Vec<String> {
        story(lines.iter(), Timestamp::UNIX_EPOCH, Level::Story, Paint::none())
    }

    #[test]
    fn what_happens_at_once_stands_on_one_line_and_repetition_is_counted() {
        let lines = [
            line(110, Who::Operator, "create", "pod/a"),
            line(140, Who::Operator, "create", "pod/b"),
            line(900, Who::Cluster, "restart", "pod/a"),
            line(1900, Who::Cluster, "restart", "pod/a"),
        ];

        assert_eq!(
            told(&lines),
            [
                "      0:00.1  operator  create     pod/a, b",
                "      0:00.9  cluster   restart    pod/a (2 times)"
            ]
        );
    }

    #[test]
    fn claims_carry_a_mark_and_their_bound_to_the_right() {
        let lines = [line(31_200, Who::Claim, "held", "cluster/demo is Running\twithin 5m")];

        let told = told(&lines);

        assert!(
            told[0].starts_with("  ✓   0:31.2  claim     cluster/demo is Running   "),
            "{told:?}"
        );
        assert!(told[0].ends_with("(within 5m)"), "{told:?}");
    }
}
