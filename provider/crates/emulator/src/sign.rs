//! The three signature methods as pure functions. `access.rs` decides who may sign, and when.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// Everything is escaped but letters, digits and `-_.~`.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// `k=v&k=v`, sorted by name, each part escaped.
fn canonical_query<'a>(pairs: impl IntoIterator<Item = &'a (String, String)>) -> String {
    let mut pairs: Vec<&(String, String)> = pairs.into_iter().collect();
    pairs.sort();
    let joined: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    joined.join("&")
}

/// Version 1: `METHOD&%2F&…` over every parameter of query and form but the signature itself.
pub(crate) fn v1_string_to_sign(method: &str, pairs: &[(String, String)]) -> String {
    let query = canonical_query(pairs.iter().filter(|(name, _)| name != "Signature"));
    format!("{method}&%2F&{}", encode(&query))
}

pub(crate) fn v1_signature(secret: &str, string_to_sign: &str) -> String {
    STANDARD.encode(hmac_sha1(format!("{secret}&").as_bytes(), string_to_sign.as_bytes()))
}

fn hmac_sha1(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

/// What version 3 signs. `headers` are those that SignedHeaders lists, in lower case and in its order.
#[derive(Debug)]
pub(crate) struct V3<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a [(String, String)],
    pub(crate) headers: &'a [(String, String)],
    pub(crate) body: &'a [u8],
}

impl V3<'_> {
    pub(crate) fn canonical_request(&self) -> String {
        let query = canonical_query(self.query);
        let mut headers: Vec<&(String, String)> = self.headers.iter().collect();
        headers.sort();
        let lines: String =
            headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
        let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        let body = hex::encode(Sha256::digest(self.body));
        format!("{}\n{}\n{query}\n{lines}\n{}\n{body}", self.method, self.path, names.join(";"))
    }
}

pub(crate) fn v3_string_to_sign(canonical_request: &str) -> String {
    format!("ACS3-HMAC-SHA256\n{}", hex::encode(Sha256::digest(canonical_request)))
}

pub(crate) fn v3_signature(secret: &str, string_to_sign: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(string_to_sign.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

/// What version 1 of OSS signs of a query.
const OSS_SUBRESOURCES: &[&str] = &[
    "acl",
    "append",
    "bucketInfo",
    "continuation-token",
    "delete",
    "lifecycle",
    "location",
    "logging",
    "objectMeta",
    "partNumber",
    "policy",
    "position",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "security-token",
    "stat",
    "symlink",
    "tagging",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
    "x-oss-process",
];

/// A request to OSS. Nothing in it is percent-encoded. `headers` are in lower case; those that are not signed are passed
/// over.
#[derive(Debug)]
pub(crate) struct OssV1<'a> {
    pub(crate) method: &'a str,
    pub(crate) headers: &'a [(String, String)],
    pub(crate) bucket: &'a str,
    pub(crate) object: &'a str,
    pub(crate) query: &'a [(String, String)],
}

impl OssV1<'_> {
    pub(crate) fn string_to_sign(&self) -> String {
        let header = |name: &str| {
            self.headers.iter().find(|(has, _)| has == name).map_or("", |(_, value)| value.as_str())
        };
        let date =
            Some(header("x-oss-date")).filter(|date| !date.is_empty()).unwrap_or_else(|| header("date"));
        let mut own: Vec<&(String, String)> =
            self.headers.iter().filter(|(name, _)| name.starts_with("x-oss-")).collect();
        own.sort();
        let own: String = own.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let mut query: Vec<&(String, String)> =
            self.query.iter().filter(|(name, _)| OSS_SUBRESOURCES.contains(&name.as_str())).collect();
        query.sort();
        let query: Vec<String> = query
            .iter()
            .map(|(name, value)| if value.is_empty() { name.clone() } else { format!("{name}={value}") })
            .collect();
        let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        let resource = match self.bucket {
            "" => format!("/{query}"),
            bucket => format!("/{bucket}/{}{query}", self.object),
        };
        let (md5, kind) = (header("content-md5"), header("content-type"));
        format!("{}\n{md5}\n{kind}\n{date}\n{own}{resource}", self.method)
    }
}

/// The key is the secret alone, unlike that of RPC.
pub(crate) fn oss_v1_signature(secret: &str, string_to_sign: &str) -> String {
    STANDARD.encode(hmac_sha1(secret.as_bytes(), string_to_sign.as_bytes()))
}

/// The `Authorization` header of version 3.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Authorization {
    pub(crate) key_id: String,
    pub(crate) signed_headers: Vec<String>,
    pub(crate) signature: String,
}

impl Authorization {
    pub(crate) const SCHEME: &str = "ACS3-HMAC-SHA256";

