//! Times as Go's `time.Parse` reads them, with its complaints.

use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

/// Parts of the two layouts in which times are written: what a text says there, or what stands between.
const SECONDS: &str = "2006-01-02T15:04:05Z07:00";
const MICROSECONDS: &str = "2006-01-02T15:04:05.000000Z07:00";

/// Why a part of a text is not what its layout asks for.
enum Bad {
    Part,
    Range(&'static str),
}

/// `with_fraction`: with six digits after the second, no more and no fewer.
///
/// # Errors
///
/// In Go's words: `parsing time "a" as "2006-01-02T15:04:05Z07:00": cannot parse "a" as "2006"`.
pub(crate) fn parse(text: &str, with_fraction: bool) -> Result<Timestamp, String> {
    let layout = if with_fraction { MICROSECONDS } else { SECONDS };
    let lead = || format!("parsing time {}", quote(text));
    let refuse = |rest: &str, part: &str| {
        let (lead, layout) = (lead(), quote(layout));
        format!("{lead} as {layout}: cannot parse {} as {}", quote(rest), quote(part))
    };
    let mut rest = text.as_bytes();
    let shown = |rest: &[u8]| String::from_utf8_lossy(rest).into_owned();
    let mut numbers = [0_i64; 6];
    let parts = ["2006", "01", "02", "15", "04", "05"];
    let before = ["", "-", "-", "T", ":", ":"];
    let mut nanoseconds = 0_i64;
    for (at, part) in parts.into_iter().enumerate() {
        let Some(after) = rest.strip_prefix(before[at].as_bytes()) else {
            return Err(refuse(&shown(rest), before[at]));
        };
        let hold = after;
        rest = after;
        let read = number(part, &mut rest).and_then(|read| {
            numbers[at] = read;
            if part == "05" && !with_fraction { more_digits(&mut rest) } else { Ok(0) }
        });
        nanoseconds = match read {
            Ok(read) => read,
            Err(Bad::Part) => return Err(refuse(&shown(hold), part)),
            Err(Bad::Range(what)) => return Err(format!("{}: {what} out of range", lead())),
        };
    }
    if with_fraction {
        let hold = rest;
        let digits = rest.get(..7).filter(|part| matches!(part[0], b'.' | b','));
        let Some(read) = digits.and_then(|part| digits_of(&part[1..])) else {
            return Err(refuse(&shown(hold), ".000000"));
        };
        (nanoseconds, rest) = (read * 1000, &rest[7..]);
    }
    let hold = rest;
    let offset = match zone(&mut rest) {
        Ok(offset) => offset,
        Err(Bad::Part) => return Err(refuse(&shown(hold), "Z07:00")),
        Err(Bad::Range(what)) => return Err(format!("{}: {what} out of range", lead())),
    };
    if !rest.is_empty() {
        return Err(format!("{}: extra text: {}", lead(), quote(&shown(rest))));
    }
    instant(numbers, nanoseconds, offset).ok_or_else(|| format!("{}: day out of range", lead()))
}

fn instant(numbers: [i64; 6], nanoseconds: i64, offset: i64) -> Option<Timestamp> {
    let small = |at: usize| i8::try_from(numbers[at]).ok();
    let local = DateTime::new(
        i16::try_from(numbers[0]).ok()?,
        small(1)?,
        small(2)?,
        small(3)?,
        small(4)?,
        small(5)?,
        i32::try_from(nanoseconds).ok()?,
    );
    let as_utc = local.ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp();
    as_utc.checked_sub(SignedDuration::from_secs(offset)).ok()
}

/// One or two digits, or four for a year.
fn number(part: &str, rest: &mut &[u8]) -> Result<i64, Bad> {
    let is_digit = |at: usize| rest.get(at).is_some_and(u8::is_ascii_digit);
    if part == "2006" {
        if rest.len() < 4 || !is_digit(0) {
            return Err(Bad::Part);
        }
        let year = digits_of(&rest[..4]).ok_or(Bad::Part)?;
        *rest = &rest[4..];
        return Ok(year);
    }
    let length = match (is_digit(0), is_digit(1)) {
        (true, true) => 2,
        (true, false) if part == "15" => 1,
        _ => return Err(Bad::Part),
    };
    let read = digits_of(&rest[..length]).ok_or(Bad::Part)?;
    *rest = &rest[length..];
    let (what, fits) = match part {
        "01" => ("month", (1..=12).contains(&read)),
        "15" => ("hour", read < 24),
        "04" => ("minute", read < 60),
        "05" => ("second", read < 60),
        // Which days a month has is looked at last.
        _ => ("day", true),
    };
    if fits { Ok(read) } else { Err(Bad::Range(what)) }
}

/// A fraction of a second, which may stand where none is asked for.
fn more_digits(rest: &mut &[u8]) -> Result<i64, Bad> {
    let [b'.' | b',', digits @ ..] = *rest else { return Ok(0) };
    let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 {
        return Ok(0);
    }
    let read = digits_of(&digits[..length.min(9)]).ok_or(Bad::Part)?;
    *rest = &digits[length..];
    let missing = u32::try_from(9 - length.min(9)).unwrap_or(0);
    Ok(read * 10_i64.pow(missing))
}

/// Seconds to the east of Greenwich.
fn zone(rest: &mut &[u8]) -> Result<i64, Bad> {
    if let [b'Z', after @ ..] = *rest {
        *rest = after;
        return Ok(0);
    }
    let [sign, h1, h2, b':', m1, m2, after @ ..] = *rest else { return Err(Bad::Part) };
    let pair = |bytes: [u8; 2]| digits_of(&bytes);
    let (hours, minutes) = (pair([*h1, *h2]), pair([*m1, *m2]));
    *rest = after;
    // Ranges are looked at first, and minutes only after hours that are a number.
    if hours.is_some_and(|hours| hours > 24) && (minutes.is_none_or(|minutes| minutes <= 60)) {
        return Err(Bad::Range("time zone offset hour"));
    }
    if hours.is_some() && minutes.is_some_and(|minutes| minutes > 60) {
        return Err(Bad::Range("time zone offset minute"));
    }
    let east = (hours.ok_or(Bad::Part)? * 60 + minutes.ok_or(Bad::Part)?) * 60;
    match sign {
        b'+' => Ok(east),
        b'-' => Ok(-east),
        _ => Err(Bad::Part),
    }
}

fn digits_of(bytes: &[u8]) -> Option<i64> {
    let is_number = !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit);
    is_number.then(|| std::str::from_utf8(bytes).ok()?.parse().ok()).flatten()
}

