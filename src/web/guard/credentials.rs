//! Name and password as a request brings them (RFC 7617).

use axum::http::HeaderValue;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// What a client says it is. Bytes, in whatever character set it likes.
pub(in crate::web) struct Credentials {
    pub(in crate::web) name: Vec<u8>,
    pub(in crate::web) password: Vec<u8>,
}

impl Credentials {
    /// Those of a header `Authorization`, if they are of the kind Basic and well-formed.
    pub(in crate::web) fn of(header: &HeaderValue) -> Option<Self> {
        const SCHEME: &[u8] = b"Basic ";
        let (scheme, encoded) = header.as_bytes().split_at_checked(SCHEME.len())?;
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return None;
        }
        let mut name = BASE64_STANDARD.decode(encoded.trim_ascii()).ok()?;
        let at = name.iter().position(|byte| *byte == b':')?;
        let password = name.split_off(at + 1);
        name.truncate(at);
        Some(Self { name, password })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        let header = HeaderValue::from_bytes(text).unwrap();
        Credentials::of(&header).map(|Credentials { name, password }| (name, password))
    }

    #[test]
    fn a_password_may_be_anything_and_a_name_ends_at_the_first_colon() {
        let header = |text: &[u8]| [b"bAsIc ", BASE64_STANDARD.encode(text).as_bytes()].concat();
        for (text, name, password) in [
            (&b"a:b"[..], &b"a"[..], &b"b"[..]),
            (b":", b"", b""),
            (b"a:b:c", b"a", b"b:c"),
            (b"\xff:\0\xfe", b"\xff", b"\0\xfe"),
        ] {
            assert_eq!(of(&header(text)), Some((name.to_vec(), password.to_vec())));
        }
        assert_eq!(of(&header(b"no colon")), None);
    }

    #[test]
    fn other_headers_are_no_credentials() {
        for text in [
            &b""[..],
            b"Basic",
            b"Basic ",
            b"Basic %",
            b"Basic YQ",
            b"Bearer YTpi",
            b"YTpi",
            b"\xff\xff\xff\xff\xff\xff",
        ] {
            assert_eq!(of(text), None, "{text:?}");
        }
    }
}
