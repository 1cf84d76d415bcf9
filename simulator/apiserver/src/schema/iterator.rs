//! What servers before 1.23 say of a body that does not fit its type: the words of json-iterator, which shows where in
//! the text it stopped.

use super::decode::{go_struct, go_type};
use super::{Node, Schema, Type, format};
use crate::Tree;
use crate::builtin::internal;
use crate::quantity;

impl Schema {
    /// What is wrong in a text of JSON that cannot be read as an object of this kind.
    pub(crate) fn misread(&self, text: &[u8]) -> Option<String> {
        misread(self.node(), text)
    }

    /// The same of the metadata of any object.
    pub(crate) fn misread_metadata(&self, text: &[u8]) -> Option<String> {
        misread(self.meta(), text)
    }
}

fn misread(node: &Node, text: &[u8]) -> Option<String> {
    let mut reader = Reader { text, at: 0, fault: None };
    reader.value(node);
    reader.fault
}

/// Structs with no more fields than this have a reader of their own.
const SMALL: usize = 10;

/// Json-iterator does not stop where it finds something wrong: it goes on as well as it can, and names what it comes
/// through on its way. Once something is wrong, it cannot take back what it has read any more.
struct Reader<'t> {
    text: &'t [u8],
    /// After what was read.
    at: usize,
    /// The first that was found wrong, with the way that was gone since.
    fault: Option<String>,
}

