//! Signatures: (request, credential, time, nonce) to what goes on the wire. Pure: no clock, no randomness, no network.
//!
//! Both schemes of the cloud are here: the RPC signature 1.0 ([`Scheme::V1`], HMAC-SHA1 over all parameters) and
//! ACS3-HMAC-SHA256 ([`Scheme::V3`], over parameters, body and headers). `testdata/sign` holds every stage of every case.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use jiff::tz::Offset;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use crate::key::Credential;
use crate::percent::{Encoding, encode, encode_pairs, encode_twice, text};

/// SHA-256 of nothing: what ACS3 wants as the hash of an absent body.
const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const FORM: &str = "application/x-www-form-urlencoded";
const ACS3: &str = "ACS3-HMAC-SHA256";

/// The two signatures that Alibaba Cloud's RPC products understand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// RPC signature 1.0, HMAC-SHA1 over the union of query and form. The only one that private clouds understand.
    V1,
    /// ACS3-HMAC-SHA256, in headers. What the public cloud's current documentation describes.
    #[default]
    V3,
}

/// What is to be signed. Parameters are flattened already (`Tag.1.Key`); what a signature adds by itself is left out.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// `GET` or `POST`.
    pub method: &'a str,
    /// Host, with the port if it is not the scheme's own: as the `Host` header will carry it.
    pub host: &'a str,
    /// The action's name, e.g. `CreateImage`.
    pub action: &'a str,
    /// The product's version, e.g. `2014-05-26`.
    pub version: &'a str,
    /// Parameters that go into the query.
    pub query: &'a [(String, String)],
    /// Parameters that go into the form body.
    pub form: &'a [(String, String)],
    /// Headers to be signed as well (V3) or only sent (V1). Names in lower case.
    pub headers: &'a [(&'a str, &'a str)],
}

/// What must go on the wire. Nothing in it may be changed afterwards.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Signed {
    /// Encoded query, without the `?`; may be empty.
    pub query: String,
    /// Encoded form body; may be empty.
    pub body: String,
    /// Headers to send, names in lower case, `host` among them for V3.
    pub headers: Vec<(Cow<'static, str>, String)>,
}

impl fmt::Debug for Signed {
    /// Parameters and headers can hold a token: only their sizes are shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (query, body, headers) = (self.query.len(), self.body.len(), self.headers.len());
        write!(f, "Signed {{ query: {query} bytes, body: {body} bytes, headers: {headers} }}")
    }
}

/// A signature's stages, for tests and for people who compare them with a server's answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Stages {
    /// The canonical query (V1) or the canonical request (V3).
    pub canonical: String,
    /// What the HMAC is taken of.
    pub string_to_sign: String,
    /// The signature, base64 (V1) or hexadecimal (V3).
    pub signature: String,
}

impl fmt::Debug for Stages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stages { .. }")
    }
}

/// Signs a request, or lays it out unsigned if there is no credential, as the cloud's anonymous calls want it.
pub fn sign(
    scheme: Scheme,
    request: &Request<'_>,
    credential: Option<&Credential>,
    time: Timestamp,
    nonce: &str,
) -> Signed {
    match scheme {
        Scheme::V1 => sign_v1(request, credential, &format_time(time), nonce).0,
        Scheme::V3 => sign_v3(request, credential, &format_time(time), nonce).0,
    }
}

/// The stages of the signature that [`sign`] makes of the same.
pub fn stages(
    scheme: Scheme,
    request: &Request<'_>,
    credential: &Credential,
    time: Timestamp,
    nonce: &str,
) -> Stages {
    let time = format_time(time);
    match scheme {
        Scheme::V1 => {
            let (_, string_to_sign, signature) = sign_v1(request, Some(credential), &time, nonce);
            let string_to_sign = text(string_to_sign);
            // It is never spelled out on its own, but nothing of it is lost either.
            let (_, encoded) = string_to_sign.rsplit_once('&').unwrap_or_default();
            let canonical = encoded.replace("%26", "&").replace("%3D", "=").replace("%25", "%");
            Stages { canonical, string_to_sign, signature }
        }
        Scheme::V3 => {
            let (_, [canonical, string_to_sign], signature) =
                sign_v3(request, Some(credential), &time, nonce);
            Stages { canonical: text(canonical), string_to_sign: text(string_to_sign), signature }
        }
    }
}

/// The part of a request that carries a parameter of V1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Query,
    Body,
}

