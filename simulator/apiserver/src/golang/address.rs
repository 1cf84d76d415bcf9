//! Addresses as Go's net/netip reads them, and what it says of those that it cannot read.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::quote;

/// An address with its zone, which is empty if there is none. `Err` in Go's words.
pub(crate) fn parse(text: &str) -> Result<(IpAddr, &str), String> {
    let read = match text.find(['.', ':', '%']).map(|at| &text[at..=at]) {
        Some(".") => v4(text).map(|ip| (IpAddr::V4(ip), "")),
        Some(":") => match text.split_once('%') {
            Some((_, "")) => Err("zone must be a non-empty string".to_owned()),
            Some((address, zone)) => v6(address).map(|ip| (IpAddr::V6(ip), zone)),
            None => v6(text).map(|ip| (IpAddr::V6(ip), "")),
        },
        Some(_) => Err("missing IPv6 address".to_owned()),
        None => Err("unable to parse IP".to_owned()),
    };
    read.map_err(|why| format!("ParseAddr({}): {why}", quote(text)))
}

/// An address and the length of its prefix. `Err` in Go's words.
pub(crate) fn parse_prefix(text: &str) -> Result<(IpAddr, u8), String> {
    let read = || {
        let (address, bits) = text.rsplit_once('/').ok_or("no '/'")?;
        let (ip, zone) = parse(address)?;
        if !zone.is_empty() {
            return Err("IPv6 zones cannot be present in a prefix".to_owned());
        }
        let is_signed = bits.len() > 1 && !bits.starts_with(|c: char| matches!(c, '1'..='9'));
        let bad = || format!("bad bits after slash: {}", quote(bits));
        let bits = bits.parse::<u64>().ok().filter(|_| !is_signed).ok_or_else(bad)?;
        let most = if ip.is_ipv4() { 32 } else { 128 };
        match u8::try_from(bits) {
            Ok(bits) if bits <= most => Ok((ip, bits)),
            _ => Err("prefix length out of range".to_owned()),
        }
    };
    read().map_err(|why| format!("netip.ParsePrefix({}): {why}", quote(text)))
}

fn at(why: &str, rest: &str) -> String {
    format!("{why} (at {})", quote(rest))
}

fn v4(text: &str) -> Result<Ipv4Addr, String> {
    let mut fields = [0_u8; 4];
    let (mut field, mut value, mut digits) = (0, 0_u32, 0);
    for (place, byte) in text.bytes().enumerate() {
        match byte {
            b'0'..=b'9' if digits == 1 && value == 0 => {
                return Err("IPv4 field has octet with leading zero".to_owned());
            }
            b'0'..=b'9' => {
                value = value * 10 + u32::from(byte - b'0');
                digits += 1;
                fields[field] = u8::try_from(value).map_err(|_| "IPv4 field has value >255")?;
            }
            b'.' if digits == 0 || place + 1 == text.len() => {
                return Err(at("IPv4 field must have at least one digit", &text[place..]));
            }
            b'.' if field == 3 => return Err("IPv4 address too long".to_owned()),
            b'.' => (field, value, digits) = (field + 1, 0, 0),
            _ => return Err(at("unexpected character", &text[place..])),
        }
    }
    if field < 3 {
        return Err("IPv4 address too short".to_owned());
    }
    Ok(fields.into())
}

fn v6(text: &str) -> Result<Ipv6Addr, String> {
    let mut fields = Vec::with_capacity(8);
    // Before which field `::` stands.
    let mut gap = None;
    let mut rest = text;
    if let Some(after) = rest.strip_prefix("::") {
        (gap, rest) = (Some(0), after);
    }
    while fields.len() < 8 && !(rest.is_empty() && gap == Some(fields.len())) {
        let digits = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        if digits > 4 {
            return Err(at("each group must have 4 or less digits", rest));
        }
        let value = u16::from_str_radix(&rest[..digits], 16)
            .map_err(|_| at("each colon-separated field must have at least one digit", rest))?;
        if rest[digits..].starts_with('.') {
            if gap.is_none() && fields.len() != 6 {
                let why = "embedded IPv4 address must replace the final 2 fields of the address";
                return Err(at(why, rest));
            }
            if fields.len() > 6 {
                let why = "too many hex fields to fit an embedded IPv4 at the end of the address";
                return Err(at(why, rest));
            }
            let [a, b, c, d] = v4(rest)?.octets();
            fields.extend([u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]);
            rest = "";
            break;
        }
        fields.push(value);
        rest = &rest[digits..];
        if rest.is_empty() {
            break;
        }
        let Some(after) = rest.strip_prefix(':') else {
            return Err(at("unexpected character, want colon", rest));
        };
        if after.is_empty() {
            return Err(at("colon must be followed by more characters", rest));
        }
        rest = after;
        if let Some(after) = rest.strip_prefix(':') {
            if gap.is_some() {
                return Err(at("multiple :: in address", rest));
            }
            (gap, rest) = (Some(fields.len()), after);
        }
    }
    if !rest.is_empty() {
        return Err(at("trailing garbage after address", rest));
    }
    let missing = 8 - fields.len();
    match gap {
        None if missing > 0 => return Err("address string too short".to_owned()),
        Some(_) if missing == 0 => {
            return Err("the :: must expand to at least one field of zeros".to_owned());
        }
        Some(gap) => drop(fields.splice(gap..gap, std::iter::repeat_n(0, missing))),
        None => {}
    }
    let whole: [u16; 8] = fields.try_into().map_err(|_| "address string too short")?;
    Ok(whole.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_go_reads_is_what_rust_reads() {
        let good = ["1.2.3.4", "::", "::1", "1::", "1:2:3:4:5:6:7:8", "1::8", "::1.2.3.4"];
        for text in
            good.into_iter().chain(["1:2:3:4:5:6:1.2.3.4", "1:2::1.2.3.4", "1:2:3:4:5:6:7::"])
        {
            assert_eq!(parse(text).map(|read| read.0).ok(), text.parse().ok(), "{text}");
        }
        for text in ["", "1", ":", ":1", "1:", ":::", "1.2.3", "ä", "ä:1", "1:ä", "1.ä", "::1:"]
        {
            assert!(parse(text).is_err() && parse_prefix(text).is_err(), "{text}");
            assert!(text.parse::<IpAddr>().is_err(), "{text}");
        }
    }
}