/// A text as that package quotes it: what is not plain is shown byte by byte.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            ' '..='\u{7f}' => quoted.push(character),
            other => {
                let mut bytes = [0; 4];
                for byte in other.encode_utf8(&mut bytes).bytes() {
                    quoted.push_str(&format!("\\x{byte:02x}"));
                }
            }
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_is_none_is_refused_where_go_refuses_it() {
        // As Go 1.26 says of each.
        let seconds = |text| parse(text, false).map(|time| time.to_string());
        let lead = "parsing time ";

        assert_eq!(seconds("2001-01-01T1:00:00.5+01:00"), Ok("2001-01-01T00:00:00.5Z".to_owned()));
        for (text, why) in [
            ("a\nb", r#""a\x0ab" as "2006-01-02T15:04:05Z07:00": cannot parse "a\x0ab" as "2006""#),
            ("2001", r#""2001" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "-""#),
            ("2001-13-01T00:00:00Z", r#""2001-13-01T00:00:00Z": month out of range"#),
            ("2001-02-30T00:00:00Z", r#""2001-02-30T00:00:00Z": day out of range"#),
            ("2001-01-01T00:00:00Zx", r#""2001-01-01T00:00:00Zx": extra text: "x""#),
            (
                "2001-01-01T00:00:00",
                r#""2001-01-01T00:00:00" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "Z07:00""#,
            ),
        ] {
            assert_eq!(seconds(text), Err(format!("{lead}{why}")));
        }
        assert_eq!(
            parse("2001-01-01T01:00:00+01:00", true).map(|_| ()),
            Err(format!(
                r#"{lead}"2001-01-01T01:00:00+01:00" as "{MICROSECONDS}": cannot parse "+01:00" as ".000000""#
            ))
        );
    }
}
