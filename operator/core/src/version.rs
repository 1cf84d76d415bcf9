//! Versions of services, ordered as semantic versions are.

use std::cmp::Ordering;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Major, minor, patch.
    pub core: [u64; 3],
    pub pre_release: Vec<String>,
}

/// None for what is no semantic version: missing parts count as zero, a leading `v` is no harm.
pub fn parse(text: &str) -> Option<Version> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let text = text.split('+').next()?;
    let (core, pre_release) = match text.split_once('-') {
        Some((core, pre_release)) => (core, pre_release.split('.').map(str::to_owned).collect()),
        None => (text, Vec::new()),
    };
    let mut numbers = [0; 3];
    for (index, part) in core.split('.').enumerate() {
        *numbers.get_mut(index)? = part.parse().ok()?;
    }
    Some(Version { core: numbers, pre_release })
}

/// The order of two texts as versions; texts that are none come first.
pub fn compare(left: &str, right: &str) -> Ordering {
    match (parse(left), parse(right)) {
        (Some(a), Some(b)) => a.cmp(&b).then_with(|| left.cmp(right)),
        (a, b) => a.is_some().cmp(&b.is_some()).then_with(|| left.cmp(right)),
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let released = |version: &Self| version.pre_release.is_empty();
        self.core.cmp(&other.core).then_with(|| released(self).cmp(&released(other))).then_with(
            || {
                let parts = |version: &Self| {
                    version.pre_release.iter().map(|text| part(text)).collect::<Vec<_>>()
                };
                parts(self).cmp(&parts(other))
            },
        )
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Numbers come before texts, and by value.
fn part(text: &str) -> (bool, u64, String) {
    match text.parse() {
        Ok(number) => (false, number, String::new()),
        Err(_) => (true, 0, text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_by_their_numbers_and_a_release_comes_after_its_candidates() {
        let mut versions =
            vec!["8.0.33", "8.0.4", "10.0.0", "8.0.33-rc.2", "8.0.33-rc.10", "what", "7"];

        versions.sort_by(|a, b| compare(a, b));

        assert_eq!(
            versions,
            ["what", "7", "8.0.4", "8.0.33-rc.2", "8.0.33-rc.10", "8.0.33", "10.0.0"]
        );
    }
}
