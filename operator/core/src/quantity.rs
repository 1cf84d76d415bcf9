//! Kubernetes quantities, compared by value: `1` is `1000m`, `1Gi` is `1024Mi`.

/// The value in billionths; none for what is not a quantity. Beyond the range it saturates.
pub fn nanos(text: &str) -> Option<i128> {
    let digits = text
        .find(|character: char| !matches!(character, '0'..='9' | '.' | '+' | '-'))
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits);
    let (negative, number) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut mantissa: i128 = 0;
    for digit in whole.bytes().chain(fraction.bytes()) {
        if !digit.is_ascii_digit() {
            return None;
        }
        mantissa = mantissa.saturating_mul(10).saturating_add(i128::from(digit - b'0'));
    }
    let mut value = mantissa.saturating_mul(scale(suffix)?);
    for _ in 0..fraction.len() {
        value /= 10;
    }
    Some(if negative { -value } else { value })
}

/// The form in which Kubernetes writes a quantity: the largest suffix of its family that leaves a
/// whole number. What is no quantity stays as it is.
pub fn canonical(text: &str) -> String {
    const BINARY: [&str; 6] = ["Ei", "Pi", "Ti", "Gi", "Mi", "Ki"];
    const DECIMAL: [&str; 10] = ["E", "P", "T", "G", "M", "k", "", "m", "u", "n"];
    let Some(value) = nanos(text) else { return text.to_owned() };
    let exactly = |suffixes: &[&str]| {
        suffixes.iter().find_map(|suffix| {
            let unit = scale(suffix)?;
            (value != 0 && value % unit == 0).then(|| format!("{}{suffix}", value / unit))
        })
    };
    let binary = if text.ends_with('i') { exactly(&BINARY) } else { None };
    binary.or_else(|| exactly(&DECIMAL)).unwrap_or_else(|| "0".to_owned())
}

/// How many billionths one unit with this suffix is.
fn scale(suffix: &str) -> Option<i128> {
    const ONE: i128 = 1_000_000_000;
    let power = |base: i128, exponent: u32| ONE.saturating_mul(base.saturating_pow(exponent));
    Some(match suffix {
        "" => ONE,
        "n" => 1,
        "u" => 1_000,
        "m" => 1_000_000,
        "k" => power(1000, 1),
        "M" => power(1000, 2),
        "G" => power(1000, 3),
        "T" => power(1000, 4),
        "P" => power(1000, 5),
        "E" => power(1000, 6),
        "Ki" => power(1024, 1),
        "Mi" => power(1024, 2),
        "Gi" => power(1024, 3),
        "Ti" => power(1024, 4),
        "Pi" => power(1024, 5),
        "Ei" => power(1024, 6),
        _ => {
            let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            let power = 10_i128.saturating_pow(exponent.unsigned_abs());
            if exponent < 0 { ONE / power } else { ONE.saturating_mul(power) }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_equal_however_they_are_written() {
        assert_eq!(nanos("1"), nanos("1000m"));
        assert_eq!(nanos("1Gi"), nanos("1024Mi"));
        assert_eq!(nanos("0.5"), nanos("500m"));
        assert_eq!(nanos("1e3"), nanos("1k"));
        assert_eq!(nanos("-1"), Some(-1_000_000_000));
        assert_eq!(nanos("0"), Some(0));
    }

    #[test]
    fn a_quantity_is_written_with_its_largest_suffix() {
        let written = ["0.5", "0.5Gi", "1000m", "1024Mi", "1500Mi", "0", "2000", "much", "1.5Gi"];

        let canonical = written.map(canonical);

        assert_eq!(canonical, ["500m", "512Mi", "1", "1Gi", "1500Mi", "0", "2k", "much", "1536Mi"]);
    }

    #[test]
    fn what_is_not_a_quantity_has_no_value() {
        assert_eq!(nanos("much"), None);
        assert_eq!(nanos("1.2.3"), None);
        assert_eq!(nanos(""), None);
    }
}
