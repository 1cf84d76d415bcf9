//! Tags, numbers and lengths, with the words of Go's generated code for what is wrong with them.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    Varint,
    Fixed64,
    Bytes,
    Group,
    Fixed32,
}

impl Wire {
    fn number(self) -> u8 {
        match self {
            Self::Varint => 0,
            Self::Fixed64 => 1,
            Self::Bytes => 2,
            Self::Group => 3,
            Self::Fixed32 => 5,
        }
    }

    pub(super) fn wrong(self, field: &str) -> String {
        format!("proto: wrong wireType = {} for field {field}", self.number())
    }
}

const CUT: &str = "unexpected EOF";

pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    /// The next field's number and form; `None` at the end.
    pub(super) fn tag(&mut self, message: &str) -> Result<Option<(u32, Wire)>, String> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let form = tag & 7;
        let number = i32::try_from(tag >> 3).unwrap_or(0);
        if form == 4 {
            return Err(format!("proto: {message}: wiretype end group for non-group"));
        }
        let Some(number) = u32::try_from(number).ok().filter(|number| *number > 0) else {
            return Err(format!("proto: {message}: illegal tag {number} (wire type {tag})"));
        };
        let wire = match form {
            0 => Wire::Varint,
            1 => Wire::Fixed64,
            2 => Wire::Bytes,
            3 => Wire::Group,
            5 => Wire::Fixed32,
            other => return Err(format!("proto: illegal wireType {other}")),
        };
        Ok(Some((number, wire)))
    }

    pub(super) fn varint(&mut self) -> Result<u64, String> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(CUT)?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if *byte < 0x80 {
                return Ok(value);
            }
        }
        Err("proto: integer overflow".to_owned())
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], String> {
        let length = self.varint()?;
        if length > i64::MAX.unsigned_abs() {
            return Err("proto: negative length found during unmarshaling".to_owned());
        }
        self.take(usize::try_from(length).unwrap_or(usize::MAX))
    }

    pub(super) fn text(&mut self) -> Result<String, String> {
        Ok(String::from_utf8_lossy(self.bytes()?).into_owned())
    }

    pub(super) fn fixed64(&mut self) -> Result<u64, String> {
        let bytes = self.take(8)?;
        Ok(bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(CUT)?;
        self.0 = rest;
        Ok(taken)
    }

    /// Reads over a field that is not known.
    pub(super) fn skip(&mut self, wire: Wire) -> Result<(), String> {
        // Groups nest; only how many are open matters.
        let mut open = 0_usize;
        let mut wire = Some(wire);
        loop {
            match wire {
                Some(Wire::Varint) => drop(self.varint()?),
                Some(Wire::Fixed64) => drop(self.take(8)?),
                Some(Wire::Bytes) => drop(self.bytes()?),
                Some(Wire::Fixed32) => drop(self.take(4)?),
                Some(Wire::Group) => open += 1,
                None => open -= 1,
            }
            if open == 0 {
                return Ok(());
            }
            wire = match self.varint()? & 7 {
                0 => Some(Wire::Varint),
                1 => Some(Wire::Fixed64),
                2 => Some(Wire::Bytes),
                3 => Some(Wire::Group),
                4 => None,
                5 => Some(Wire::Fixed32),
                other => return Err(format!("proto: illegal wireType {other}")),
            };
        }
    }
}

#[derive(Default)]
pub(crate) struct Writer(pub Vec<u8>);

impl Writer {
    fn tag(&mut self, number: u32, wire: Wire) {
        self.varint(u64::from(number << 3) | u64::from(wire.number()));
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.0.push(value.to_le_bytes()[0]);
    }

    pub(crate) fn int(&mut self, number: u32, value: i64) {
        self.tag(number, Wire::Varint);
        self.varint(value.cast_unsigned());
    }

    pub(crate) fn bytes(&mut self, number: u32, bytes: &[u8]) {
        self.tag(number, Wire::Bytes);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn string(&mut self, number: u32, text: &str) {
        self.bytes(number, text.as_bytes());
    }

    pub(crate) fn double(&mut self, number: u32, value: f64) {
        self.tag(number, Wire::Fixed64);
        self.0.extend_from_slice(&value.to_le_bytes());
    }
}
