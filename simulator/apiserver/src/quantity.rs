//! Kubernetes' quantities: `500m`, `1Gi`, `2e3`.

use std::cmp::Ordering;

pub const BAD: &str =
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

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
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        let end = digits.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(digits.len());
        let (number, suffix) = digits.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return None;
        }
        let (family, multiplier, exponent) = scale(suffix)?;
        let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
        let places = i32::try_from(fraction.len()).ok()?;
        // Units finer than nano are rounded up, as the real server does.
        let power = exponent - places + 9;
        let scaled = digits.checked_mul(multiplier)?;
        let nanos = if power >= 0 {
            scaled.checked_mul(10_i128.checked_pow(power.unsigned_abs())?)?
        } else {
            let divisor = 10_i128.checked_pow(power.unsigned_abs())?;
            scaled.checked_add(divisor - 1)? / divisor
        };
        let nanos = if text.starts_with('-') { -nanos } else { nanos };
        Some(Self { nanos, family })
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
        while exponent < 18 && number % 1000 == 0 {
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
            (-18..=18).contains(&exponent).then_some((Family::Exponent, 1, exponent))
        }
    }
}

/// The canonical form of a quantity; `None` if it is none.
pub fn canonical(text: &str) -> Option<String> {
    Quantity::parse(text).map(|quantity| quantity.to_string())
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
            ("+5", "5"),
            ("20Gi", "20Gi"),
        ];
        for (written, stored) in forms {
            assert_eq!(canonical(written).as_deref(), Some(stored), "{written}");
        }
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in ["", "abc", "1GB", "1 Gi", "1.2.3", "--1", "1e", "."] {
            assert_eq!(canonical(text), None, "{text}");
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
