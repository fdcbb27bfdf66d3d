//! Percent-encoding, as signatures and the wire want it.

/// How a space and what is reserved are written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Encoding {
    /// What signatures are computed over: a space is `%20`.
    Rfc3986,
    /// What a form body carries: a space is `+`.
    Form,
}

/// A query or a form.
pub(crate) fn encode_pairs(pairs: &[(&str, &str)], encoding: Encoding) -> Vec<u8> {
    let length = pairs.iter().map(|(name, value)| name.len() + value.len() + 2).sum::<usize>();
    let mut out = Vec::with_capacity(length + length / 4);
    for (index, (name, value)) in pairs.iter().enumerate() {
        if index > 0 {
            out.push(b'&');
        }
        encode(&mut out, name.as_bytes(), encoding);
        out.push(b'=');
        encode(&mut out, value.as_bytes(), encoding);
    }
    out
}

/// What a percent-encoding keeps as it is: `A-Z a-z 0-9 - _ . ~`.
const UNRESERVED: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
        if byte == u8::MAX {
            break table;
        }
        byte += 1;
    }
};

/// Whether nothing in a text needs an escape, as in all names and most values. Looks at every byte, so that no branch
/// depends on them: on short texts this costs less than a search that stops early and is mispredicted.
fn is_plain(input: &[u8]) -> bool {
    input.iter().fold(true, |plain, byte| plain & UNRESERVED[usize::from(*byte)])
}

/// Splits a text into runs of bytes that are kept, each with the byte behind it that is not.
fn runs(input: &[u8]) -> impl Iterator<Item = (&[u8], Option<u8>)> {
    let mut rest = Some(input);
    std::iter::from_fn(move || {
        let input = rest?;
        match input.iter().position(|byte| !UNRESERVED[usize::from(*byte)]) {
            Some(end) => {
                rest = Some(&input[end + 1..]);
                Some((&input[..end], Some(input[end])))
            }
            None => {
                rest = None;
                Some((input, None))
            }
        }
    })
}

/// The two digits of an escape.
fn digits(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]
}

/// Percent-encodes a text, copying whole runs of what stays.
#[inline]
pub(crate) fn encode(out: &mut Vec<u8>, input: &[u8], encoding: Encoding) {
    if is_plain(input) {
        return out.extend_from_slice(input);
    }
    for (run, escaped) in runs(input) {
        out.extend_from_slice(run);
        match (escaped, encoding) {
            (None, _) => {}
            (Some(b' '), Encoding::Form) => out.push(b'+'),
            (Some(byte), Encoding::Form | Encoding::Rfc3986) => {
                let [high, low] = digits(byte);
                out.extend_from_slice(&[b'%', high, low]);
            }
        }
    }
}

/// Percent-encodes a text into one output, and that encoding once more into another.
#[inline]
pub(crate) fn encode_twice(once: &mut Vec<u8>, twice: &mut Vec<u8>, input: &[u8]) {
    if is_plain(input) {
        once.extend_from_slice(input);
        twice.extend_from_slice(input);
        return;
    }
    for (run, escaped) in runs(input) {
        once.extend_from_slice(run);
        twice.extend_from_slice(run);
        if let Some(byte) = escaped {
            let [high, low] = digits(byte);
            once.extend_from_slice(&[b'%', high, low]);
            twice.extend_from_slice(&[b'%', b'2', b'5', high, low]);
        }
    }
}

/// What was encoded.
pub(crate) fn text(ascii: Vec<u8>) -> String {
    String::from_utf8(ascii).expect("encoders emit ASCII only")
}

/// Percent-encodes a text as signatures do.
#[cfg(test)]
pub(crate) fn percent_encode(plain: &str) -> String {
    let mut out = Vec::with_capacity(plain.len());
    encode(&mut out, plain.as_bytes(), Encoding::Rfc3986);
    text(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::decode;

    proptest::proptest! {
        #[test]
        fn any_text_survives_the_wire(value in ".*") {
            for encoding in [Encoding::Rfc3986, Encoding::Form] {
                let encoded = text(encode_pairs(&[("Key", &value)], encoding));
                proptest::prop_assert_eq!(&decode(&encoded)["Key"], &value);
            }
        }

        #[test]
        fn encoding_twice_is_encoding_the_encoded(value in ".*") {
            let (mut once, mut twice) = (Vec::new(), Vec::new());
            encode_twice(&mut once, &mut twice, value.as_bytes());
            proptest::prop_assert_eq!(text(once), percent_encode(&value));
            proptest::prop_assert_eq!(text(twice), percent_encode(&percent_encode(&value)));
        }
    }
}
