//! Proof of who calls: keys, tokens, timestamps, nonces and the signature itself.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use crate::answer::{Failure, failure, missing};
use crate::clock::{Millis, parse_iso};
use crate::options::Options;
use crate::request::{Call, Scheme};
use crate::session::{Caller, Session};
use crate::sign::{Authorization, V3, v1_signature, v1_string_to_sign, v3_signature, v3_string_to_sign};
use crate::state::State;

/// The most that a caller's clock may be off.
pub(crate) const SKEW: Millis = 15 * 60_000;

/// The emulator's time, and the time that a caller's clock is expected to show.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) now: Millis,
    pub(crate) callers_now: Millis,
}

/// The nonces of proven calls, each kept for as long as its timestamp would be accepted.
#[derive(Debug, Default)]
pub(crate) struct Nonces {
    seen: HashMap<(String, String), Millis>,
    sweep_at: usize,
}

impl Nonces {
    fn is_new(&mut self, key_id: &str, nonce: &str, now: Millis) -> bool {
        if self.seen.len() >= self.sweep_at {
            self.seen.retain(|_, at| now - *at <= 2 * SKEW);
            self.sweep_at = (self.seen.len() * 2).max(1_024);
        }
        self.seen.insert((key_id.to_owned(), nonce.to_owned()), now).is_none()
    }
}

/// What a key id stands for.
#[derive(Debug)]
pub(crate) struct Key<'a> {
    pub(crate) secret: &'a str,
    session: Option<&'a Session>,
}

/// Refuses whatever the cloud refuses before it carries an action out. `may_be_anonymous` says that the action needs no
/// key.
pub(crate) fn authenticate(
    call: &Call,
    may_be_anonymous: bool,
    options: &Options,
    state: &State,
    nonces: &mut Nonces,
    times: Times,
) -> Result<Caller, Failure> {
    if !["GET", "POST"].contains(&call.request.method.as_str()) {
        return Err(failure(403, "UnsupportedHTTPMethod", "This http method is not supported."));
    }
    if let Some(defect) = &call.defect {
        return Err(defect.clone());
    }
    if call.action.is_empty() || (options.flavour.is_stack() && call.public("Action").is_none()) {
        return Err(missing("Action"));
    }
    if call.version.is_empty() {
        return Err(missing("Version"));
    }
    let (key_id, nonce) = match call.scheme {
        Scheme::Anonymous if may_be_anonymous => return Ok(Caller::Anonymous),
        Scheme::Anonymous => return Err(missing("AccessKeyId")),
        Scheme::V1 => verify_v1(call, options, state, times)?,
        Scheme::V3 => verify_v3(call, options, state, times)?,
    };
    if !nonces.is_new(&key_id, &nonce, times.now) {
        return Err(failure(400, "SignatureNonceUsed", "Specified signature nonce was used already."));
    }
    Ok(match state.sessions.get(&key_id) {
        Some(session) => Caller::Role(Box::new(session.clone())),
        None => Caller::User,
    })
}

fn verify_v1(
    call: &Call,
    options: &Options,
    state: &State,
    times: Times,
) -> Result<(String, String), Failure> {
    let given = |name: &str| call.public(name).filter(|value| !value.is_empty()).ok_or_else(|| missing(name));
    let key_id = given("AccessKeyId")?;
    let signature = given("Signature")?;
    match given("SignatureMethod")? {
        "HMAC-SHA1" => {}
        other => {
            let message = format!("Specified signature method \"{other}\" is not supported.");
            return Err(failure(400, "InvalidSignatureMethod", message));
        }
    }
    if given("SignatureVersion")? != "1.0" {
        return Err(failure(
            400,
            "InvalidParamater",
            "The specified parameter \"SignatureVersion\" is not valid.",
        ));
    }
    let nonce = given("SignatureNonce")?;
    check_timestamp(given("Timestamp")?, times.callers_now)?;
    let key = find_key(key_id, call.public("SecurityToken"), options, state, times.now)?;

    let method = &call.request.method;
    if !same(signature, &v1_signature(key.secret, &v1_string_to_sign(method, &call.all))) {
        // A stack may have the secret among the parameters, and then also in the string that is echoed.
        let mut shown = call.all.clone();
        for (name, value) in &mut shown {
            if name == "AccessKeySecret" {
                *value = "***".to_owned();
            }
        }
        return Err(mismatch(&format!("server string to sign is:{}", v1_string_to_sign(method, &shown))));
    }
    Ok((key_id.to_owned(), nonce.to_owned()))
}

