//! What a call of a function costs beside its arguments, and how large what it makes is.

use super::super::Kind;
use super::super::functions::{self, How};
use super::size::{Size, divided, scaled};
use super::walk::{Charge, Seen, Walk};

/// Of one question to an authorizer: two fit into a budget.
const AUTHORIZE: u64 = 350_000;
/// What a list and its items cost where a selector is read.
const LIST: u64 = 10;
const REQUIREMENT: f64 = 50.0;
/// The longest name of a format, and the longest pattern of one.
const FORMAT: Size = Size::up_to(64);
const FORMAT_PATTERN: f64 = 32.0;
/// The bytes of an address.
const ADDRESS: Size = Size { least: 4, most: 16 };

const PLAIN: Charge = Charge(1, None);

impl<'a> Walk<'_, 'a> {
    pub(super) fn charge(&self, how: How, target: Option<&Seen<'a>>, given: &[Seen<'a>]) -> Charge {
        self.charged(how, target, given).unwrap_or(PLAIN)
    }

    fn charged(&self, how: How, target: Option<&Seen<'a>>, given: &[Seen<'a>]) -> Option<Charge> {
        let (first, second) = (given.first(), given.get(1));
        let size = |seen: Option<&Seen<'a>>| seen.map(|seen| self.asked(seen));
        let own = |seen: Option<&Seen<'a>>| seen.map(Seen::own_or_any);
        Some(match how {
            // What of these is more than a step, the walk knows.
            How::Plain
            | How::Item
            | How::Value
            | How::Both
            | How::Choice
            | How::Concat
            | How::Append => PLAIN,
            How::Equal => self.equal(first?, second?),
            How::Compare => compare(first?, second?),
            How::Within => Charge(own(second)?.most, None),
            How::Format => Charge(own(target)?.read(), None),
            How::ToBytes => {
                let size = own(first)?;
                let made = Size { most: size.most.wrapping_mul(4), ..size };
                Charge(size.read(), Some(made))
            }
            How::ToString => {
                let size = own(first)?;
                Charge(size.read(), Some(Size { least: size.least / 4, ..size }))
            }
            How::Quote => {
                let size = own(first)?;
                let most = size.most.wrapping_mul(2).wrapping_add(2);
                Charge(size.read(), Some(Size { least: size.least.wrapping_add(2), most }))
            }
            How::Affix => Charge(own(first)?.read(), None),
            How::Matches => Charge(own(target)?.match_with(own(first)?), None),
            How::Contains => Charge(own(target)?.read().saturating_mul(own(first)?.read()), None),
            How::Authorize => Charge(AUTHORIZE, None),
            How::Selector => {
                let size = size(first)?;
                let requirements = scaled(scaled(size.most, 0.5), REQUIREMENT);
                Charge(LIST.saturating_add(size.read()).saturating_add(requirements), None)
            }
            How::Items => Charge(self.items(target?), None),
            How::Parse => {
                let size = size(first)?;
                Charge(size.read(), Some(size))
            }
            How::Scan => Charge(size(first)?.read(), None),
            How::ScanTwice => Charge(size(first)?.read_twice(), None),
            How::Copy => {
                let size = size(target)?;
                Charge(size.read(), Some(size))
            }
            How::Replace => {
                let text = size(target)?;
                Charge(text.read_twice(), Some(replaced(text, size(first)?, size(second)?)))
            }
            How::Split => {
                let text = size(target)?;
                let limit = second.and_then(|second| self.number(second.at));
                let most = limit.map_or(text.most, i64::cast_unsigned);
                Charge(text.read_twice(), Some(Size::up_to(most)))
            }
            How::Join => self.join(target?, size(first)),
            How::Find => {
                let text = size(target)?;
                Charge(text.match_with(size(first)?), Some(Size::up_to(text.most)))
            }
            How::HasAddress(is_text) => {
                let text = if is_text { size(first)?.read() } else { 0 };
                Charge(ADDRESS.plus(ADDRESS).read().saturating_add(text), None)
            }
            How::HasNetwork(is_text) => {
                let text = if is_text { size(first)?.read() } else { 0 };
                let compared = ADDRESS.plus(ADDRESS).read() + ADDRESS.read() + 1;
                Charge(compared.saturating_add(text), None)
            }
            How::Validate => Charge(scaled(size(first)?.read(), FORMAT_PATTERN), None),
            How::Sets(factor) => {
                let pairs = size(first)?.times(size(second)?).most;
                Charge(scaled(pairs, f64::from(factor)).saturating_add(1), None)
            }
        })
    }

    fn equal(&self, a: &Seen<'a>, b: &Seen<'a>) -> Charge {
        match (self.checked.kind(a.at), self.checked.kind(b.at)) {
            (Kind::Named(one), Kind::Named(other)) if one == other => match one {
                functions::FORMAT => Charge(FORMAT.read(), None),
                functions::URL => Charge(b.own().unwrap_or(Size::exactly(1)).read(), None),
                _ => PLAIN,
            },
            _ => compare(a, b),
        }
    }

    /// One step for each item, and the reading of those that are texts. A text is just read.
    fn items(&self, target: &Seen<'a>) -> u64 {
        let size = self.asked(target);
        match self.item(target) {
            Some((Kind::String | Kind::Bytes, item)) => {
                size.most.saturating_mul(item.read().saturating_add(1))
            }
            Some(_) => size.most,
            None => size.read(),
        }
    }

    /// The type of the items of a list, and their size.
    fn item(&self, target: &Seen<'a>) -> Option<(Kind, Size)> {
        let Kind::List(kind) = self.checked.kind(target.at) else { return None };
        let route = target.route.as_ref().map(|route| route.apart("@items"));
        let size = self.by_route(route.as_ref()).unwrap_or(Size::ANY);
        Some((self.checked.shallow(&kind), size))
    }

    fn join(&self, target: &Seen<'a>, separator: Option<Size>) -> Charge {
        let count = self.asked(target);
        let mut size = match self.item(target) {
            Some((_, item)) => count.times(item),
            None => Size::exactly(0),
        };
        if let Some(separator) = separator {
            let between =
                Size { least: count.least.saturating_sub(1), most: count.most.saturating_sub(1) };
            size = size.plus(separator.times(between));
        }
        Charge(size.read(), Some(size))
    }
}

/// Two texts are read until the shorter one ends.
fn compare(a: &Seen<'_>, b: &Seen<'_>) -> Charge {
    let most = a.own_or_any().most.min(b.own_or_any().most);
    Charge(Size::up_to(most).read(), None)
}

/// How large a text is in which one part stands for another.
fn replaced(text: Size, old: Size, new: Size) -> Size {
    // The most: the smallest part goes for the largest one.
    let (most, kept_most) = if old.least == 0 {
        // Before each character, and behind the last.
        (text.most.saturating_add(1), text.most)
    } else if new.most <= old.least {
        (0, text.most)
    } else {
        (divided(text.most, old.least), 0)
    };
    let (least, kept_least) = if old.most == 0 {
        (text.least.saturating_add(1), text.least)
    } else if old.most <= new.least {
        (0, text.least)
    } else {
        (divided(text.least, old.most), 0)
    };
    let count = Size { least, most };
    count.times(new).plus(Size { least: kept_least, most: kept_most })
}
