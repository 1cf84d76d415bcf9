//! The functions that expressions may use, of what types they are, and how one is to be charged: those of cel-go's
//! standard library, its optional types, loops over keys and values, sets and strings, and of Kubernetes' own libraries.
//! What cel-go has for lists is not here: it came with 1.34, where nobody may use what 1.33 has not.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::Kind;

/// The names of types of libraries.
pub(super) const URL: &str = "kubernetes.URL";
pub(super) const FORMAT: &str = "kubernetes.NamedFormat";
pub(crate) const AUTHORIZER: &str = "kubernetes.authorization.Authorizer";
pub(crate) const RESOURCE_CHECK: &str = "kubernetes.authorization.ResourceCheck";
pub(crate) const QUANTITY: &str = "kubernetes.Quantity";

/// How a call is charged, beside its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// One step.
    Plain,
    Both,
    Choice,
    Equal,
    /// Until the shorter one ends.
    Compare,
    Concat,
    Append,
    Item,
    Value,
    Within,
    /// The target is read; how long the result is, nobody knows.
    Format,
    ToBytes,
    ToString,
    Quote,
    Affix,
    Matches,
    Contains,
    Authorize,
    Selector,
    /// Each item is looked at.
    Items,
    /// The argument is read, and the result is as long.
    Parse,
    /// The argument is read.
    Scan,
    ScanTwice,
    /// The target is read, and the result is as long.
    Copy,
    Replace,
    Split,
    Join,
    Find,
    /// Of a network: an address, or another network; as a text or as it is.
    HasAddress(bool),
    HasNetwork(bool),
    Validate,
    Sets(u8),
}

pub(super) struct Overload {
    pub(super) is_member: bool,
    pub(super) takes: Vec<Kind>,
    pub(super) makes: Kind,
    /// How many variables stand in its types.
    pub(super) vars: usize,
    pub(super) how: How,
}