impl Reader<'_> {
    fn value(&mut self, node: &Node) {
        match node.kind {
            Type::Object if node.additional.is_some() => self.map(node),
            Type::Object => self.structure(node),
            Type::List => self.list(node),
            Type::String => drop(self.string()),
            Type::Bytes => self.bytes(node),
            Type::Bool if !self.is_nothing() => match self.next() {
                b't' => self.skip_bytes(3),
                b'f' => self.skip_bytes(4),
                other => self.unexpected("ReadBool", "expect t or f", other),
            },
            Type::Int32 if !self.is_nothing() => self.integer(u64::from(u32::MAX), "32"),
            Type::Integer if !self.is_nothing() => self.integer(u64::MAX, "64"),
            Type::Bool | Type::Int32 | Type::Integer => {}
            Type::Quantity | Type::Time | Type::MicroTime | Type::IntOrString => self.special(node),
            _ => self.pass(),
        }
    }

    fn structure(&mut self, node: &Node) {
        match self.next() {
            b'{' => {}
            b'n' => return self.skip_bytes(3),
            other => return self.unexpected("readObjectStart", "expect { or n", other),
        }
        if self.next() == b'}' {
            return;
        }
        self.unread();
        let is_small = node.members.len() <= SMALL;
        loop {
            let key = if is_small { self.small_key() } else { Some(self.key()) };
            match key.as_deref().and_then(|key| node.member(key)) {
                Some(member) => {
                    let kind = internal::field(node.type_name, &member.name);
                    // Selectors of labels are pointers everywhere.
                    let is_pointer = kind.is_some_and(|(_, kind)| kind.starts_with('*'))
                        || member.node.definition.ends_with(".LabelSelector");
                    if !is_pointer || !self.is_nothing() {
                        self.value(&member.node);
                    }
                    self.came(|| format!("{}: ", field(node, &member.name)));
                }
                None => self.pass(),
            }
            match self.next() {
                b',' => {}
                b'}' => break self.came(|| named(node)),
                other if is_small => {
                    let why =
                        format!("object ended prematurely, unexpected char {}", letter(other));
                    self.report("isObjectEnd", &why);
                    break self.came(|| named(node));
                }
                other => {
                    self.came(|| named(node));
                    break self.unexpected("struct Decode", "expect }", other);
                }
            }
        }
    }

    /// The name of a field of a large struct.
    fn key(&mut self) -> String {
        let key = self.string();
        let after = self.next();
        if after != b':' {
            self.unexpected("ReadObject", "expect : after object field", after);
        }
        key
    }

    /// The name of a field of a small struct: `None` if there is none.
    fn small_key(&mut self) -> Option<String> {
        let first = self.next();
        if first != b'"' {
            self.unexpected("readFieldHash", "expect \"", first);
            return None;
        }
        let key = self.rest_of_string();
        let after = self.next();
        if after != b':' {
            self.unexpected("readFieldHash", "expect :", after);
            return None;
        }
        Some(key)
    }

    fn map(&mut self, node: &Node) {
        match self.next() {
            b'{' => {}
            b'n' => return self.skip_bytes(3),
            other => return self.unexpected("ReadMapCB", "expect { or n", other),
        }
        if self.next() == b'}' {
            return;
        }
        self.unread();
        loop {
            self.string();
            let after = self.next();
            if after != b':' {
                return self.unexpected("ReadMapCB", "expect : after object field", after);
            }
            match &node.additional {
                Some(values) => self.value(values),
                None => self.pass(),
            }
            match self.next() {
                b',' => {}
                b'}' => return,
                other => return self.unexpected("ReadMapCB", "expect }", other),
            }
        }
    }

    fn list(&mut self, node: &Node) {
        self.elements(|reader| match &node.items {
            Some(items) => reader.value(items),
            None => reader.pass(),
        });
        self.came(|| format!("{}: ", go_type(node)));
    }

    fn elements(&mut self, mut each: impl FnMut(&mut Self)) {
        match self.next() {
            b'[' => {}
            b'n' => return self.skip_bytes(3),
            other => return self.unexpected("decode slice", "expect [ or n", other),
        }
        if self.next() == b']' {
            return;
        }
        self.unread();
        loop {
            each(self);
            match self.next() {
                b',' => {}
                b']' => return,
                other => return self.unexpected("decode slice", "expect ]", other),
            }
        }
    }

    fn bytes(&mut self, node: &Node) {
        if self.is_nothing() {
            return;
        }
        match self.peek() {
            b'"' => {
                let text = self.string();
                if let Some(at) = format::bad_base64(&text) {
                    let why = format!("illegal base64 data at input byte {at}");
                    self.report("decode base64", &why);
                }
            }
            b'[' => {
                self.elements(|reader| reader.integer(u64::from(u32::MAX), "32"));
                self.came(|| format!("{}: ", go_type(node)));
            }
            _ => self.report("base64Codec", "invalid input"),
        }
    }

    /// `most`: of the number without a sign as it is read first, `bits` wide.
    fn integer(&mut self, most: u64, bits: &str) {
        let first = self.next();
        let is_negative = first == b'-';
        let first = if is_negative { self.read() } else { first };
        let operation = format!("readUint{bits}");
        if !first.is_ascii_digit() {
            return self.report(&operation, "unexpected character: \u{fffd}");
        }
        let digit = |byte: u8| u64::from(byte - b'0');
        let mut value = digit(first);
        let mut at = self.at;
        // Eight digits are read at once where there is enough to read, and the place of what is wrong is after them.
        let end = (at..self.text.len()).find(|at| !self.text[*at].is_ascii_digit());
        let end = if value == 0 { at } else { end.unwrap_or(self.text.len()) };
        if self.text.len() - at > 10 && end - at > 7 {
            self.at = at + 7;
        }
        while at < end {
            let next = value.wrapping_mul(10).wrapping_add(digit(self.text[at])) & most;
            if value > most / 10 - 1 && next < value {
                return self.report(&operation, "overflow");
            }
            value = next;
            at += 1;
        }
        self.at = at;
        if self.text.get(self.at) == Some(&b'.') {
            self.report("assertInteger", "can not decode float as int");
        }
        if value > most / 2 + u64::from(is_negative) {
            self.report(&format!("ReadInt{bits}"), &format!("overflow: {value}"));
        }
    }

    /// A value that reads itself.
    fn special(&mut self, node: &Node) {
        self.next();
        self.unread();
        let start = self.at;
        self.pass();
        let raw = String::from_utf8_lossy(&self.text[start..self.at]).into_owned();
        let Ok(tree) = Tree::from_json(&self.text[start..self.at]) else { return };
        if tree.is_null() {
            return;
        }
        let why = match node.kind {
            Type::Quantity => {
                let text = match tree.as_str() {
                    Some(text) => text.to_owned(),
                    None => tree.to_string(),
                };
                quantity::canonical(&text).err().map(ToString::to_string)
            }
            Type::IntOrString if tree.is_string() || raw.parse::<i32>().is_ok() => None,
            Type::IntOrString => {
                let found = match crate::golang::type_name(&tree) {
                    "number" => format!("number {raw}"),
                    other => other.to_owned(),
                };
                Some(format!("json: cannot unmarshal {found} into Go value of type int32"))
            }
            kind => super::decode::unreadable(kind, &tree),
        };
        if let Some(why) = why {
            self.report("unmarshalerDecoder", &why);
        }
    }

    fn string(&mut self) -> String {
        match self.next() {
            b'"' => return self.rest_of_string(),
            b'n' => self.skip_bytes(3),
            other => self.unexpected("ReadString", "expects \" or n", other),
        }
        String::new()
    }

    /// A text whose first quote was read.
    fn rest_of_string(&mut self) -> String {
        let start = self.at - 1;
        while let Some(byte) = self.text.get(self.at).filter(|byte| **byte != b'"') {
            self.at += if *byte == b'\\' { 2 } else { 1 };
        }
        self.at = (self.at + 1).min(self.text.len());
        serde_json::from_slice(&self.text[start..self.at]).unwrap_or_default()
    }

    /// Goes over a value of any kind.
    fn pass(&mut self) {
        let first = self.next();
        match first {
            b'"' => drop(self.rest_of_string()),
            b'{' | b'[' => {
                let mut depth = 1_usize;
                while depth > 0 {
                    match self.next() {
                        b'"' => drop(self.rest_of_string()),
                        b'{' | b'[' => depth += 1,
                        b'}' | b']' => depth -= 1,
                        0 => return,
                        _ => {}
                    }
                }
            }
            b't' | b'n' => self.skip_bytes(3),
            b'f' => self.skip_bytes(4),
            b'-' | b'0'..=b'9' => {
                let is_of_number = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
                while self.text.get(self.at).is_some_and(is_of_number) {
                    self.at += 1;
                }
            }
            other => self.unexpected("Skip", "do not know how to skip", other),
        }
    }

    /// Whether there is `null`, which then is read.
    fn is_nothing(&mut self) -> bool {
        let is_nothing = self.next() == b'n';
        if is_nothing {
            self.skip_bytes(3);
        } else {
            self.unread();
        }
        is_nothing
    }

    fn blank(&mut self) {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    fn peek(&mut self) -> u8 {
        self.blank();
        self.text.get(self.at).copied().unwrap_or_default()
    }

    /// The next byte that is no blank; 0 at the end.
    fn next(&mut self) -> u8 {
        self.blank();
        self.read()
    }

    fn read(&mut self) -> u8 {
        let byte = self.text.get(self.at).copied();
        self.at += usize::from(byte.is_some());
        byte.unwrap_or_default()
    }

    fn unread(&mut self) {
        if self.fault.is_none() {
            self.at -= 1;
        }
    }

    fn skip_bytes(&mut self, count: usize) {
        self.at = (self.at + count).min(self.text.len());
    }

    /// The way that was gone, if something is wrong.
    fn came(&mut self, way: impl FnOnce() -> String) {
        if let Some(fault) = &mut self.fault {
            fault.insert_str(0, &way());
        }
    }

    fn unexpected(&mut self, operation: &str, wanted: &str, found: u8) {
        self.report(operation, &format!("{wanted}, but found {}", letter(found)));
    }

    fn report(&mut self, operation: &str, why: &str) {
        if self.fault.is_some() {
            return;
        }
        let around = |width: usize| {
            let start = self.at.saturating_sub(width);
            let end = (self.at + width).min(self.text.len());
            (start, String::from_utf8_lossy(&self.text[start..end]))
        };
        let ((start, near), (_, far)) = (around(10), around(50));
        let count = self.at - start;
        self.fault = Some(format!(
            "{operation}: {why}, error found in #{count} byte of ...|{near}|..., bigger context ...|{far}|..."
        ));
    }
}

