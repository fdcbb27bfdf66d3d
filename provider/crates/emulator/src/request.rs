//! A request as it came in, and the call in it: its service, action, parameters and signature. Checks nothing.

use std::net::IpAddr;

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use percent_encoding::percent_decode;

use crate::answer::{Failure, Format, failure, invalid};
use crate::params::Params;
use crate::sign::Authorization;

/// An HTTP request whose body has been read.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The address that it came from.
    pub(crate) peer: IpAddr,
}

impl Request {
    /// Whether it came from the same machine.
    pub(crate) fn is_local(&self) -> bool {
        self.peer.to_canonical().is_loopback()
    }

    /// A header's value. Several headers of one name are joined with commas; a value that is not UTF-8 counts as empty.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let mut values =
            self.headers.get_all(name).iter().map(|v| std::str::from_utf8(v.as_bytes()).unwrap_or(""));
        let first = values.next()?.to_owned();
        Some(values.fold(first, |all, value| all + "," + value))
    }

    pub(crate) fn host(&self) -> String {
        self.header(HOST.as_str()).unwrap_or_default()
    }
}

/// The services that calls can be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Ecs,
    Sts,
    /// The console of the private clouds.
    Ascm,
}

/// How a caller proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    V1,
    V3,
    /// No key at all.
    Anonymous,
}

impl Scheme {
    pub(crate) fn text(self) -> Option<&'static str> {
        match self {
            Scheme::V1 => Some("v1"),
            Scheme::V3 => Some("v3"),
            Scheme::Anonymous => None,
        }
    }
}

/// An RPC call, decoded.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) action: String,
    pub(crate) version: String,
    pub(crate) scheme: Scheme,
    pub(crate) format: Format,
    pub(crate) host: String,
    pub(crate) params: Params,
    /// The query alone, decoded, in order.
    pub(crate) query: Vec<(String, String)>,
    /// The query and the form, decoded, in order.
    pub(crate) all: Vec<(String, String)>,
    pub(crate) request: Request,
    /// A mistake found while decoding, for which the call is to be refused.
    pub(crate) defect: Option<Failure>,
}

impl Call {
    pub(crate) fn decode(request: Request) -> Call {
        let mut defect = None;
        let mut decoded = |text: &[u8]| match decode_form(text) {
            Some(pairs) => pairs,
            None => {
                defect = Some(failure(400, "InvalidParameter", "The parameters are not UTF-8."));
                vec![]
            }
        };
        let query = decoded(request.query.as_bytes());
        let is_form = request.headers.get(CONTENT_TYPE).is_some_and(|kind| {
            kind.as_bytes().to_ascii_lowercase().starts_with(b"application/x-www-form-urlencoded")
        });
        let mut all = query.clone();
        if is_form {
            all.extend(decoded(&request.body));
        }
        let public = |name: &str| all.iter().rev().find(|(n, _)| n == name).map(|(_, value)| value.clone());
        let in_header = |name: &str| request.header(name).unwrap_or_default();

        let authorization = request.headers.get(AUTHORIZATION);
        let is_v3 =
            authorization.is_some_and(|value| value.as_bytes().starts_with(Authorization::SCHEME.as_bytes()));
        let action = public("Action").filter(|_| !is_v3).unwrap_or_else(|| in_header("x-acs-action"));
        let version = public("Version").filter(|_| !is_v3).unwrap_or_else(|| in_header("x-acs-version"));
        let in_headers_only = public("Action").is_none();
        let scheme = if is_v3 {
            Scheme::V3
        } else if public("AccessKeyId").is_none() && public("Signature").is_none() {
            Scheme::Anonymous
        } else {
            Scheme::V1
        };
        let format = match public("Format").as_deref().map(str::to_ascii_lowercase).as_deref() {
            Some("json") => Format::Json,
            Some("xml") => Format::Xml,
            Some(_) => {
                defect.get_or_insert_with(|| Failure {
                    code: "InvalidParameter.Format".into(),
                    ..invalid("Format", "it is neither JSON nor XML")
                });
                Format::Json
            }
            None if is_v3 || in_headers_only => {
                let accept = in_header(ACCEPT.as_str()).to_ascii_lowercase();
                if accept.contains("xml") && !accept.contains("json") { Format::Xml } else { Format::Json }
            }
            None => Format::Xml,
        };
        Call {
            action,
            version,
            scheme,
            format,
            host: request.host(),
            params: Params::business(&all),
            query,
            all,
            request,
            defect,
        }
    }