    pub(crate) fn parse(header: &str) -> Option<Authorization> {
        let rest = header.strip_prefix(Self::SCHEME)?.strip_prefix(' ')?;
        let (mut key_id, mut signed_headers, mut signature) = (None, None, None);
        for part in rest.split(',') {
            match part.trim().split_once('=')? {
                ("Credential", value) => key_id = Some(value.to_owned()),
                ("SignedHeaders", value) => {
                    signed_headers = Some(value.split(';').map(str::to_ascii_lowercase).collect());
                }
                ("Signature", value) => signature = Some(value.to_owned()),
                _ => return None,
            }
        }
        Some(Authorization { key_id: key_id?, signed_headers: signed_headers?, signature: signature? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn vectors(scheme: &str) -> Vec<Value> {
        let file: Value = serde_json::from_str(include_str!("../testdata/signing-vectors.json"))
            .expect("the vectors are JSON");
        let all = file["vectors"].as_array().expect("a list").clone();
        all.into_iter().filter(|v| v["scheme"] == scheme && v["signed"] == true).collect()
    }

    fn pairs(object: &Value) -> Vec<(String, String)> {
        let members = object.as_object().expect("an object");
        members.iter().map(|(k, v)| (k.clone(), v.as_str().expect("a text").to_owned())).collect()
    }

    fn text<'a>(vector: &'a Value, name: &str) -> &'a str {
        vector[name].as_str().unwrap_or_else(|| panic!("{}: no {name}", vector["name"]))
    }

    #[track_caller]
    fn check_v3(vector: &Value, headers: &Value, expect: &Value) {
        let name = &vector["name"];
        let request = V3 {
            method: text(&vector["input"], "method"),
            path: text(&vector["input"], "path"),
            query: &pairs(&vector["flattened_query"]),
            headers: &pairs(headers),
            body: text(vector, "body").as_bytes(),
        };
        let canonical = request.canonical_request();
        assert_eq!(canonical, text(expect, "canonical_request"), "{name}");
        let string_to_sign = v3_string_to_sign(&canonical);
        assert_eq!(string_to_sign, text(expect, "string_to_sign"), "{name}");
        let authorization = Authorization::parse(text(expect, "authorization")).expect("a header");
        let signature = v3_signature(text(&vector["input"], "access_key_secret"), &string_to_sign);
        assert_eq!(signature, authorization.signature, "{name}");
        assert_eq!(authorization.key_id, text(&vector["input"], "access_key_id"), "{name}");
        let mut listed: Vec<String> = pairs(headers).into_iter().map(|(header, _)| header).collect();
        listed.sort();
        assert_eq!(authorization.signed_headers, listed, "{name}");
    }

    #[test]
    fn v1_agrees_with_every_vector() {
        let vectors = vectors("v1-HMAC-SHA1");
        assert_eq!(vectors.len(), 20);
        for vector in vectors {
            let name = &vector["name"];
            let pairs = pairs(&vector["flattened_params"]);
            assert_eq!(canonical_query(&pairs), text(&vector, "canonical_query"), "{name}");
            let string_to_sign = v1_string_to_sign(text(&vector["input"], "method"), &pairs);
            assert_eq!(string_to_sign, text(&vector, "string_to_sign"), "{name}");
            let signature = v1_signature(text(&vector["input"], "access_key_secret"), &string_to_sign);
            assert_eq!(signature, text(&vector, "signature"), "{name}");
        }
    }

    #[test]
    fn v3_agrees_with_every_vector() {
        let vectors = vectors("ACS3-HMAC-SHA256");
        assert_eq!(vectors.len(), 16);
        for vector in vectors {
            check_v3(&vector, &vector["signed_headers"], &vector);
            let variant = &vector["python_sdk_variant_signing_every_header"];
            if !variant.is_null() {
                check_v3(&vector, &variant["headers"], variant);
            }
        }
    }

    #[test]
    fn oss_v1_agrees_with_every_vector() {
        let file: Value = serde_json::from_str(include_str!("../testdata/oss-signing-vectors.json"))
            .expect("the vectors are JSON");
        let vectors = file["vectors"].as_array().expect("a list");
        assert_eq!(vectors.len(), 14);
        for vector in vectors {
            let name = &vector["name"];
            let request = OssV1 {
                method: text(vector, "method"),
                headers: &pairs(&vector["headers"]),
                bucket: text(vector, "bucket"),
                object: text(vector, "object"),
                query: &pairs(&vector["query"]),
            };
            let string_to_sign = request.string_to_sign();
            assert_eq!(string_to_sign, text(vector, "string_to_sign"), "{name}");
            let signature = oss_v1_signature(text(vector, "access_key_secret"), &string_to_sign);
            let authorization = format!("OSS {}:{signature}", text(vector, "access_key_id"));
            assert_eq!(authorization, text(vector, "authorization"), "{name}");
        }
    }

    #[test]
    fn a_signature_does_not_sign_itself() {
        let plain = [("A".to_owned(), "1".to_owned())];
        let signed = [("A".to_owned(), "1".to_owned()), ("Signature".to_owned(), "x".to_owned())];
        assert_eq!(v1_string_to_sign("GET", &plain), v1_string_to_sign("GET", &signed));
    }

    #[test]
    fn malformed_authorizations_are_none() {
        for wrong in [
            "",
            "ACS3-HMAC-SHA256",
            "ACS3-HMAC-SHA256 ",
            "ACS3-HMAC-SHA256 Credential=a,SignedHeaders=b",
            "ACS3-HMAC-SHA256 Credential=a,SignedHeaders=b,Signature",
            "ACS3-HMAC-SHA256 Credential=a,SignedHeaders=b,Signature=c,More=d",
            "Basic YTpi",
        ] {
            assert_eq!(Authorization::parse(wrong), None, "{wrong}");
        }
    }
}
