//! Kubernetes' quantities: `500m`, `1Gi`, `2e3`.

use std::cmp::Ordering;

/// What has not the form of a quantity.
pub const BAD: &str =
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const NO_SUFFIX: &str = "unable to parse quantity's suffix";
const NO_NUMBER: &str = "unable to parse numeric part of quantity";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Binary,
    Decimal,
    Exponent,
}

/// A quantity in nano units, with the family of suffixes it was written in.
#[derive(Clone, Copy, Debug)]
pub struct Quantity {
    nanos: i128,
    family: Family,
}

const NANO: i128 = 1_000_000_000;

impl Quantity {
    pub fn parse(text: &str) -> Option<Self> {
        Self::read(text).ok().map(|(quantity, _)| quantity)
    }

    /// With whether the real server keeps the text as it is: it does so where a glance tells it that the number has the
    /// best of suffixes already, and then does not mind signs, zeros and points.
    fn read(text: &str) -> Result<(Self, bool), &'static str> {
        let Parts { negative, whole, fraction, suffix } = Parts::of(text).ok_or(BAD)?;
        let (family, multiplier, exponent) = scale(suffix).ok_or(NO_SUFFIX)?;
        let written = format!("{whole}{fraction}");
        let digits: i128 = written.parse().map_err(|_| NO_NUMBER)?;
        let length = i32::try_from(written.len()).map_err(|_| NO_NUMBER)?;
        let places = i32::try_from(fraction.len()).map_err(|_| NO_NUMBER)?;
        // Units finer than nano are rounded up, as the real server does.
        let power = exponent.saturating_sub(places).saturating_add(9);
        let scaled = digits.checked_mul(multiplier).ok_or(NO_NUMBER)?;
        let ten = 10_i128.checked_pow(power.unsigned_abs());
        let nanos = match ten {
            Some(ten) if power >= 0 => scaled.checked_mul(ten).ok_or(NO_NUMBER)?,
            Some(ten) => scaled.checked_add(ten - 1).ok_or(NO_NUMBER)? / ten,
            None if scaled == 0 => 0,
            None if power >= 0 => return Err(NO_NUMBER),
            None => 1,
        };
        let most = i128::from(i64::MAX) * NANO;
        let capped = if family == Family::Binary { nanos.min(most) } else { nanos };
        let is_best = match family {
            Family::Binary => {
                let bits = i32::try_from(multiplier.ilog2()).map_err(|_| NO_NUMBER)?;
                places == 0 && length + bits * 3 / 10 < 15 && digits % 8 != 0 && nanos <= most
            }
            Family::Decimal | Family::Exponent => {
                let scale = exponent.saturating_sub(places);
                length <= 18
                    && scale >= -9
                    && scale % 3 == 0
                    && !written.ends_with("000")
                    && !written.starts_with('0')
            }
        };
        Ok((Self { nanos: if negative { -capped } else { capped }, family }, is_best))
    }

    pub(crate) fn from_whole(number: i128) -> Self {
        Self { nanos: number.saturating_mul(NANO), family: Family::Decimal }
    }

    /// The sum, in the suffixes of the first; of the second if the first is nothing.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let family = if self.is_zero() { other.family } else { self.family };
        Self { nanos: self.nanos.saturating_add(other.nanos), family }
    }

    /// What is more than `other`; nothing if there is no more.
    #[must_use]
    pub fn beyond(self, other: Self) -> Self {
        Self { nanos: self.nanos.saturating_sub(other.nanos).max(0), family: self.family }
    }

    #[must_use]
    pub(crate) fn negated(self) -> Self {
        Self { nanos: self.nanos.saturating_neg(), ..self }
    }

    /// The shortest number with an exponent of ten that it is.
    pub(crate) fn scaled(self) -> (i128, i32) {
        let (mut number, mut exponent) = (self.nanos, -9);
        while exponent < 0 && number % 10 == 0 {
            (number, exponent) = (number / 10, exponent + 1);
        }
        (number, exponent)
    }

    pub fn is_negative(self) -> bool {
        self.nanos < 0
    }

    pub fn is_zero(self) -> bool {
        self.nanos == 0
    }

    /// Rounded up to a whole number.
    pub fn ceil(self) -> i128 {
        self.nanos.div_euclid(NANO) + i128::from(self.nanos.rem_euclid(NANO) != 0)
    }

    /// Whether it is a whole number.
    pub fn is_whole(self) -> bool {
        self.nanos % NANO == 0
    }

    /// Thousandths, rounded up: how processors are counted.
    pub fn millis(self) -> i128 {
        let milli = NANO / 1000;
        self.nanos.div_euclid(milli) + i128::from(self.nanos.rem_euclid(milli) != 0)
    }
}