/// The request, the string to sign, and the signature, which is empty without a credential.
fn sign_v1(
    request: &Request<'_>,
    credential: Option<&Credential>,
    time: &str,
    nonce: &str,
) -> (Signed, Vec<u8>, String) {
    let mut params: Vec<(&str, &str, Part)> =
        Vec::with_capacity(8 + request.query.len() + request.form.len());
    // Nearly in their order already, which is what makes sorting them cheap.
    if let Some(credential) = credential {
        params.push(("AccessKeyId", &credential.access_key_id, Part::Query));
    }
    params.push(("Action", request.action, Part::Query));
    params.extend(pairs(request.query).map(|(name, value)| (name, value, Part::Query)));
    params.extend(pairs(request.form).map(|(name, value)| (name, value, Part::Body)));
    if let Some(credential) = credential {
        if let Some(token) = &credential.security_token {
            // In the body if there is one: no access log picks it up there.
            let part = if request.form.is_empty() { Part::Query } else { Part::Body };
            params.push(("SecurityToken", token, part));
        }
        params.push(("SignatureMethod", "HMAC-SHA1", Part::Query));
    }
    params.push(("SignatureNonce", nonce, Part::Query));
    if credential.is_some() {
        params.push(("SignatureVersion", "1.0", Part::Query));
    }
    params.push(("Timestamp", time, Part::Query));
    params.push(("Version", request.version, Part::Query));
    params.sort_unstable();

    // One encoding serves the signature and the wire; a form may spell a space %20 as well as +.
    let length = params.iter().map(|(name, value, _)| name.len() + value.len() + 2).sum::<usize>();
    let (mut query, mut body) = (Vec::with_capacity(length + 64), Vec::with_capacity(length));
    // The canonical query is all parameters in their order; it is written as its encoding only.
    let mut string_to_sign = Vec::with_capacity(length * 2);
    string_to_sign.extend_from_slice(request.method.as_bytes());
    string_to_sign.extend_from_slice(b"&%2F&");
    for (index, (name, value, part)) in params.into_iter().enumerate() {
        let sent = match part {
            Part::Query => &mut query,
            Part::Body => &mut body,
        };
        if !sent.is_empty() {
            sent.push(b'&');
        }
        if index > 0 {
            string_to_sign.extend_from_slice(b"%26");
        }
        encode_twice(sent, &mut string_to_sign, name.as_bytes());
        sent.push(b'=');
        string_to_sign.extend_from_slice(b"%3D");
        encode_twice(sent, &mut string_to_sign, value.as_bytes());
    }

    let mut signature = String::new();
    if let Some(credential) = credential {
        signature = hmac_sha1(&credential.access_key_secret, &string_to_sign);
        query.extend_from_slice(b"&Signature=");
        encode(&mut query, signature.as_bytes(), Encoding::Rfc3986);
    }

    let mut headers = Vec::with_capacity(request.headers.len() + 8);
    for (name, value) in request.headers {
        headers.push((Cow::Owned((*name).to_owned()), (*value).to_owned()));
    }
    if !body.is_empty() {
        headers.push((Cow::Borrowed("content-type"), FORM.to_owned()));
    }
    // Unsigned, yet the gateways' logs and some private clouds' routing go by them; the official SDKs send them too.
    headers.push((Cow::Borrowed("x-acs-action"), request.action.to_owned()));
    headers.push((Cow::Borrowed("x-acs-version"), request.version.to_owned()));
    let signed = Signed { query: text(query), body: text(body), headers };
    (signed, string_to_sign, signature)
}

