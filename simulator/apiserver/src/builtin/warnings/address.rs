//! Addresses and ranges of them that are good, and not as they should be written.

use std::net::{IpAddr, Ipv6Addr};

use crate::builtin::check::loose_ip;

pub(super) fn of_address(place: &str, address: &str) -> Option<String> {
    let good = loose_ip(address)?;
    match address.parse::<Ipv6Addr>() {
        Err(_) if good.to_string() == address => None,
        Ok(six) if six.to_ipv4_mapped().is_none() => (six.to_string() != address).then(|| {
            format!(
                "{place}: IPv6 address {address:?} should be in RFC 5952 canonical format (\"{six}\")"
            )
        }),
        Ok(_) | Err(_) => {
            let plain = good.to_canonical();
            Some(format!(
                "{place}: non-standard IP address {address:?} will be considered invalid in a future Kubernetes release: use \"{plain}\""
            ))
        }
    }
}

pub(super) fn of_range(place: &str, range: &str) -> Vec<String> {
    let Some((stated, length)) = range.split_once('/') else { return Vec::new() };
    let (Some(address), Ok(length)) = (loose_ip(stated), length.parse::<u32>()) else {
        return Vec::new();
    };
    let mapped = matches!(address, IpAddr::V6(six) if six.to_ipv4_mapped().is_some());
    let width = if address.is_ipv4() { 32 } else { 128 };
    if length > width {
        return Vec::new();
    }
    let first = masked(address, length);
    let shown = format!("{}/{length}", first.to_canonical());
    let mut said = Vec::new();
    if first != address {
        let alone = address.to_canonical();
        said.push(format!(
            "{place}: CIDR value {range:?} is ambiguous in this context (should be \"{shown}\" or \"{alone}/{width}\"?)"
        ));
    }
    if mapped || stated.parse::<IpAddr>().is_err() {
        said.push(format!(
            "{place}: non-standard CIDR value {range:?} will be considered invalid in a future Kubernetes release: use \"{shown}\""
        ));
    }
    let canonical = format!("{address}/{length}");
    if said.is_empty() && address.is_ipv6() && canonical != range {
        said.push(format!(
            "{place}: IPv6 CIDR value {range:?} should be in RFC 5952 canonical format (\"{canonical}\")"
        ));
    }
    said
}

/// The first address of a range.
fn masked(address: IpAddr, length: u32) -> IpAddr {
    match address {
        IpAddr::V4(four) => {
            let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
            IpAddr::V4((u32::from(four) & mask).into())
        }
        IpAddr::V6(six) => {
            let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
            IpAddr::V6((u128::from(six) & mask).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_that_begins_elsewhere_is_ambiguous() {
        assert_eq!(of_range("a", "10.0.0.0/8"), Vec::<String>::new());
        assert_eq!(
            of_range("a", "10.1.0.0/8"),
            [
                "a: CIDR value \"10.1.0.0/8\" is ambiguous in this context (should be \"10.0.0.0/8\" or \"10.1.0.0/32\"?)"
            ]
        );
    }
}
