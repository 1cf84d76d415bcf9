//! Named formats: `!format.dns1123Label().validate(self.name).hasValue()`.

use cel::common::types::{CelOptional, STRING_TYPE, Type};
use cel::common::value::{CowVal, Val};
use cel::objects::Opaque;
use cel::{DeclarationError, Env};

use super::{Given, Made, boxed, global, member, opaque, own, text, texts, url};
use crate::names::{self, Faults};
use crate::schema::fits;

/// A format with what is wrong with a text that has it not.
#[derive(Clone, Copy, Debug)]
struct Format {
    name: &'static str,
    check: fn(&str) -> Faults,
}

impl PartialEq for Format {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Format {}

impl Opaque for Format {
    fn runtime_type_name(&self) -> &'static str {
        "kubernetes.NamedFormat"
    }
}

macro_rules! formats {
    ($($name:literal => $check:expr),* $(,)?) => {
        const ALL: &[Format] = &[$(Format { name: $name, check: $check }),*];

        fn declare(env: &mut Env) -> Result<(), DeclarationError> {
            $(global(env, concat!("format.", $name), vec![], |_| {
                opaque(Format { name: $name, check: $check })
            })?;)*
            Ok(())
        }
    };
}

formats! {
    "dns1123Label" => names::dns_label,
    "dns1123Subdomain" => names::dns_subdomain,
    "dns1035Label" => names::dns_1035_label,
    "qualifiedName" => names::qualified_name,
    "dns1123LabelPrefix" => |text| names::dns_label(&prefix(text)),
    "dns1123SubdomainPrefix" => |text| names::dns_subdomain(&prefix(text)),
    "dns1035LabelPrefix" => |text| names::dns_1035_label(&prefix(text)),
    "labelValue" => names::label_value,
    "uri" => |text| url::faults(text),
    "uuid" => |text| unless(fits("uuid", text), "does not match the UUID format"),
    "byte" => |text| unless(fits("byte", text), "invalid base64"),
    "date" => |text| unless(fits("date", text), "invalid date"),
    "datetime" => |text| unless(fits("datetime", text), "invalid datetime"),
}

pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    let kind = Type::new_opaque_type("kubernetes.NamedFormat");
    global(env, "format.named", vec![STRING_TYPE], named)?;
    member(env, "validate", vec![kind, STRING_TYPE], validate)?;
    declare(env)
}

/// What more of a name may follow ends in any case as a name does.
fn prefix(text: &str) -> String {
    match text.strip_suffix('-') {
        Some(rest) if !rest.is_empty() => {
            let mut signs = rest.chars();
            signs.next_back();
            format!("{}a", signs.as_str())
        }
        _ => text.to_owned(),
    }
}

fn unless(is_good: bool, why: &str) -> Faults {
    if is_good { Faults::new() } else { vec![why.to_owned()] }
}

fn named<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    let name = text(&given, 0)?;
    optional(match ALL.iter().find(|format| format.name == name) {
        Some(format) => Some(boxed(*format)?),
        None => None,
    })
}

fn validate<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    let faults = (own::<Format>(&given, 0)?.check)(text(&given, 1)?);
    optional((!faults.is_empty()).then(|| Box::new(texts(faults)) as Box<dyn Val>))
}

fn optional<'b, 'v>(value: Option<Box<dyn Val>>) -> Made<'b, 'v> {
    Ok(CowVal::owned(value.map_or_else(CelOptional::none, CelOptional::of)))
}
