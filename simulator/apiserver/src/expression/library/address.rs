//! Addresses and networks: `cidr('10.0.0.0/8').containsIP(self.address)`.

use std::net::{IpAddr, Ipv6Addr};

use cel::common::types::{STRING_TYPE, Type};
use cel::common::value::CowVal;
use cel::objects::Opaque;
use cel::{DeclarationError, Env};

use super::unfit;
use super::{
    Given, Made, Readable, bool, failed, global, member, number, opaque, own, reader, string, text,
};
use crate::golang::{address, quote};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ip(IpAddr);

/// An address, whatever stands after its prefix, and how long the prefix is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cidr(IpAddr, u8);

impl Opaque for Ip {
    fn runtime_type_name(&self) -> &'static str {
        "net.IP"
    }
}

impl Opaque for Cidr {
    fn runtime_type_name(&self) -> &'static str {
        "net.CIDR"
    }
}

pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    let ip = || Type::new_opaque_type("net.IP");
    let cidr = || Type::new_opaque_type("net.CIDR");
    env.add_type(ip())?;
    env.add_type(cidr())?;
    reader::<Ip>(env, "ip", "isIP")?;
    global(env, "ip.isCanonical", vec![STRING_TYPE], is_canonical)?;
    global(env, "string", vec![ip()], ip_text)?;
    member(env, "family", vec![ip()], family)?;
    member(env, "isUnspecified", vec![ip()], |given| is(&given, |ip| ip.is_unspecified()))?;
    member(env, "isLoopback", vec![ip()], |given| is(&given, |ip| ip.is_loopback()))?;
    member(env, "isLinkLocalMulticast", vec![ip()], |given| is(&given, is_local_multicast))?;
    member(env, "isLinkLocalUnicast", vec![ip()], |given| is(&given, is_local_unicast))?;
    member(env, "isGlobalUnicast", vec![ip()], |given| is(&given, is_global_unicast))?;
    reader::<Cidr>(env, "cidr", "isCIDR")?;
    global(env, "string", vec![cidr()], cidr_text)?;
    member(env, "containsIP", vec![cidr(), STRING_TYPE], contains_ip_text)?;
    member(env, "containsIP", vec![cidr(), ip()], contains_ip)?;
    member(env, "containsCIDR", vec![cidr(), STRING_TYPE], contains_cidr_text)?;
    member(env, "containsCIDR", vec![cidr(), cidr()], contains_cidr)?;
    member(env, "ip", vec![cidr()], ip_of)?;
    member(env, "masked", vec![cidr()], masked)?;
    member(env, "prefixLength", vec![cidr()], prefix_length)
}

/// An IPv4 address in the clothes of an IPv6 one is none to Kubernetes.
fn is_mapped(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some())
}

fn mapped(text: &str) -> String {
    format!("IPv4-mapped IPv6 address {} is not allowed", quote(text))
}

impl Readable for Ip {
    fn read(text: &str) -> Result<Self, String> {
        let (ip, zone) = address::parse(text).map_err(|why| {
            format!("IP Address {} parse error during conversion from string: {why}", quote(text))
        })?;
        if !zone.is_empty() {
            return Err(format!("IP address {} with zone value is not allowed", quote(text)));
        }
        if is_mapped(ip) { Err(mapped(text)) } else { Ok(Self(ip)) }
    }
}

impl Readable for Cidr {
    fn read(text: &str) -> Result<Self, String> {
        const LEAD: &str = "network address parse error during conversion from string: ";
        let (ip, bits) = address::parse_prefix(text).map_err(|why| format!("{LEAD}{LEAD}{why}"))?;
        if is_mapped(ip) { Err(format!("{LEAD}{}", mapped(text))) } else { Ok(Self(ip, bits)) }
    }
}

impl Cidr {
    fn masked(self) -> Self {
        let Self(ip, bits) = self;
        let mask = |most: u8| u128::MAX.checked_shl(u32::from(most - bits.min(most))).unwrap_or(0);
        let ip = match ip {
            IpAddr::V4(ip) => {
                let bits = u128::from(ip.to_bits()) & mask(32);
                u32::try_from(bits).map_or(IpAddr::V4(ip), |bits| IpAddr::V4(bits.into()))
            }
            IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & mask(128))),
        };
        Self(ip, bits)
    }

    fn contains(self, ip: IpAddr) -> bool {
        self.0.is_ipv4() == ip.is_ipv4() && self.masked() == Self(ip, self.1).masked()
    }
}

fn is_canonical<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    let text = text(&given, 0)?;
    bool(Ip::read(text).map_err(failed)?.0.to_string() == text)
}

fn ip_text<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    string(own::<Ip>(&given, 0)?.0.to_string())
}

fn family<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    number(if own::<Ip>(&given, 0)?.0.is_ipv4() { 4 } else { 6 })
}

fn is<'b, 'v>(given: &[CowVal<'_, '_>], holds: impl Fn(IpAddr) -> bool) -> Made<'b, 'v> {
    bool(holds(own::<Ip>(given, 0)?.0))
}

fn is_local_multicast(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.octets().starts_with(&[224, 0, 0]),
        IpAddr::V6(ip) => ip.segments()[0] & 0xff0f == 0xff02,
    }
}

fn is_local_unicast(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

fn is_global_unicast(ip: IpAddr) -> bool {
    let is_broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    let is_special = ip.is_unspecified() || ip.is_loopback() || ip.is_multicast();
    !(is_broadcast || is_special || is_local_unicast(ip))
}

fn cidr_text<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    let Cidr(ip, bits) = own(&given, 0)?;
    string(format!("{ip}/{bits}"))
}

/// The real server does not say what is wrong with the text of an address here.
fn contains_ip_text<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    let ip = Ip::read(text(&given, 1)?).map_err(|_| unfit())?;
    bool(own::<Cidr>(&given, 0)?.contains(ip.0))
}

fn contains_ip<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    bool(own::<Cidr>(&given, 0)?.contains(own::<Ip>(&given, 1)?.0))
}

fn contains_cidr_text<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    contains_network(&given, Cidr::read(text(&given, 1)?).map_err(failed)?)
}

fn contains_cidr<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    contains_network(&given, own(&given, 1)?)
}

fn contains_network<'b, 'v>(given: &[CowVal<'_, '_>], part: Cidr) -> Made<'b, 'v> {
    let whole: Cidr = own::<Cidr>(given, 0)?;
    bool(whole.1 <= part.1 && whole.contains(part.0))
}

fn ip_of<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    opaque(Ip(own::<Cidr>(&given, 0)?.0))
}

fn masked<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    opaque(own::<Cidr>(&given, 0)?.masked())
}

fn prefix_length<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    number(own::<Cidr>(&given, 0)?.1.into())
}
