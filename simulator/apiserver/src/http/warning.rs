//! What a server has to say beside its answer.

use std::collections::BTreeSet;

use ::http::{HeaderValue, Response};

/// All texts together, in characters. Once they are longer, each is cut.
const LONGEST: usize = 4 * 1024;
/// One text that is cut, in characters.
const CUT: usize = 256;

/// Adds a header for each warning: none twice, and none that a header cannot have.
pub fn warn<B>(answer: &mut Response<B>, warnings: &[String]) {
    for text in texts(warnings) {
        let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
        if let Ok(value) = HeaderValue::from_bytes(format!("299 - \"{quoted}\"").as_bytes()) {
            answer.headers_mut().append("Warning", value);
        }
    }
}

/// The texts that are written.
fn texts(warnings: &[String]) -> Vec<&str> {
    let mut seen = BTreeSet::new();
    let mut said: Vec<&str> = Vec::new();
    for text in warnings.iter().map(String::as_str) {
        if !text.is_empty() && !text.contains(char::is_control) && seen.insert(text) {
            said.push(text);
        }
    }
    if said.iter().map(|text| text.chars().count()).sum::<usize>() <= LONGEST {
        return said;
    }
    let mut written = 0;
    let fits = |text: &&str| {
        let fits = written < LONGEST;
        written += text.chars().count();
        fits
    };
    said.into_iter().map(cut).take_while(fits).collect()
}

fn cut(text: &str) -> &str {
    text.char_indices().nth(CUT).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(warnings: &[&str]) -> Vec<String> {
        let warnings: Vec<String> = warnings.iter().map(|text| (*text).to_owned()).collect();
        let mut answer = Response::new(());
        warn(&mut answer, &warnings);
        let values = answer.headers().get_all("Warning").iter();
        values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
    }

    #[test]
    fn each_text_is_said_once_if_a_header_can_have_it() {
        let said = headers(&["a", "b \"c\" \\", "a", "", "two\nlines", "\u{e9}"]);

        assert_eq!(said, ["299 - \"a\"", r#"299 - "b \"c\" \\""#, "299 - \"\u{e9}\""]);
    }

    #[test]
    fn many_texts_are_cut_and_the_last_left_out() {
        let long: Vec<String> = (0..30).map(|at| format!("{at:02}{}", "x".repeat(300))).collect();
        let long: Vec<&str> = long.iter().map(String::as_str).collect();

        let few = headers(&long[..13]);
        let many = headers(&long);

        assert!(few.iter().all(|text| text.len() > 300));
        assert_eq!(many.len(), LONGEST / CUT);
        assert!(many.iter().all(|text| text.len() == CUT + r#"299 - """#.len()));
    }
}
