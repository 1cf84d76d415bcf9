//! Faults of expressions as cel-go shows them: each with a picture of the line in which it stands, and a mark below.

use cel::common::ast::SourceInfo;

/// What is wrong with a node of a text.
pub(super) struct Fault {
    pub(super) id: u64,
    pub(super) why: String,
}

/// No more faults are told of one text.
const MOST: usize = 100;
/// In bytes: of a longer line there is no picture.
const WIDEST: usize = 16_384;

/// What is said of an expression as a whole has no picture.
pub(super) fn of_all(why: &str) -> String {
    format!("{OF_ALL}{why}\n")
}

const OF_ALL: &str = "ERROR: <input>:-1:0: ";

/// All faults of a text, as they stand in it.
pub(super) fn all(source: &SourceInfo, mut faults: Vec<Fault>) -> String {
    let more = faults.len().saturating_sub(MOST);
    faults.truncate(MOST);
    let placed = |fault: Fault| (place(source, fault.id), fault.why);
    let mut faults: Vec<_> = faults.into_iter().map(placed).collect();
    faults.sort_by_key(|fault| fault.0);
    let lines: Vec<&str> = source.source.split('\n').collect();
    let told = faults.into_iter().map(|((line, column), why)| {
        let shown = lines.get(line).copied().unwrap_or_default().replace('\t', " ");
        let mark = mark(&shown, column);
        let fault = format!("ERROR: <input>:{}:{}: {why}", line + 1, column + 1);
        if shown.len() > WIDEST { fault } else { format!("{fault}\n | {shown}\n | {mark}") }
    });
    let mut told: Vec<String> = told.collect();
    if more > 0 {
        told.push(format!("{more} more errors were truncated"));
    }
    told.join("\n")
}

/// The line and the column in which a node of a text stands.
fn place(source: &SourceInfo, id: u64) -> (usize, usize) {
    let offset = source.offset_for(id).map_or(0, |(start, _)| start as usize);
    let text = &source.source;
    let before = text.get(..offset).unwrap_or(text);
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
    (before.matches('\n').count(), column)
}

/// A syntax error of our parser as cel-go shows it: its picture of the line stands one column to the right.
pub(crate) fn shown(error: &str) -> String {
    if error.starts_with(OF_ALL) {
        return error.to_owned();
    }
    // What the parser could not finish after an error is no error of its own.
    let is_unfinished = |line: &str| line.contains(": Incomplete `");
    let errors = || error.lines().filter(|line| line.starts_with("ERROR: "));
    let skips = errors().any(is_unfinished) && !errors().all(is_unfinished);
    let mut skipping = false;
    let told = error.lines().filter(|line| {
        if line.starts_with("ERROR: ") {
            skipping = skips && is_unfinished(line);
        }
        !skipping
    });
    let told: Vec<&str> = told.collect();
    let lines = told.iter().enumerate().map(|(at, line)| {
        let picture = |at: usize| told.get(at).and_then(|line| line.strip_prefix("| "));
        let Some(shown) = picture(at) else {
            return expecting(line, picture(at + 1).unwrap_or_default());
        };
        let column = shown.strip_suffix('^').filter(|dots| dots.bytes().all(|b| b == b'.'));
        match column {
            Some(dots) => {
                let text = at.checked_sub(1).and_then(picture).unwrap_or_default();
                format!(" | {}", mark(text, dots.len()))
            }
            None => format!(" | {}", shown.replace('\t', " ")),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// After an expression that may end, cel-go expects what ends it, and nothing that could go on: what closes the
/// innermost bracket that is open there. `text`: the line in which the error is.
fn expecting(line: &str, text: &str) -> String {
    let Some((lead, set)) = line.split_once(" expecting {") else { return line.to_owned() };
    let set: Vec<&str> = set.trim_end_matches('}').split(", ").collect();
    let column = lead.split(':').nth(3).and_then(|column| column.parse().ok()).unwrap_or(1_usize);
    let before = text.char_indices().nth(column - 1).map_or(text, |(at, _)| &text[..at]);
    let has = |token: &str| set.contains(&token);
    let end = match innermost(before) {
        _ if !has("'=='") => return line.to_owned(),
        Some('(') => "')'",
        Some('[') => "']'",
        None if has("<EOF>") => "<EOF>",
        _ if has("':'") => "':'",
        Some(_) => "'}'",
        None => "<EOF>",
    };
    format!("{lead} expecting {end}")
}

/// The last bracket that is still open where a text ends.
fn innermost(text: &str) -> Option<char> {
    let mut open = Vec::new();
    let mut quote = None;
    for sign in text.chars() {
        match (quote, sign) {
            (Some(end), _) => quote = quote.filter(|_| sign != end),
            (None, '\'' | '"') => quote = Some(sign),
            (None, '(' | '[' | '{') => open.push(sign),
            (None, ')' | ']' | '}') => {
                open.pop();
            }
            _ => {}
        }
    }
    open.pop()
}

/// What points at a column of a line: as wide as what stands there.
fn mark(line: &str, column: usize) -> String {
    let is_wide = |sign: char| !sign.is_ascii();
    let before = line.chars().take(column).map(|sign| if is_wide(sign) { '．' } else { '.' });
    let mut mark: String = before.collect();
    mark.extend(std::iter::repeat_n('.', column - mark.chars().count()));
    mark.push(if line.chars().nth(column).is_some_and(is_wide) { '＾' } else { '^' });
    mark
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_as_wide_as_what_it_points_at() {
        let error = "ERROR: <input>:1:1: a\n| ä\n| ^\nERROR: <input>:1:2: b\n| ä\n| .^";
        let told = "ERROR: <input>:1:1: a\n | ä\n | ＾\nERROR: <input>:1:2: b\n | ä\n | ．^";
        assert_eq!(shown(error), told);
    }

    #[test]
    fn what_is_expected_after_an_expression_is_its_end() {
        for (text, set, told) in [
            ("a 2", "{<EOF>, '==', '!='}", "<EOF>"),
            ("a 2", "{'==', '.', ':'}", "':'"),
            ("([a] 2", "{'==', ']', ')', '.', ','}", "')'"),
            ("(')', [a 2", "{'==', ']', ')', '.', ','}", "']'"),
            ("(a) 2", "{'==', ')'}", "<EOF>"),
            ("[a 2", "{']', ','}", "{']', ','}"),
            ("a 2", "{'[', '{', '('}", "{'[', '{', '('}"),
        ] {
            let column = text.len();
            let error = |set: &str| {
                format!(
                    "ERROR: <input>:1:{column}: Syntax error: mismatched input '2' expecting {set}"
                )
            };
            assert_eq!(expecting(&error(set), text), error(told));
        }
    }
}