/// Names, how all of them are charged, and of what types they are: `>` stands before what is made, and a dot before what
/// a member is of. The order is that of the server.
const DECLARED: &[(&str, How, &str)] = &[
    ("_?_:_", How::Choice, "bool A A > A"),
    ("_&&_ _||_", How::Both, "bool bool > bool"),
    ("!_ @not_strictly_false", How::Plain, "bool > bool"),
    ("_==_", How::Equal, "A A > bool"),
    ("_!=_", How::Compare, "A A > bool"),
    ("_+_", How::Concat, "bytes bytes > bytes, string string > string"),
    ("_+_", How::Append, "list<A> list<A> > list<A>"),
    (
        "_+_",
        How::Plain,
        "double double > double, duration duration > duration, int int > int, uint uint > uint",
    ),
    ("_+_", How::Plain, "duration time > time, time duration > time"),
    (
        "_-_",
        How::Plain,
        "double double > double, duration duration > duration, int int > int, uint uint > uint",
    ),
    ("_-_", How::Plain, "time duration > time, time time > duration"),
    ("_*_ _/_", How::Plain, "double double > double, int int > int, uint uint > uint"),
    ("_%_", How::Plain, "int int > int, uint uint > uint"),
    ("-_", How::Plain, "double > double, int > int"),
    (
        "_<_ _<=_ _>_ _>=_",
        How::Plain,
        "bool bool > bool, int int > bool, int double > bool, int uint > bool",
    ),
    ("_<_ _<=_ _>_ _>=_", How::Plain, "uint uint > bool, uint double > bool, uint int > bool"),
    (
        "_<_ _<=_ _>_ _>=_",
        How::Plain,
        "double double > bool, double int > bool, double uint > bool",
    ),
    ("_<_ _<=_ _>_ _>=_", How::Compare, "string string > bool, bytes bytes > bool"),
    ("_<_ _<=_ _>_ _>=_", How::Plain, "time time > bool, duration duration > bool"),
    ("_[_]", How::Item, "list<A> int > A"),
    ("_[_]", How::Value, "map<A,B> A > B"),
    ("_[_]", How::Plain, "optional<list<A>> int > optional<A>, optional<map<A,B>> A > optional<B>"),
    ("_?._", How::Plain, "dyn string > optional<A>"),
    ("_[?_]", How::Plain, "list<A> int > optional<A>, optional<list<A>> int > optional<A>"),
    ("_[?_]", How::Plain, "map<A,B> A > optional<B>, optional<map<A,B>> A > optional<B>"),
    ("@in", How::Within, "A list<A> > bool"),
    ("@in", How::Plain, "A map<A,B> > bool"),
    ("size", How::Plain, "bytes > int, list<A> > int, map<A,B> > int, string > int"),
    ("size", How::Plain, ".bytes > int, .list<A> > int, .map<A,B> > int, .string > int"),
    ("type", How::Plain, "A > type<A>"),
    ("dyn", How::Plain, "A > dyn"),
    ("bool", How::Plain, "bool > bool, string > bool"),
    ("bytes", How::Plain, "bytes > bytes"),
    ("bytes", How::ToBytes, "string > bytes"),
    ("double", How::Plain, "double > double, int > double, string > double, uint > double"),
    ("duration", How::Plain, "duration > duration, int > duration, string > duration"),
    (
        "int",
        How::Plain,
        "int > int, double > int, duration > int, string > int, time > int, uint > int",
    ),
    (
        "string",
        How::Plain,
        "string > string, bool > string, double > string, duration > string, int > string",
    ),
    ("string", How::ToString, "bytes > string"),
    ("string", How::Plain, "time > string, uint > string, ip > string, cidr > string"),
    ("timestamp", How::Plain, "time > time, int > time, string > time"),
    ("uint", How::Plain, "uint > uint, double > uint, int > uint, string > uint"),
    ("contains", How::Contains, ".string string > bool"),
    ("startsWith endsWith", How::Affix, ".string string > bool"),
    ("matches", How::Plain, "string string > bool"),
    ("matches", How::Matches, ".string string > bool"),
    (
        "getFullYear getMonth getDayOfYear getDayOfMonth getDate getDayOfWeek",
        How::Plain,
        ".time > int, .time string > int",
    ),
    (
        "getHours getMinutes getSeconds getMilliseconds",
        How::Plain,
        ".time > int, .time string > int, .duration > int",
    ),
    ("url", How::Parse, "string > url"),
    ("isURL", How::Plain, "string > bool"),
    ("getScheme getHost getHostname getPort getEscapedPath", How::Plain, ".url > string"),
    ("getQuery", How::Plain, ".url > map<string,list<string>>"),
    ("find", How::Find, ".string string > string"),
    ("findAll", How::Find, ".string string > list<string>, .string string int > list<string>"),
    (
        "isSorted",
        How::Items,
        ".list<int> > bool, .list<uint> > bool, .list<double> > bool, .list<bool> > bool",
    ),
    (
        "isSorted",
        How::Items,
        ".list<duration> > bool, .list<time> > bool, .list<string> > bool, .list<bytes> > bool",
    ),
    (
        "sum",
        How::Items,
        ".list<int> > int, .list<uint> > uint, .list<double> > double, .list<duration> > duration",
    ),
    (
        "max min",
        How::Items,
        ".list<int> > int, .list<uint> > uint, .list<double> > double, .list<bool> > bool",
    ),
    ("max min", How::Items, ".list<duration> > duration, .list<time> > time"),
    ("max min", How::Items, ".list<string> > string, .list<bytes> > bytes"),
    (
        "indexOf lastIndexOf",
        How::Items,
        ".list<A> A > int, .string string > int, .string string int > int",
    ),
    ("path", How::Plain, ".authorizer string > check.path"),
    ("group", How::Plain, ".authorizer string > check.group"),
    ("serviceAccount", How::Plain, ".authorizer string string > authorizer"),
    ("resource", How::Plain, ".check.group string > check.resource"),
    ("subresource namespace name", How::Plain, ".check.resource string > check.resource"),
    ("fieldSelector labelSelector", How::Selector, ".check.resource string > check.resource"),
    ("check", How::Authorize, ".check.path string > decision, .check.resource string > decision"),
    ("errored allowed", How::Plain, ".decision > bool"),
    ("error reason", How::Plain, ".decision > string"),
    ("quantity", How::Scan, "string > quantity"),
    ("isQuantity", How::Scan, "string > bool"),
    ("sign", How::Plain, "quantity > int"),
    ("isGreaterThan isLessThan", How::Plain, ".quantity quantity > bool, .semver semver > bool"),
    ("compareTo", How::Plain, ".quantity quantity > int, .semver semver > int"),
    ("asApproximateFloat", How::Plain, ".quantity > double"),
    ("asInteger", How::Plain, ".quantity > int"),
    ("isInteger", How::Plain, ".quantity > bool"),
    ("add sub", How::Plain, ".quantity quantity > quantity, .quantity int > quantity"),
    ("charAt", How::Plain, ".string int > string"),
    ("lowerAscii upperAscii trim", How::Copy, ".string > string"),
    ("substring", How::Copy, ".string int > string, .string int int > string"),
    ("replace", How::Replace, ".string string string > string, .string string string int > string"),
    ("split", How::Split, ".string string > list<string>, .string string int > list<string>"),
    ("format", How::Format, ".string list<dyn> > string"),
    ("strings.quote", How::Quote, "string > string"),
    ("join", How::Join, ".list<string> > string, .list<string> string > string"),
    ("sets.contains sets.intersects", How::Sets(1), "list<A> list<A> > bool"),
    ("sets.equivalent", How::Sets(2), "list<A> list<A> > bool"),
    ("optional.of optional.ofNonZeroValue", How::Plain, "A > optional<A>"),
    ("optional.none", How::Plain, "> optional<A>"),
    ("value", How::Plain, ".optional<A> > A"),
    ("hasValue", How::Plain, ".optional<A> > bool"),
    ("or", How::Plain, ".optional<A> optional<A> > optional<A>"),
    ("orValue", How::Plain, ".optional<A> A > A"),
    ("first last", How::Plain, ".list<A> > optional<A>"),
    ("optional.unwrap", How::Plain, "list<optional<A>> > list<A>"),
    ("unwrapOpt", How::Plain, ".list<optional<A>> > list<A>"),
    ("ip", How::Scan, "string > ip"),
    ("ip", How::Plain, ".cidr > ip"),
    ("family", How::Plain, ".ip > int"),
    ("ip.isCanonical", How::ScanTwice, "string > bool"),
    (
        "isUnspecified isLoopback isLinkLocalMulticast isLinkLocalUnicast isGlobalUnicast",
        How::Plain,
        ".ip > bool",
    ),
    ("isIP isCIDR", How::Scan, "string > bool"),
    ("cidr", How::Scan, "string > cidr"),
    ("containsIP", How::HasAddress(true), ".cidr string > bool"),
    ("containsIP", How::HasAddress(false), ".cidr ip > bool"),
    ("containsCIDR", How::HasNetwork(true), ".cidr string > bool"),
    ("containsCIDR", How::HasNetwork(false), ".cidr cidr > bool"),
    ("prefixLength", How::Plain, ".cidr > int"),
    ("masked", How::Plain, ".cidr > cidr"),
    ("validate", How::Validate, ".format string > optional<list<string>>"),
    ("format.named", How::Plain, "string > optional<format>"),
    (
        "format.dns1123Label format.dns1123Subdomain format.dns1035Label format.qualifiedName",
        How::Plain,
        "> format",
    ),
    (
        "format.dns1123LabelPrefix format.dns1123SubdomainPrefix format.dns1035LabelPrefix",
        How::Plain,
        "> format",
    ),
    (
        "format.labelValue format.uri format.uuid format.byte format.date format.datetime",
        How::Plain,
        "> format",
    ),
    ("cel.@mapInsert", How::Plain, "map<A,B> A B > map<A,B>, map<A,B> map<A,B> > map<A,B>"),
    ("semver", How::Scan, "string > semver, string bool > semver"),
    ("isSemver", How::Scan, "string > bool, string bool > bool"),
    ("major minor patch", How::Plain, ".semver > int"),
];