fn letter(byte: u8) -> char {
    char::from(byte)
}

/// The way through a struct, which has a name unless it is one of ours.
fn named(node: &Node) -> String {
    if node.definition.is_empty() { String::new() } else { format!("{}.", go_struct(node)) }
}

/// The name of a member in Go.
fn field(node: &Node, key: &str) -> String {
    let is_object = node.member("metadata").is_some();
    match key {
        "metadata" => return "ObjectMeta".to_owned(),
        "kind" if is_object => return "TypeMeta: Kind".to_owned(),
        "apiVersion" if is_object => return "TypeMeta: APIVersion".to_owned(),
        "apiVersion" => return "APIVersion".to_owned(),
        "uid" => return "UID".to_owned(),
        _ => {}
    }
    if let Some((known, _)) = internal::field(node.type_name, key) {
        return known.to_owned();
    }
    let mut letters = key.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Table;

    fn said(definition: &str, text: &str) -> Option<String> {
        let schema = Schema::builtin(Table::of(20), definition).expect("it is in the table");
        schema.misread(text.as_bytes())
    }

    #[test]
    fn what_does_not_fit_is_shown_in_its_text() {
        let pod = r#"{"spec": {"containers": [{"resources": {"requests": {"cpu": "1x"}}}]}}"#;

        assert_eq!(
            said("core.v1.Pod", pod).as_deref(),
            Some(
                "v1.Pod.Spec: v1.PodSpec.Containers: []v1.Container: v1.Container.Resources: v1.ResourceRequirements.Requests: unmarshalerDecoder: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$', error found in #10 byte of ...|cpu\": \"1x\"}}}]}}|..., bigger context ...|tainers\": [{\"resources\": {\"requests\": {\"cpu\": \"1x\"}}}]}}|..."
            )
        );
        assert_eq!(
            said("core.v1.ConfigMap", r#"{"data":"x","kind":"ConfigMap"}"#).as_deref(),
            Some(
                "v1.ConfigMap.Data: ReadMapCB: expect { or n, but found \", error found in #9 byte of ...|{\"data\":\"x\",\"kind\":|..., bigger context ...|{\"data\":\"x\",\"kind\":\"ConfigMap\"}|..."
            )
        );
        assert_eq!(said("core.v1.ConfigMap", r#"{"data":{"a":"b"},"zz":[1,{"a":2}]}"#), None);
    }

    /// Each line was read by json-iterator itself: a definition, a text, and what it says.
    #[test]
    fn what_is_wrong_is_told_as_json_iterator_tells_it() {
        for line in include_str!("iterator/cases.txt").lines() {
            let mut parts = line.split('\t');
            let mut next = || parts.next().expect("three parts");
            let (definition, text, told) = (next(), next(), next());

            assert_eq!(said(definition, text).unwrap_or_default(), told, "{text}");
        }
    }
}