/// The request, the canonical request and the string to sign, and the signature; these are empty without a credential.
fn sign_v3(
    request: &Request<'_>,
    credential: Option<&Credential>,
    time: &str,
    nonce: &str,
) -> (Signed, [Vec<u8>; 2], String) {
    let sorted = |params| {
        let mut pairs: Vec<(&str, &str)> = pairs(params).collect();
        pairs.sort_unstable();
        pairs
    };
    let query = encode_pairs(&sorted(request.query), Encoding::Rfc3986);
    let body = encode_pairs(&sorted(request.form), Encoding::Form);
    let body_hash =
        if body.is_empty() { EMPTY_SHA256.to_owned() } else { text(hex(&Sha256::digest(&body)).to_vec()) };

    let mut headers: Vec<(Cow<'static, str>, &str)> = Vec::with_capacity(12);
    let mut header = |name, value| headers.push((Cow::Borrowed(name), value));
    // In the order that they are signed in, so that there is nothing to sort but what the caller adds.
    if !body.is_empty() {
        header("content-type", FORM);
    }
    header("host", request.host);
    let temporary = credential.filter(|credential| credential.security_token.is_some());
    if let Some(credential) = temporary {
        header("x-acs-accesskey-id", &credential.access_key_id);
    }
    header("x-acs-action", request.action);
    header("x-acs-content-sha256", &body_hash);
    header("x-acs-date", time);
    if let Some(token) = temporary.and_then(|credential| credential.security_token.as_deref()) {
        header("x-acs-security-token", token);
    }
    header("x-acs-signature-nonce", nonce);
    header("x-acs-version", request.version);
    if !request.headers.is_empty() {
        headers.extend(request.headers.iter().map(|(name, value)| (Cow::Owned((*name).to_owned()), *value)));
        headers.sort_unstable();
    }

    let (mut canonical, mut string_to_sign, mut signature) = (Vec::new(), Vec::new(), String::new());
    let mut sent = Vec::with_capacity(headers.len() + 4);
    if let Some(credential) = credential {
        let mut names = Vec::with_capacity(160);
        canonical.reserve(640 + query.len());
        for part in [request.method.as_bytes(), b"\n/\n", &query, b"\n"] {
            canonical.extend_from_slice(part);
        }
        for (name, value) in &headers {
            for part in [name.as_bytes(), b":", value.trim().as_bytes(), b"\n"] {
                canonical.extend_from_slice(part);
            }
            names.extend_from_slice(name.as_bytes());
            names.push(b';');
        }
        names.pop();
        for part in [b"\n".as_slice(), &names, b"\n", body_hash.as_bytes()] {
            canonical.extend_from_slice(part);
        }
        string_to_sign.reserve(ACS3.len() + 65);
        string_to_sign.extend_from_slice(ACS3.as_bytes());
        string_to_sign.push(b'\n');
        string_to_sign.extend_from_slice(&hex(&Sha256::digest(&canonical)));
        signature = hmac_sha256(&credential.access_key_secret, &string_to_sign);
        let names = text(names);
        let parts = [
            ACS3,
            " Credential=",
            &credential.access_key_id,
            ",SignedHeaders=",
            &names,
            ",Signature=",
            &signature,
        ];
        sent.push((Cow::Borrowed("authorization"), parts.concat()));
    }
    sent.extend(headers.into_iter().map(|(name, value)| (name, value.to_owned())));
    let signed = Signed { query: text(query), body: text(body), headers: sent };
    (signed, [canonical, string_to_sign], signature)
}

/// The cloud's time format, `yyyy-MM-ddTHH:mm:ssZ`: UTC, no fractions (they are refused as `InvalidTimeStamp.Format`).
pub fn format_time(time: Timestamp) -> String {
    let time = Offset::UTC.to_datetime(time);
    let mut out = *b"0000-00-00T00:00:00Z";
    let mut put = |at: usize, number: u16| {
        out[at] += (number / 10 % 10) as u8;
        out[at + 1] += (number % 10) as u8;
    };
    let year = time.year().unsigned_abs();
    put(0, year / 100);
    put(2, year % 100);
    put(5, time.month().unsigned_abs().into());
    put(8, time.day().unsigned_abs().into());
    put(11, time.hour().unsigned_abs().into());
    put(14, time.minute().unsigned_abs().into());
    put(17, time.second().unsigned_abs().into());
    text(out.to_vec())
}

fn pairs(params: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    params.iter().map(|(name, value)| (name.as_str(), value.as_str()))
}

fn hmac_sha1(secret: &str, message: &[u8]) -> String {
    let mut key = Vec::with_capacity(secret.len() + 1);
    key.extend_from_slice(secret.as_bytes());
    key.push(b'&');
    let mut mac = Hmac::<Sha1>::new_from_slice(&key).expect("HMAC takes a key of any length");
    mac.update(message);
    BASE64.encode(mac.finalize().into_bytes())
}

fn hmac_sha256(secret: &str, message: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(message);
    text(hex(&mac.finalize().into_bytes()).to_vec())
}

/// The hexadecimal spelling of a SHA-256 digest.
fn hex(digest: &[u8]) -> [u8; 64] {
    let digit = |nibble: u8| nibble + if nibble < 10 { b'0' } else { b'a' - 10 };
    let mut out = [0; 64];
    for (pair, byte) in out.chunks_exact_mut(2).zip(digest) {
        pair[0] = digit(byte >> 4);
        pair[1] = digit(byte & 15);
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::{Path, PathBuf};

    use serde::Deserialize;

    use super::*;
    use crate::testing::decode;

    #[derive(Deserialize)]
    struct Case {
        scheme: String,
        method: String,
        host: String,
        action: String,
        version: String,
        query: BTreeMap<String, String>,
        form: BTreeMap<String, String>,
        #[serde(default)]
        headers: BTreeMap<String, String>,
        anonymous: bool,
        access_key_id: String,
        access_key_secret: Option<String>,
        security_token: Option<String>,
        timestamp: String,
        nonce: String,
    }

    fn cases() -> Vec<(String, PathBuf, Case)> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/sign");
        let mut cases = Vec::new();
        for entry in fs::read_dir(root).expect("the vectors") {
            let path = entry.expect("a folder").path();
            if path.is_dir() {
                let request = fs::read_to_string(path.join("request.json")).expect("request.json");
                let name = path.file_name().expect("a name").to_string_lossy().into_owned();
                let case = serde_json::from_str(&request).unwrap_or_else(|error| panic!("{name}: {error}"));
                cases.push((name, path, case));
            }
        }
        cases
    }

    fn run(case: &Case) -> (Signed, Option<Stages>) {
        let credential = (!case.anonymous).then(|| Credential {
            access_key_id: case.access_key_id.clone(),
            access_key_secret: case.access_key_secret.clone().expect("a secret"),
            security_token: case.security_token.clone(),
            ..Credential::default()
        });
        let query: Vec<_> = case.query.clone().into_iter().collect();
        let form: Vec<_> = case.form.clone().into_iter().collect();
        let headers: Vec<_> =
            case.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let request = Request {
            method: &case.method,
            host: &case.host,
            action: &case.action,
            version: &case.version,
            query: &query,
            form: &form,
            headers: &headers,
        };
        let time = case.timestamp.parse().expect("a time");
        let scheme = if case.scheme == "v1" { Scheme::V1 } else { Scheme::V3 };
        let signed = sign(scheme, &request, credential.as_ref(), time, &case.nonce);
        let stages = credential.map(|credential| stages(scheme, &request, &credential, time, &case.nonce));
        (signed, stages)
    }

    #[test]
    fn every_signed_vector_agrees_at_every_stage() {
        let mut passed = 0;
        for (name, path, case) in cases().into_iter().filter(|(_, _, case)| !case.anonymous) {
            let expected = |stage: &str| fs::read_to_string(path.join(stage)).expect(stage);
            let (signed, stages) = run(&case);
            let stages = stages.expect("signed");
            assert_eq!(stages.canonical, expected("canonical"), "{name}: canonical");
            assert_eq!(stages.string_to_sign, expected("string-to-sign"), "{name}: string to sign");
            assert_eq!(stages.signature, expected("signature"), "{name}: signature");
            if case.scheme == "v3" {
                let headers: BTreeMap<_, _> = signed.headers.into_iter().collect();
                assert_eq!(headers["authorization"], expected("authorization"), "{name}");
                assert_eq!(signed.body, expected("body"), "{name}: body");
                let signed_headers: BTreeMap<String, String> =
                    serde_json::from_str(&expected("signed-headers.json")).expect("JSON");
                for (header, value) in signed_headers {
                    assert_eq!(headers[header.as_str()], value, "{name}: {header}");
                }
            } else {
                assert_eq!(decode(&signed.query)["Signature"], stages.signature, "{name}: in the query");
            }
            passed += 1;
        }
        assert_eq!(passed, 39, "20 of V1, 16 of V3, 3 of these once more with every header signed");
    }

    #[test]
    fn anonymous_vectors_carry_no_key_and_no_signature() {
        let mut passed = 0;
        for (name, path, case) in cases().into_iter().filter(|(_, _, case)| case.anonymous) {
            #[derive(Deserialize)]
            struct Sent {
                query: BTreeMap<String, String>,
                headers: BTreeMap<String, String>,
            }
            let sent = fs::read_to_string(path.join("sent.json")).expect("sent.json");
            let sent: Sent = serde_json::from_str(&sent).expect("JSON");
            let (signed, _) = run(&case);
            assert_eq!(decode(&signed.query), sent.query, "{name}");
            let headers: BTreeMap<_, _> = signed.headers.into_iter().collect();
            for (header, value) in &headers {
                assert_eq!(sent.headers.get(header.as_ref()), Some(value), "{name}: {header}");
            }
            assert!(!headers.contains_key("authorization"), "{name}");
            passed += 1;
        }
        assert_eq!(passed, 2);
    }

    #[test]
    fn v1_puts_the_token_into_the_body_if_there_is_one() {
        let mut cases = cases();
        let (_, _, case) = cases.iter_mut().find(|(name, ..)| name == "v1-untag-sts").expect("the case");
        assert!(decode(&run(case).0.query).contains_key("SecurityToken"));
        case.form = std::mem::take(&mut case.query);
        let (signed, _) = run(case);
        assert!(decode(&signed.body).contains_key("SecurityToken"));
        assert!(!decode(&signed.query).contains_key("SecurityToken"));
    }

    #[test]
    fn times_carry_no_fraction() {
        let time: Timestamp = "2026-01-02T03:04:05.678Z".parse().expect("a time");
        assert_eq!(format_time(time), "2026-01-02T03:04:05Z");
    }
}