type Functions = BTreeMap<&'static str, Vec<Overload>>;

fn all() -> &'static Functions {
    static ALL: OnceLock<Functions> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut all = Functions::new();
        for (names, how, signatures) in DECLARED {
            for name in names.split(' ') {
                all.entry(name).or_default().extend(read_all(signatures, *how));
            }
        }
        all
    })
}

/// A function, and its name as it is declared.
pub(super) fn named(name: &str) -> Option<(&'static str, &'static [Overload])> {
    all().get_key_value(name).map(|(name, overloads)| (*name, overloads.as_slice()))
}

fn read_all(signatures: &'static str, how: How) -> impl Iterator<Item = Overload> {
    signatures.split(", ").map(move |signature| read(signature, how))
}

fn read(signature: &'static str, how: How) -> Overload {
    let nothing = signature.strip_prefix("> ").map(|makes| ("", makes));
    let (takes, makes) = nothing.or_else(|| signature.split_once(" > ")).unwrap_or_default();
    let is_member = takes.starts_with('.');
    let takes = takes.trim_start_matches('.').split_whitespace().map(kind).collect();
    let vars = if signature.contains('B') { 2 } else { usize::from(signature.contains('A')) };
    Overload { is_member, takes, makes: kind(makes), vars, how }
}

/// What a word of the table stands for.
fn kind(text: &'static str) -> Kind {
    let inner = |name: &str| text.strip_prefix(name)?.strip_prefix('<')?.strip_suffix('>');
    if let Some(item) = inner("list") {
        return Kind::list(kind(item));
    }
    if let Some(of) = inner("optional") {
        return Kind::optional(kind(of));
    }
    if let Some(of) = inner("type") {
        return Kind::type_of(kind(of));
    }
    if let Some((key, value)) = inner("map").and_then(|both| both.split_once(',')) {
        return Kind::map(kind(key), kind(value));
    }
    match text {
        "A" => Kind::Var(0),
        "B" => Kind::Var(1),
        "dyn" => Kind::Dyn,
        "bool" => Kind::Bool,
        "int" => Kind::Int,
        "uint" => Kind::Uint,
        "double" => Kind::Double,
        "string" => Kind::String,
        "bytes" => Kind::Bytes,
        "time" => Kind::Timestamp,
        "duration" => Kind::Duration,
        "ip" => Kind::Named("net.IP"),
        "cidr" => Kind::Named("net.CIDR"),
        "url" => Kind::Named(URL),
        "quantity" => Kind::Named(QUANTITY),
        "semver" => Kind::Named("kubernetes.Semver"),
        "format" => Kind::Named(FORMAT),
        "authorizer" => Kind::Named(AUTHORIZER),
        "check.path" => Kind::Named("kubernetes.authorization.PathCheck"),
        "check.group" => Kind::Named("kubernetes.authorization.GroupCheck"),
        "check.resource" => Kind::Named(RESOURCE_CHECK),
        "decision" => Kind::Named("kubernetes.authorization.Decision"),
        other => unreachable!("{other} is no type of the table"),
    }
}