impl Default for Quantity {
    fn default() -> Self {
        Self::from_whole(0)
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

impl std::fmt::Display for Quantity {
    /// The canonical form: the largest suffix of its family that leaves a whole number.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let negative = if self.nanos < 0 { "-" } else { "" };
        let nanos = self.nanos.abs();
        if nanos == 0 {
            return f.write_str("0");
        }
        // Binary suffixes cannot say fractions, nor anything below 1 Ki.
        if self.family == Family::Binary && nanos % NANO == 0 && nanos / NANO >= 1024 {
            let mut whole = nanos / NANO;
            let mut steps = 0;
            while steps < 6 && whole % 1024 == 0 {
                whole /= 1024;
                steps += 1;
            }
            let suffix = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"][steps];
            return write!(f, "{negative}{whole}{suffix}");
        }
        let mut number = nanos;
        let mut exponent = -9;
        while (exponent < 18 || self.family == Family::Exponent) && number % 1000 == 0 {
            number /= 1000;
            exponent += 3;
        }
        if self.family == Family::Exponent {
            return match exponent {
                0 => write!(f, "{negative}{number}"),
                _ => write!(f, "{negative}{number}e{exponent}"),
            };
        }
        let suffix = match exponent {
            -9 => "n",
            -6 => "u",
            -3 => "m",
            3 => "k",
            6 => "M",
            9 => "G",
            12 => "T",
            15 => "P",
            18 => "E",
            _ => "",
        };
        write!(f, "{negative}{number}{suffix}")
    }
}

/// What a quantity is written with.
struct Parts<'t> {
    negative: bool,
    /// Without leading zeros, but for one that stands alone.
    whole: &'t str,
    fraction: &'t str,
    suffix: &'t str,
}

impl<'t> Parts<'t> {
    /// As loosely as the real server does it, which finds a zero where no digit stands.
    fn of(text: &'t str) -> Option<Self> {
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let negative = text.starts_with('-');
        if text.is_empty() {
            return None;
        }
        let digits = |text: &'t str| {
            text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
        };
        let (whole, rest) = digits(unsigned.trim_start_matches('0'));
        let (fraction, suffix) = rest.strip_prefix('.').map_or(("", rest), digits);
        let more = suffix.trim_start_matches(|c| "eEinumkKMGTP".contains(c));
        let more = more.strip_prefix(['-', '+']).unwrap_or(more);
        let is_good = more.bytes().all(|byte| byte.is_ascii_digit());
        let whole = if whole.is_empty() { "0" } else { whole };
        is_good.then_some(Self { negative, whole, fraction, suffix })
    }
}

/// Family, multiplier, and exponent of ten.
fn scale(suffix: &str) -> Option<(Family, i128, i32)> {
    let binary = |power: u32| Some((Family::Binary, 1024_i128.pow(power), 0));
    let decimal = |exponent: i32| Some((Family::Decimal, 1, exponent));
    match suffix {
        "" => decimal(0),
        "n" => decimal(-9),
        "u" => decimal(-6),
        "m" => decimal(-3),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(1),
        "Mi" => binary(2),
        "Gi" => binary(3),
        "Ti" => binary(4),
        "Pi" => binary(5),
        "Ei" => binary(6),
        _ => {
            let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            Some((Family::Exponent, 1, exponent))
        }
    }
}

/// A quantity, however large: one that is beyond all that can be counted is the largest.
///
/// # Errors
///
/// In the words of the real server, if it is none.
pub(crate) fn read(text: &str) -> Result<Quantity, &'static str> {
    match (Quantity::read(text), Parts::of(text)) {
        (Err(NO_NUMBER), Some(Parts { negative, fraction, suffix, .. })) if fraction.len() < 20 => {
            let is_binary = scale(suffix).is_some_and(|(family, ..)| family == Family::Binary);
            let most = if is_binary { i128::from(i64::MAX) * NANO } else { i128::MAX };
            let nanos = if negative { -most } else { most };
            Ok(Quantity { nanos, family: Family::Decimal })
        }
        (read, _) => read.map(|(quantity, _)| quantity),
    }
}