fn verify_v3(
    call: &Call,
    options: &Options,
    state: &State,
    times: Times,
) -> Result<(String, String), Failure> {
    let given = |name: &str| call.request.header(name).filter(|v| !v.is_empty()).ok_or_else(|| missing(name));
    let authorization = Authorization::parse(&given("authorization")?).ok_or_else(|| {
        failure(
            400,
            "IncompleteSignature",
            "The Authorization header is not of the form that ACS3-HMAC-SHA256 has.",
        )
    })?;
    let nonce = given("x-acs-signature-nonce")?;
    check_timestamp(&given("x-acs-date")?, times.callers_now)?;
    let token = call.request.header("x-acs-security-token");
    let key = find_key(&authorization.key_id, token.as_deref(), options, state, times.now)?;

    let mut headers = Vec::new();
    for name in &authorization.signed_headers {
        let value = call.request.header(name).ok_or_else(|| {
            failure(400, "IncompleteSignature", format!("The signed header \"{name}\" was not sent."))
        })?;
        headers.push((name.clone(), value));
    }
    let request = V3 {
        method: &call.request.method,
        path: &call.request.path,
        query: &call.query,
        headers: &headers,
        body: &call.request.body,
    };
    let canonical = request.canonical_request();
    let string_to_sign = v3_string_to_sign(&canonical);
    let said = call.request.header("x-acs-content-sha256").unwrap_or_default();
    let body_as_said = said.is_empty() || said == hex::encode(Sha256::digest(&call.request.body));
    if !body_as_said || !same(&authorization.signature, &v3_signature(key.secret, &string_to_sign)) {
        let shown =
            format!("server string to sign is:{string_to_sign}, server canonical request is:{canonical}");
        return Err(mismatch(&shown));
    }
    Ok((authorization.key_id, nonce))
}

fn mismatch(detail: &str) -> Failure {
    let message = format!("Specified signature is not matched with our calculation. {detail}");
    failure(400, "SignatureDoesNotMatch", message)
}

/// Compares digests, so that the time taken says nothing about either text.
pub(crate) fn same(one: &str, other: &str) -> bool {
    let digest = |text: &str| Sha256::digest(text);
    digest(one) == digest(other)
}

fn check_timestamp(text: &str, now: Millis) -> Result<(), Failure> {
    let Some(at) = parse_iso(text) else {
        let message =
            "Specified time stamp or date value is not well formatted, it must be yyyy-MM-ddTHH:mm:ssZ.";
        return Err(failure(400, "InvalidTimeStamp.Format", message));
    };
    if (at - now).abs() > SKEW {
        let message = "Specified time stamp or date value is expired: it is more than 15 minutes off.";
        return Err(failure(400, "InvalidTimeStamp.Expired", message));
    }
    Ok(())
}

