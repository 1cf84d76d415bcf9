//! What servers before 1.23 say of a body that does not fit its type: the words of json-iterator, which shows where in
//! the text it stopped.

use super::decode::{go_struct, go_type};
use super::{Node, Schema, Type, format};
use crate::Tree;
use crate::quantity;

impl Schema {
    /// The first thing in a text of JSON that cannot be read as an object of this kind.
    pub(crate) fn misread(&self, text: &[u8]) -> Option<String> {
        let mut reader = Reader { text, at: 0 };
        reader.value(self.node())
    }
}

struct Reader<'t> {
    text: &'t [u8],
    /// After what was read.
    at: usize,
}

impl Reader<'_> {
    /// Reads a value; what is wrong in it, with the way there.
    fn value(&mut self, node: &Node) -> Option<String> {
        self.blank();
        if self.text[self.at..].starts_with(b"null") {
            self.at += 4;
            return None;
        }
        match node.kind {
            Type::Object if node.additional.is_some() => self.map(node),
            Type::Object => self.object(node),
            Type::List => self.list(node),
            Type::String => self.string().err(),
            Type::Bytes => match self.string() {
                Ok(text) => {
                    let at = format::bad_base64(&text)?;
                    Some(self.report(
                        "decode base64",
                        &format!("illegal base64 data at input byte {at}"),
                    ))
                }
                Err(why) => Some(why),
            },
            Type::Bool => match self.next()? {
                b't' => self.skip(3),
                b'f' => self.skip(4),
                other => Some(self.unexpected("ReadBool", "expect t or f", other)),
            },
            Type::Int32 => self.integer("readUint32"),
            Type::Integer => self.integer("readUint64"),
            Type::Quantity | Type::Time | Type::MicroTime | Type::IntOrString => self.special(node),
            _ => {
                self.pass();
                None
            }
        }
    }

    fn object(&mut self, node: &Node) -> Option<String> {
        let first = self.next()?;
        if first != b'{' {
            let why = self.unexpected("readObjectStart", "expect { or n", first);
            return Some(if node.definition.is_empty() {
                why
            } else {
                format!("{}.{why}", go_struct(node))
            });
        }
        self.members(|reader, key| {
            let Some(member) = node.member(key) else {
                reader.pass();
                return None;
            };
            let why = reader.value(&member.node)?;
            Some(format!("{}.{}: {why}", go_struct(node), field(node, key)))
        })
    }

    fn map(&mut self, node: &Node) -> Option<String> {
        let first = self.next()?;
        if first != b'{' {
            return Some(self.unexpected("ReadMapCB", "expect { or n", first));
        }
        let values = node.additional.as_deref()?;
        self.members(|reader, _| reader.value(values))
    }

    /// What stands between braces, up to the first that is wrong.
    fn members(
        &mut self,
        mut each: impl FnMut(&mut Self, &str) -> Option<String>,
    ) -> Option<String> {
        loop {
            self.blank();
            match *self.text.get(self.at)? {
                b'}' => return self.skip(1),
                b',' => self.at += 1,
                _ => {
                    let key = self.string().ok()?;
                    self.blank();
                    self.at += 1;
                    if let Some(why) = each(self, &key) {
                        return Some(why);
                    }
                }
            }
        }
    }

    fn list(&mut self, node: &Node) -> Option<String> {
        let wrap = |why: String| Some(format!("{}: {why}", go_type(node)));
        let first = self.next()?;
        if first != b'[' {
            return wrap(self.unexpected("decode slice", "expect [ or n", first));
        }
        let items = node.items.as_deref()?;
        loop {
            self.blank();
            match *self.text.get(self.at)? {
                b']' => return self.skip(1),
                b',' => self.at += 1,
                _ => {
                    if let Some(why) = self.value(items) {
                        return wrap(why);
                    }
                }
            }
        }
    }

    fn integer(&mut self, operation: &str) -> Option<String> {
        let mut first = self.next()?;
        if first == b'-' {
            first = self.next()?;
        }
        if !first.is_ascii_digit() {
            return Some(self.report(operation, "unexpected character: \u{fffd}"));
        }
        while self.text.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        if matches!(self.text.get(self.at), Some(b'.' | b'e' | b'E')) {
            return Some(self.report("assertInteger", "can not decode float as int"));
        }
        None
    }

    /// A value that reads itself.
    fn special(&mut self, node: &Node) -> Option<String> {
        let start = self.at;
        self.pass();
        let tree = Tree::from_json(&self.text[start..self.at]).ok()?;
        let why = match node.kind {
            Type::Quantity => {
                let text = match tree.as_str() {
                    Some(text) => text.to_owned(),
                    None => tree.to_string(),
                };
                quantity::canonical(&text).err()?.to_owned()
            }
            Type::IntOrString if tree.is_string() || tree.as_i64().is_some() => return None,
            Type::IntOrString => {
                let found = crate::golang::type_name(&tree);
                format!("json: cannot unmarshal {found} into Go value of type int32")
            }
            kind => super::decode::unreadable(kind, &tree)?,
        };
        Some(self.report("unmarshalerDecoder", &why))
    }

    fn string(&mut self) -> Result<String, String> {
        let start = self.at;
        match self.next() {
            Some(b'"') => {}
            Some(other) => {
                return Err(self.unexpected("ReadString", "expects \" or n", other));
            }
            None => return Ok(String::new()),
        }
        let mut start = start;
        while self.text.get(start).is_some_and(u8::is_ascii_whitespace) {
            start += 1;
        }
        self.at = start;
        self.pass();
        Ok(serde_json::from_slice(&self.text[start..self.at]).unwrap_or_default())
    }

    /// Goes over a value of any kind.
    fn pass(&mut self) {
        self.blank();
        let mut depth = 0_usize;
        while let Some(byte) = self.text.get(self.at) {
            match byte {
                b'"' => {
                    self.at += 1;
                    while let Some(byte) = self.text.get(self.at).filter(|byte| **byte != b'"') {
                        self.at += if *byte == b'\\' { 2 } else { 1 };
                    }
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth > 0 => depth -= 1,
                b'}' | b']' | b',' if depth == 0 => return,
                byte if depth == 0 && !byte.is_ascii_whitespace() => {
                    // A number or a word goes on to what cannot be of it.
                    let ends = |byte: &u8| b",}] \t\r\n".contains(byte);
                    while self.text.get(self.at).is_some_and(|byte| !ends(byte)) {
                        self.at += 1;
                    }
                    return;
                }
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return;
            }
        }
    }

    fn blank(&mut self) {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    fn next(&mut self) -> Option<u8> {
        self.blank();
        let byte = *self.text.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn skip(&mut self, count: usize) -> Option<String> {
        self.at = (self.at + count).min(self.text.len());
        None
    }

    fn unexpected(&self, operation: &str, wanted: &str, found: u8) -> String {
        self.report(operation, &format!("{wanted}, but found {}", char::from(found)))
    }

    fn report(&self, operation: &str, why: &str) -> String {
        let around = |width: usize| {
            let start = self.at.saturating_sub(width);
            let end = (self.at + width).min(self.text.len());
            (start, String::from_utf8_lossy(&self.text[start..end]))
        };
        let ((start, near), (_, far)) = (around(10), around(50));
        let count = self.at - start;
        format!(
            "{operation}: {why}, error found in #{count} byte of ...|{near}|..., bigger context ...|{far}|..."
        )
    }
}

/// The name of a member in Go.
fn field(node: &Node, key: &str) -> String {
    if key == "metadata" {
        return "ObjectMeta".to_owned();
    }
    if let Some(known) = crate::builtin::internal::field_name(node.type_name, key) {
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
}
