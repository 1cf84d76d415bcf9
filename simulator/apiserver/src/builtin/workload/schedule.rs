//! When a CronJob runs: five fields, or a word for them, and the time zone that they mean.

use crate::golang;

/// What is wrong with a schedule.
pub(in crate::builtin) fn misfit(schedule: &str) -> Option<String> {
    parse(schedule).err()
}

/// Whether IANA's database has a zone of that name.
pub(in crate::builtin) fn is_zone(name: &str) -> bool {
    const NAMES: &str = include_str!("../../../tables/zones.txt");
    name.is_empty() || name == "Local" || NAMES.lines().any(|known| known == name)
}

pub(in crate::builtin) fn unknown_zone(name: &str) -> String {
    format!("unknown time zone {name}")
}

fn parse(schedule: &str) -> Result<(), String> {
    let zone = ["TZ=", "CRON_TZ="].iter().find_map(|prefix| schedule.strip_prefix(prefix));
    let rest = match zone {
        Some(zone) => {
            let (zone, rest) = zone.split_once(' ').unwrap_or((zone, ""));
            if !is_zone(zone) {
                return Err(format!("provided bad location {zone}: {}", unknown_zone(zone)));
            }
            rest.trim()
        }
        None => schedule,
    };
    if rest.starts_with('@') {
        return word(rest);
    }
    let fields: Vec<&str> = rest.split_whitespace().collect();
    if fields.len() != FIELDS.len() {
        let found = fields.len();
        return Err(format!("expected exactly 5 fields, found {found}: [{}]", fields.join(" ")));
    }
    for (text, field) in fields.iter().zip(FIELDS) {
        for part in text.split(',').filter(|part| !part.is_empty()) {
            range(part, field)?;
        }
    }
    Ok(())
}

fn word(word: &str) -> Result<(), String> {
    const KNOWN: [&str; 7] =
        ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];
    if KNOWN.contains(&word) {
        return Ok(());
    }
    let Some(every) = word.strip_prefix("@every ") else {
        return Err(format!("unrecognized descriptor: {word}"));
    };
    golang::duration(every)
        .map(|_| ())
        .map_err(|why| format!("failed to parse duration {word}: {why}"))
}

struct Field {
    low: i64,
    high: i64,
    names: &'static [&'static str],
}

const MONTHS: &[&str] =
    &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// Minute, hour, day of the month, month, day of the week.
const FIELDS: [&Field; 5] = [
    &Field { low: 0, high: 59, names: &[] },
    &Field { low: 0, high: 23, names: &[] },
    &Field { low: 1, high: 31, names: &[] },
    &Field { low: 1, high: 12, names: MONTHS },
    &Field { low: 0, high: 6, names: DAYS },
];

/// `*`, `5`, `1-5`, each with `/2` behind it.
fn range(text: &str, field: &Field) -> Result<(), String> {
    let steps: Vec<&str> = text.split('/').collect();
    let ends: Vec<&str> = steps[0].split('-').collect();
    let (start, mut end) = if matches!(ends[0], "*" | "?") {
        (field.low, field.high)
    } else {
        let start = number_or_name(ends[0], field)?;
        match ends.as_slice() {
            [_] => (start, start),
            [_, end] => (start, number_or_name(end, field)?),
            _ => return Err(format!("too many hyphens: {text}")),
        }
    };
    let step = match steps.as_slice() {
        [_] => 1,
        [_, step] => {
            let step = number(step)?;
            if ends.len() == 1 {
                end = field.high;
            }
            step
        }
        _ => return Err(format!("too many slashes: {text}")),
    };
    let Field { low, high, .. } = field;
    if start < *low {
        return Err(format!("beginning of range ({start}) below minimum ({low}): {text}"));
    }
    if end > *high {
        return Err(format!("end of range ({end}) above maximum ({high}): {text}"));
    }
    if start > end {
        return Err(format!("beginning of range ({start}) beyond end of range ({end}): {text}"));
    }
    if step == 0 {
        return Err(format!("step of range should be a positive number: {text}"));
    }
    Ok(())
}

fn number_or_name(text: &str, field: &Field) -> Result<i64, String> {
    let lower = text.to_lowercase();
    match field.names.iter().zip(field.low..).find(|(name, _)| **name == lower) {
        Some((_, number)) => Ok(number),
        None => number(text),
    }
}

fn number(text: &str) -> Result<i64, String> {
    let number: i64 = text.parse().map_err(|_| {
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let why = if is_number { "value out of range" } else { "invalid syntax" };
        format!("failed to parse int from {text}: strconv.Atoi: parsing {text:?}: {why}")
    })?;
    if number < 0 {
        return Err(format!("negative number ({number}) not allowed: {text}"));
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_five_ranges_or_a_word() {
        for good in ["* * * jan-MAR sun", "*/5,1-3 ? 1 * *", "@every 1h", "TZ=UTC @daily"] {
            assert_eq!(misfit(good), None);
        }
        let bad = [
            ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
            ("* * * * 7", "end of range (7) above maximum (6): 7"),
            ("*/0 * * * *", "step of range should be a positive number: */0"),
            (
                "a * * * *",
                "failed to parse int from a: strconv.Atoi: parsing \"a\": invalid syntax",
            ),
            ("@reboot", "unrecognized descriptor: @reboot"),
            ("TZ=X * * * * *", "provided bad location X: unknown time zone X"),
        ];
        for (schedule, why) in bad {
            assert_eq!(misfit(schedule).as_deref(), Some(why));
        }
    }
}
