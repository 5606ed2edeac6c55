//! JSON written at compile time, into an array of known size. It knows JSON only, no schema.

/// A writer of JSON that runs in constants.
///
/// With `N = 0` it only counts, which gives the `N` of the second run.
#[derive(Debug)]
pub(crate) struct Json<const N: usize> {
    bytes: [u8; N],
    len: usize,
    last: u8,
}

impl<const N: usize> Json<N> {
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; N], len: 0, last: 0 }
    }

    /// How many bytes were written, also those for which there was no room.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) const fn into_bytes(self) -> [u8; N] {
        assert!(self.len == N, "the array has the size that was counted");
        self.bytes
    }

    /// Writes `text` as it is.
    pub(crate) const fn raw(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            self.byte(bytes[at]);
            at += 1;
        }
    }

    /// Writes `text` as a JSON string.
    pub(crate) const fn text(&mut self, text: &str) {
        self.byte(b'"');
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let (escaped, len) = escape(bytes[at]);
            let mut part = 0;
            while part < len {
                self.byte(escaped[part]);
                part += 1;
            }
            at += 1;
        }
        self.byte(b'"');
    }

    pub(crate) const fn number(&mut self, number: u16) {
        if number >= 10 {
            self.number(number / 10);
        }
        self.byte(b'0' + (number % 10) as u8);
    }

    /// Separates the next item or pair from the one before it, if there is one.
    pub(crate) const fn comma(&mut self) {
        if self.last != b'{' && self.last != b'[' {
            self.byte(b',');
        }
    }

    /// Writes the key of the next pair.
    pub(crate) const fn key(&mut self, key: &str) {
        self.comma();
        self.text(key);
        self.byte(b':');
    }

    /// Writes a pair of texts.
    pub(crate) const fn pair(&mut self, key: &str, value: &str) {
        self.key(key);
        self.text(value);
    }

    /// Writes a list of texts.
    pub(crate) const fn texts(&mut self, texts: &[&str]) {
        self.byte(b'[');
        let mut at = 0;
        while at < texts.len() {
            self.comma();
            self.text(texts[at]);
            at += 1;
        }
        self.byte(b']');
    }

    const fn byte(&mut self, byte: u8) {
        if self.len < N {
            self.bytes[self.len] = byte;
        }
        self.len += 1;
        self.last = byte;
    }
}

/// How `byte` stands inside a JSON string: the bytes, and how many of them count.
const fn escape(byte: u8) -> ([u8; 6], usize) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match byte {
        b'"' | b'\\' => ([b'\\', byte, 0, 0, 0, 0], 2),
        b'\n' => (*b"\\n\0\0\0\0", 2),
        0..0x20 => {
            let (high, low) = (HEX[(byte >> 4) as usize], HEX[(byte & 15) as usize]);
            ([b'\\', b'u', b'0', b'0', high, low], 6)
        }
        _ => ([byte, 0, 0, 0, 0, 0], 1),
    }
}

/// Appends `text` as a JSON string, at run time.
pub(crate) fn push_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        let (escaped, len) = escape(byte);
        out.extend_from_slice(&escaped[..len]);
    }
    out.push(b'"');
}

/// The value at `key` of an object without objects inside, as it is written; none for `null`.
pub(crate) fn find<'j>(object: &'j str, key: &str) -> Option<&'j str> {
    let value = object.split_once(&format!("\"{key}\":"))?.1.trim_start();
    let mut escaped = false;
    let mut inside = false;
    let end = value.find(|letter| {
        let quote = letter == '"' && !escaped;
        inside ^= quote;
        escaped = letter == '\\' && !escaped;
        !inside && !quote && matches!(letter, ',' | '}')
    });
    Some(value[..end.unwrap_or(value.len())].trim_end()).filter(|value| *value != "null")
}

/// The text at `key` of such an object.
pub(crate) fn find_text(object: &str, key: &str) -> Option<String> {
    let quoted = find(object, key)?.strip_prefix('"')?.strip_suffix('"')?;
    let (mut text, mut letters) = (String::new(), quoted.chars());
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            text.push(letter);
            continue;
        }
        text.push(match letters.next()? {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'u' => {
                let code: String = letters.by_ref().take(4).collect();
                char::from_u32(u32::from_str_radix(&code, 16).ok()?)?
            }
            other => other,
        });
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_as_json_wants_it() {
        let text = "\"quoted\" back\\slash\nnew\ttab \u{1} ünï";
        let mut out = Vec::new();
        push_text(&mut out, text);
        assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
    }

    #[test]
    fn what_the_host_wrote_is_found() {
        let hint = "a \"quoted\" \\ \n \u{1} ünï, \"kind\":\"x\"";
        let object = serde_json::json!({
            "hint": hint, "kind": "not_found", "plugin": null, "retry_after": 1.5,
        });
        let object = object.to_string();
        assert_eq!(find_text(&object, "hint").as_deref(), Some(hint));
        assert_eq!(find_text(&object, "kind").as_deref(), Some("not_found"));
        assert_eq!(find_text(&object, "plugin"), None);
        assert_eq!(find(&object, "retry_after"), Some("1.5"));
        assert_eq!(find(&object, "path"), None);
    }

    #[test]
    fn counting_and_writing_agree() {
        const fn write<const N: usize>() -> Json<N> {
            let mut json = Json::new();
            json.raw("{");
            json.pair("a", "b\n");
            json.key("n");
            json.number(6053);
            json.raw("}");
            json
        }
        const LEN: usize = write::<0>().len();
        const BYTES: [u8; LEN] = write::<LEN>().into_bytes();
        assert_eq!(&BYTES, br#"{"a":"b\n","n":6053}"#);
    }
}