    /// The service that `Version` belongs to.
    pub(crate) fn service(&self) -> Option<Service> {
        match self.version.as_str() {
            "2014-05-26" => Some(Service::Ecs),
            "2015-04-01" => Some(Service::Sts),
            "2019-05-10" => Some(Service::Ascm),
            _ => None,
        }
    }

    /// A parameter of the request itself, such as `Timestamp`.
    pub(crate) fn public(&self, name: &str) -> Option<&str> {
        self.all.iter().rev().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// `a=b&c=d+e%2F`; `None` if it is not UTF-8.
fn decode_form(text: &[u8]) -> Option<Vec<(String, String)>> {
    // The parser would replace what is not UTF-8.
    percent_decode(text).decode_utf8().ok()?;
    Some(form_urlencoded::parse(text).into_owned().collect())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    pub(crate) fn request(
        method: &str,
        query: &str,
        headers: &[(&'static str, &str)],
        body: &str,
    ) -> Request {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().expect("a header value"));
        }
        Request {
            method: method.to_owned(),
            path: "/".to_owned(),
            query: query.to_owned(),
            headers: map,
            body: Bytes::copy_from_slice(body.as_bytes()),
            peer: Ipv4Addr::LOCALHOST.into(),
        }
    }

    #[track_caller]
    fn check(text: &str, expect: &[(&str, &str)]) {
        let pairs = decode_form(text.as_bytes()).expect("UTF-8");
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(pairs, expect);
    }

    #[test]
    fn forms_are_decoded_in_any_valid_encoding() {
        check("a=b+c&d=%2f%2F&e=&f&&g=h=i", &[("a", "b c"), ("d", "//"), ("e", ""), ("f", ""), ("g", "h=i")]);
        check("%E9%95%9C=%zz%", &[("镜", "%zz%")]);
        check("", &[]);
        assert_eq!(decode_form(b"a=%FF"), None);
    }

    #[test]
    fn what_is_not_utf8_is_a_defect_and_no_panic() {
        let call = Call::decode(request("GET", "Action=A&b=%FF", &[], ""));
        assert!(call.defect.is_some());
    }

    #[test]
    fn the_format_is_xml_only_if_the_old_style_does_not_ask_for_json() {
        let format =
            |query, headers: &[(&'static str, &str)]| Call::decode(request("GET", query, headers, "")).format;
        assert_eq!(format("Action=A", &[]), Format::Xml);
        assert_eq!(format("Action=A&Format=JSON", &[]), Format::Json);
        assert_eq!(format("Action=A&Format=json", &[]), Format::Json);
        let v3 = ("authorization", "ACS3-HMAC-SHA256 Credential=a,SignedHeaders=b,Signature=c");
        assert_eq!(format("", &[v3, ("x-acs-action", "A")]), Format::Json);
        assert_eq!(format("", &[v3, ("accept", "application/xml")]), Format::Xml);
    }

    #[test]
    fn an_old_style_call_with_the_new_headers_is_old_style() {
        let call = Call::decode(request("GET", "Action=A&AccessKeyId=k", &[("x-acs-action", "B")], ""));
        assert_eq!((call.action.as_str(), call.scheme), ("A", Scheme::V1));
    }

    #[test]
    fn a_body_of_another_type_holds_no_parameters() {
        let form = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");
        assert_eq!(
            Call::decode(request("POST", "a=1", &[form], "b=2")).params,
            Params::of(&[("a", "1"), ("b", "2")])
        );
        let json = ("content-type", "application/json");
        assert_eq!(Call::decode(request("POST", "a=1", &[json], "b=2")).params, Params::of(&[("a", "1")]));
    }
}