/// The key of that id, if the token is the one that goes with it.
pub(crate) fn find_key<'a>(
    key_id: &str,
    token: Option<&str>,
    options: &'a Options,
    state: &'a State,
    now: Millis,
) -> Result<Key<'a>, Failure> {
    let token = token.filter(|token| !token.is_empty());
    let mismatch = || {
        let message = "Specified SecurityToken does not belong to the specified AccessKeyId.";
        failure(400, "InvalidSecurityToken.MismatchWithAccessKey", message)
    };
    let is_known = |token: &str| state.sessions.values().any(|session| session.token == token);
    let malformed =
        || failure(400, "InvalidSecurityToken.Malformed", "Specified SecurityToken is malformed.");
    if key_id == options.access_key_id {
        return match token {
            None => Ok(Key { secret: options.access_key_secret.reveal(), session: None }),
            Some(token) if is_known(token) => Err(mismatch()),
            Some(_) => Err(malformed()),
        };
    }
    let Some(session) = state.sessions.get(key_id) else {
        return Err(failure(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found."));
    };
    let key = Key { secret: &session.secret, session: Some(session) };
    match token {
        None => Err(failure(400, "MissingSecurityToken", "SecurityToken is mandatory for this action.")),
        Some(token) if token == session.token => match key.session {
            Some(session) if now >= session.expires => {
                Err(failure(400, "InvalidSecurityToken.Expired", "Specified SecurityToken is expired."))
            }
            _ => Ok(key),
        },
        Some(token) if is_known(token) => Err(mismatch()),
        Some(_) => Err(malformed()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::iso;
    use crate::request::tests::request;

    const NOW: Millis = 1_700_000_000_000;
    const TIMES: Times = Times { now: NOW, callers_now: NOW };

    /// A call signed by version 1, `change` being applied to what is signed.
    fn v1(change: impl Fn(&mut Vec<(String, String)>), secret: &str) -> Call {
        let mut pairs: Vec<(String, String)> = [
            ("Action", "DescribeImages"),
            ("Version", "2014-05-26"),
            ("Format", "JSON"),
            ("AccessKeyId", "emulator"),
            ("SignatureMethod", "HMAC-SHA1"),
            ("SignatureVersion", "1.0"),
            ("SignatureNonce", "n"),
            ("Timestamp", &iso(NOW)),
            ("RegionId", "cn-hangzhou"),
        ]
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .into();
        change(&mut pairs);
        let signature = v1_signature(secret, &v1_string_to_sign("GET", &pairs));
        pairs.push(("Signature".to_owned(), signature));
        let line: Vec<String> = pairs.iter().map(|(a, b)| format!("{a}={}", b.replace('+', "%2B"))).collect();
        Call::decode(request("GET", &line.join("&"), &[], ""))
    }

    fn set(pairs: &mut Vec<(String, String)>, name: &str, value: &str) {
        pairs.retain(|(n, _)| n != name);
        if value != "-" {
            pairs.push((name.to_owned(), value.to_owned()));
        }
    }

    #[track_caller]
    fn check(call: &Call, state: &State, expect: &str) -> String {
        let seen = authenticate(call, false, &Options::default(), state, &mut Nonces::default(), TIMES);
        let (code, message) = match seen {
            Ok(_) => ("accepted".to_owned(), String::new()),
            Err(failure) => (failure.code.into_owned(), failure.message),
        };
        assert_eq!(code, expect, "{message}");
        message
    }

    #[track_caller]
    fn changed(name: &str, value: &str, expect: &str) -> String {
        check(&v1(|pairs| set(pairs, name, value), "emulator"), &State::default(), expect)
    }

    #[test]
    fn a_well_signed_call_is_accepted() {
        changed("Format", "json", "accepted");
        changed("SignatureType", "", "accepted");
        changed("SecurityToken", "", "accepted");
    }

    #[test]
    fn what_is_missing_is_named() {
        for name in [
            "Action",
            "Version",
            "AccessKeyId",
            "SignatureMethod",
            "SignatureVersion",
            "SignatureNonce",
            "Timestamp",
        ] {
            let message = changed(name, "-", "MissingParameter");
            assert!(message.contains(&format!("\"{name}\"")), "{message}");
        }
    }

    #[test]
    fn methods_versions_and_formats_are_checked() {
        changed("SignatureMethod", "HMAC-MD5", "InvalidSignatureMethod");
        changed("SignatureVersion", "2.0", "InvalidParamater");
        changed("Format", "YAML", "InvalidParameter.Format");
    }

    #[test]
    fn clocks_may_differ_by_a_quarter_of_an_hour() {
        changed("Timestamp", &iso(NOW - SKEW), "accepted");
        changed("Timestamp", &iso(NOW + SKEW), "accepted");
        changed("Timestamp", &iso(NOW - SKEW - 1_000), "InvalidTimeStamp.Expired");
        changed("Timestamp", &iso(NOW + SKEW + 1_000), "InvalidTimeStamp.Expired");
        changed("Timestamp", "2023-11-14T22:13:20.000Z", "InvalidTimeStamp.Format");
        changed("Timestamp", "now", "InvalidTimeStamp.Format");
    }

    #[test]
    fn an_unknown_key_and_a_wrong_secret_are_told_apart() {
        changed("AccessKeyId", "nobody", "InvalidAccessKeyId.NotFound");
        let message = check(&v1(|_| (), "wrong"), &State::default(), "SignatureDoesNotMatch");
        assert!(message.contains("GET&%2F&AccessKeyId%3Demulator"), "{message}");
    }

    #[test]
    fn the_echoed_string_to_sign_has_no_secret() {
        let call = v1(|pairs| set(pairs, "AccessKeySecret", "tell-no-one"), "wrong");
        let message = check(&call, &State::default(), "SignatureDoesNotMatch");
        assert!(message.contains("AccessKeySecret") && !message.contains("tell-no-one"), "{message}");
    }

    #[test]
    fn a_nonce_is_good_for_one_call() {
        let (options, state, mut nonces) = (Options::default(), State::default(), Nonces::default());
        let mut go = |now| {
            authenticate(
                &v1(|_| (), "emulator"),
                false,
                &options,
                &state,
                &mut nonces,
                Times { now, callers_now: now },
            )
            .map(|_| ())
        };
        assert!(go(NOW).is_ok());
        assert_eq!(go(NOW).map_err(|f| f.code.into_owned()), Err("SignatureNonceUsed".into()));
    }

    #[test]
    fn nonces_of_calls_that_were_refused_are_not_used_up() {
        let (options, state, mut nonces) = (Options::default(), State::default(), Nonces::default());
        assert!(authenticate(&v1(|_| (), "wrong"), false, &options, &state, &mut nonces, TIMES).is_err());
        assert!(authenticate(&v1(|_| (), "emulator"), false, &options, &state, &mut nonces, TIMES).is_ok());
    }

    #[test]
    fn old_nonces_are_forgotten() {
        let mut nonces = Nonces::default();
        for number in 0..10_000 {
            assert!(nonces.is_new("k", &number.to_string(), NOW + number * 60_000));
        }
        assert!(nonces.seen.len() < 2_000, "{} are kept", nonces.seen.len());
    }

    #[test]
    fn temporary_keys_need_their_own_token_in_time() {
        let mut state = State::default();
        let session = state.issue("acs:ram::1:role/r", "n", NOW + 1);
        let other = state.issue("acs:ram::1:role/r", "m", NOW + 1);
        let late = state.issue("acs:ram::1:role/r", "l", NOW);
        let go = |session: &Session, token: &str, expect: &str| {
            let change = |pairs: &mut Vec<(String, String)>| {
                set(pairs, "AccessKeyId", &session.key_id);
                set(pairs, "SecurityToken", token);
            };
            check(&v1(change, &session.secret), &state, expect);
        };
        go(&session, &session.token, "accepted");
        go(&session, "-", "MissingSecurityToken");
        go(&session, "", "MissingSecurityToken");
        go(&session, &other.token, "InvalidSecurityToken.MismatchWithAccessKey");
        go(&session, &session.token[..20], "InvalidSecurityToken.Malformed");
        go(&late, &late.token, "InvalidSecurityToken.Expired");
        let with_token = |token: &str, expect: &str| {
            check(&v1(|pairs| set(pairs, "SecurityToken", token), "emulator"), &state, expect);
        };
        with_token(&session.token, "InvalidSecurityToken.MismatchWithAccessKey");
        with_token("x", "InvalidSecurityToken.Malformed");
    }

    /// A call signed by version 3; `spoil` changes what is sent after signing.
    fn v3(names: &[&'static str], spoil: impl Fn(&mut Call)) -> Call {
        let date = iso(NOW);
        let headers = [
            ("host", "127.0.0.1:4711"),
            ("x-acs-action", "DescribeImages"),
            ("x-acs-version", "2014-05-26"),
            ("x-acs-date", date.as_str()),
            ("x-acs-signature-nonce", "n"),
            ("x-acs-content-sha256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ];
        let query = [("RegionId".to_owned(), "cn-hangzhou".to_owned())];
        let signed: Vec<(String, String)> = headers
            .iter()
            .filter(|(name, _)| names.contains(name))
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let canonical =
            V3 { method: "POST", path: "/", query: &query, headers: &signed, body: b"" }.canonical_request();
        let signature = v3_signature("emulator", &v3_string_to_sign(&canonical));
        let authorization = format!(
            "ACS3-HMAC-SHA256 Credential=emulator,SignedHeaders={},Signature={signature}",
            names.join(";")
        );
        let mut all = headers.to_vec();
        all.push(("authorization", &authorization));
        let mut call = Call::decode(request("POST", "RegionId=cn-hangzhou", &all, ""));
        spoil(&mut call);
        call
    }

    const USUAL: &[&str] = &[
        "host",
        "x-acs-action",
        "x-acs-content-sha256",
        "x-acs-date",
        "x-acs-signature-nonce",
        "x-acs-version",
    ];

    #[track_caller]
    fn spoilt(name: &'static str, value: &str, expect: &str) {
        let call = v3(USUAL, |call| {
            call.request.headers.remove(name);
            if value != "-" {
                call.request.headers.insert(name, value.parse().expect("a header value"));
            }
        });
        check(&call, &State::default(), expect);
    }

    #[test]
    fn version_three_is_checked_over_the_headers_it_lists() {
        check(&v3(USUAL, |_| ()), &State::default(), "accepted");
        check(&v3(&["host", "x-acs-date"], |_| ()), &State::default(), "accepted");
        spoilt("host", "127.0.0.1", "SignatureDoesNotMatch");
        spoilt("x-acs-version", "2014-05-27", "SignatureDoesNotMatch");
        spoilt("host", "-", "IncompleteSignature");
        spoilt("accept", "anything", "accepted");
        let unlisted = v3(&["x-acs-date"], |call| {
            call.request.headers.insert("host", "elsewhere".parse().expect("a header value"));
        });
        check(&unlisted, &State::default(), "accepted");
    }

    #[test]
    fn version_three_covers_the_body_and_the_query() {
        let body = |call: &mut Call| call.request.body = "Description=evil".into();
        check(&v3(USUAL, body), &State::default(), "SignatureDoesNotMatch");
        check(
            &v3(USUAL, |call| call.query[0].1 = "cn-beijing".to_owned()),
            &State::default(),
            "SignatureDoesNotMatch",
        );
        spoilt("x-acs-content-sha256", "00", "SignatureDoesNotMatch");
    }

    #[test]
    fn a_wrong_digest_of_the_body_is_refused_even_if_it_is_not_signed() {
        let call = v3(&["host", "x-acs-date"], |call| {
            call.request.headers.insert("x-acs-content-sha256", "00".parse().expect("a header value"));
        });
        check(&call, &State::default(), "SignatureDoesNotMatch");
    }

    #[test]
    fn version_three_names_what_is_missing_or_wrong() {
        spoilt("x-acs-date", "-", "MissingParameter");
        spoilt("x-acs-signature-nonce", "-", "MissingParameter");
        spoilt("x-acs-date", "yesterday", "InvalidTimeStamp.Format");
        spoilt("x-acs-date", &iso(NOW - SKEW - 1_000), "InvalidTimeStamp.Expired");
        spoilt("authorization", "ACS3-HMAC-SHA256 nonsense", "IncompleteSignature");
        spoilt("x-acs-security-token", "x", "InvalidSecurityToken.Malformed");
    }

    #[test]
    fn only_get_and_post_are_served() {
        let mut call = v1(|_| (), "emulator");
        call.request.method = "PUT".to_owned();
        check(&call, &State::default(), "UnsupportedHTTPMethod");
    }

    #[test]
    fn a_key_is_needed_unless_the_action_needs_none() {
        let call = Call::decode(request("POST", "Action=A&Version=B&Format=JSON", &[], ""));
        let go = |may_be_anonymous| {
            let (options, state) = (Options::default(), State::default());
            authenticate(&call, may_be_anonymous, &options, &state, &mut Nonces::default(), TIMES)
        };
        assert!(matches!(go(true), Ok(Caller::Anonymous)));
        assert_eq!(
            go(false).map(|_| ()).map_err(|failure| failure.code.into_owned()),
            Err("MissingParameter".into())
        );
    }
}