/// The number and the exponent of ten as which the real server keeps a quantity in memory; nothing if it takes it for
/// too large, or if it has a binary suffix and a fraction.
pub(crate) fn kept(text: &str) -> Option<(i64, i32)> {
    let Parts { negative, whole, fraction, suffix } = Parts::of(text)?;
    let (family, multiplier, exponent) = scale(suffix)?;
    let (written, places) = (format!("{whole}{fraction}"), i32::try_from(fraction.len()).ok()?);
    let length = i32::try_from(written.len()).ok()?;
    let is_short = match family {
        Family::Binary => {
            let bits = i32::try_from(multiplier.ilog2()).ok()?;
            places == 0 && length + bits * 3 / 10 < 15
        }
        Family::Decimal | Family::Exponent => length <= 18,
    };
    let exponent = exponent.checked_sub(places).filter(|exponent| is_short && *exponent >= -9)?;
    let number = written.parse::<i64>().ok()?.checked_mul(i64::try_from(multiplier).ok()?)?;
    Some((if negative { -number } else { number }, exponent))
}

/// The form in which a quantity is kept.
///
/// # Errors
///
/// In the words of the real server, if it is none.
pub fn canonical(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    let (quantity, is_best) = Quantity::read(text)?;
    Ok(if is_best { text.to_owned() } else { quantity.to_string() })
}

/// The same without what is finer than a thousandth, which is rounded away from zero; `None` if there is nothing finer.
pub(crate) fn rounded(text: &str) -> Option<String> {
    if !text.bytes().any(|byte| matches!(byte, b'n' | b'u' | b'.' | b'e' | b'E')) {
        return None;
    }
    let Quantity { nanos, family } = Quantity::parse(text)?;
    let milli = NANO / 1000;
    let away = (nanos.abs() + milli - 1) / milli * milli * nanos.signum();
    (away != nanos).then(|| Quantity { nanos: away, family }.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_stored_in_their_canonical_form() {
        let forms = [
            ("1000m", "1"),
            ("1024Mi", "1Gi"),
            ("0.5", "500m"),
            ("1e3", "1e3"),
            ("1.5Gi", "1536Mi"),
            ("100m", "100m"),
            ("0", "0"),
            ("0Gi", "0"),
            ("1000", "1k"),
            ("1500", "1500"),
            ("1024", "1024"),
            ("1000Ki", "1000Ki"),
            ("0.1Ki", "102400m"),
            ("-5", "-5"),
            ("20Gi", "20Gi"),
            ("1e19", "10e18"),
            ("1000e18", "1e21"),
            ("16Ei", "9223372036854775807"),
            ("1e-19", "1e-9"),
            (" 1 ", "1"),
            // What is as short as can be stays as it is.
            ("+5", "+5"),
            ("007", "007"),
            ("1.", "1."),
            ("1E3", "1E3"),
            ("1.001", "1.001"),
            ("Ki", "0"),
        ];
        for (written, stored) in forms {
            assert_eq!(canonical(written).as_deref(), Ok(stored), "{written}");
        }
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in ["", "abc", "1GB", "1 Gi", "1.2.3"] {
            assert_eq!(canonical(text), Err(BAD), "{text}");
        }
        for text in ["--1", "1e", "1ki", "1Mi1"] {
            assert_eq!(canonical(text), Err(NO_SUFFIX), "{text}");
        }
    }

    #[test]
    fn what_is_finer_than_a_thousandth_is_rounded_away_from_zero() {
        for (written, kept) in [
            ("0.0001", Some("1m")),
            ("1500u", Some("2m")),
            ("-1u", Some("-1m")),
            ("1e-9", Some("1e-3")),
            ("1.5", None),
            ("100m", None),
        ] {
            assert_eq!(rounded(written).as_deref(), kept, "{written}");
        }
    }

    #[test]
    fn quantities_compare_across_suffixes() {
        let of = |text| Quantity::parse(text).expect("the test writes quantities");

        assert!(of("1Gi") > of("1G"));
        assert!(of("500m") < of("1"));
        assert_eq!(of("1024Mi"), of("1Gi"));
        assert_eq!(of("100m").millis(), 100);
    }
}
