//! Proof of who calls OSS: signature version 1 in the Authorization header.

use crate::access::{SKEW, Times, find_key, same};
use crate::answer::{Failure, failure};
use crate::clock::parse_http_date;
use crate::options::Options;
use crate::oss::call::Call;
use crate::sign::{OssV1, oss_v1_signature};
use crate::state::State;

/// The caller's key id, and the signature.
fn read(authorization: &str) -> Option<(&str, &str)> {
    authorization.strip_prefix("OSS ")?.trim().split_once(':')
}

/// Refuses whatever OSS refuses before it looks at bucket and object.
pub(crate) fn authenticate(
    call: &Call,
    options: &Options,
    state: &State,
    times: Times,
) -> Result<(), Failure> {
    let header = |name: &str| call.request.header(name).filter(|value| !value.is_empty());
    let Some(authorization) = header("authorization") else {
        let message = "Anonymous access is forbidden for this operation.";
        return Err(failure(403, "AccessDenied", message));
    };
    if authorization.starts_with("OSS4-") {
        let message = "The emulator knows signature version 1 of OSS alone.";
        return Err(failure(501, "NotImplemented", message));
    }
    let (key_id, signature) = read(&authorization)
        .ok_or_else(|| failure(400, "InvalidArgument", "Authorization header is invalid."))?;
    let date = header("x-oss-date").or_else(|| header("date")).and_then(|date| parse_http_date(&date));
    let Some(date) = date else {
        return Err(failure(403, "AccessDenied", "OSS authentication requires a valid Date."));
    };
    if (date - times.callers_now).abs() > SKEW {
        let message = "The difference between the request time and the current time is too large.";
        return Err(failure(403, "RequestTimeTooSkewed", message));
    }
    let token = header("x-oss-security-token");
    let key = match token {
        // A key that goes without a token is none of those that go with one.
        Some(_) if key_id == options.access_key_id => Err(unknown_key()),
        token => find_key(key_id, token.as_deref(), options, state, times.now).map_err(in_terms_of_oss),
    }?;
    let headers: Vec<(String, String)> = call
        .request
        .headers
        .keys()
        .map(|name| (name.as_str().to_owned(), call.request.header(name.as_str()).unwrap_or_default()))
        .collect();
    let signed = OssV1 {
        method: &call.request.method,
        headers: &headers,
        bucket: &call.bucket,
        object: &call.object,
        query: &call.query,
    };
    let string_to_sign = signed.string_to_sign();
    if !same(signature, &oss_v1_signature(key.secret, &string_to_sign)) {
        let message = "The request signature we calculated does not match the signature you provided. Check your key \
                       and signing method.";
        return Err(failure(403, "SignatureDoesNotMatch", message));
    }
    Ok(())
}

fn unknown_key() -> Failure {
    failure(403, "InvalidAccessKeyId", "The OSS Access Key Id you provided does not exist in our records.")
}

/// OSS has codes of its own for what is wrong with a key.
fn in_terms_of_oss(refused: Failure) -> Failure {
    let (code, message) = match &*refused.code {
        "InvalidSecurityToken.Expired" => {
            ("SecurityTokenExpired", "The security token you provided has expired.")
        }
        "InvalidSecurityToken.MismatchWithAccessKey" => (
            "AccessKeyIdAndSecurityTokenNotMatch",
            "The OSS access key id and security token you provided does not match.",
        ),
        "InvalidSecurityToken.Malformed" => {
            ("InvalidSecurityToken", "The security token you provided is invalid.")
        }
        _ => return unknown_key(),
    };
    failure(403, code, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Millis, http_date};
    use crate::oss::call::tests::call;
    use crate::session::Session;

    const NOW: Millis = 1_700_000_000_000;
    const TIMES: Times = Times { now: NOW, callers_now: NOW };

    /// A HEAD of `/b/o`, signed. `headers` are signed along, `spoil` is put in their place afterwards.
    fn signed(
        (key_id, secret): (&str, &str),
        headers: &[(&'static str, &str)],
        spoil: &[(&'static str, &str)],
    ) -> Call {
        let plain = call("HEAD", "localhost", "/b/o", headers, "");
        let pairs: Vec<(String, String)> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let parts = OssV1 { method: "HEAD", headers: &pairs, bucket: "b", object: "o", query: &plain.query };
        let signature = oss_v1_signature(secret, &parts.string_to_sign());
        let authorization = format!("OSS {key_id}:{signature}");
        let mut sent = headers.to_vec();
        sent.push(("authorization", &authorization));
        sent.retain(|(name, _)| spoil.iter().all(|(other, _)| name != other));
        sent.extend_from_slice(spoil);
        call("HEAD", "localhost", "/b/o", &sent, "")
    }

    #[track_caller]
    fn check(call: &Call, state: &State, expect: (u16, &str)) {
        let seen = match authenticate(call, &Options::default(), state, TIMES) {
            Ok(()) => (200, "accepted".into()),
            Err(refused) => (refused.status, refused.code),
        };
        assert_eq!((seen.0, &*seen.1), expect);
    }

    const USER: (&str, &str) = ("emulator", "emulator");
    const ACCEPTED: (u16, &str) = (200, "accepted");
    const MISMATCH: (u16, &str) = (403, "SignatureDoesNotMatch");

    #[track_caller]
    fn spoilt(name: &'static str, value: &str, expect: (u16, &str)) {
        let date = http_date(NOW);
        check(&signed(USER, &[("date", &date)], &[(name, value)]), &State::default(), expect);
    }

    #[test]
    fn a_signature_covers_what_it_should() {
        let state = State::default();
        let date = http_date(NOW);
        let headers = [("date", date.as_str()), ("x-oss-meta-a", "1"), ("content-type", "text/plain")];
        check(&signed(USER, &headers, &[]), &state, ACCEPTED);
        check(&signed(USER, &headers, &[("accept", "*/*")]), &state, ACCEPTED);
        check(&signed(USER, &headers, &[("x-oss-meta-a", "2")]), &state, MISMATCH);
        check(&signed(USER, &headers, &[("content-type", "text/html")]), &state, MISMATCH);
        check(&signed(("emulator", "wrong"), &headers, &[]), &state, MISMATCH);
        check(&signed(("nobody", "emulator"), &headers, &[]), &state, (403, "InvalidAccessKeyId"));
    }

    #[test]
    fn clocks_may_differ_by_a_quarter_of_an_hour() {
        for (off, expect) in [
            (SKEW, ACCEPTED),
            (-SKEW, ACCEPTED),
            (SKEW + 1_000, (403, "RequestTimeTooSkewed")),
            (-SKEW - 1_000, (403, "RequestTimeTooSkewed")),
        ] {
            let date = http_date(NOW + off);
            check(&signed(USER, &[("date", &date)], &[]), &State::default(), expect);
            // This header goes before that one.
            let both = [("date", "yesterday"), ("x-oss-date", date.as_str())];
            check(&signed(USER, &both, &[]), &State::default(), expect);
        }
        check(&signed(USER, &[], &[]), &State::default(), (403, "AccessDenied"));
        check(&signed(USER, &[("date", "yesterday")], &[]), &State::default(), (403, "AccessDenied"));
    }

    #[test]
    fn what_is_no_signature_of_version_one_is_refused() {
        spoilt("authorization", "OSS emulator", (400, "InvalidArgument"));
        spoilt("authorization", "", (403, "AccessDenied"));
        spoilt("authorization", "OSS4-HMAC-SHA256 Credential=a", (501, "NotImplemented"));
        spoilt("authorization", "OSS emulator:AAAA", MISMATCH);
    }

    #[test]
    fn temporary_keys_need_their_own_token_in_time() {
        let mut state = State::default();
        let session = state.issue("acs:ram::1:role/r", "n", NOW + 1);
        let other = state.issue("acs:ram::1:role/r", "m", NOW + 1);
        let late = state.issue("acs:ram::1:role/r", "l", NOW);
        let date = http_date(NOW);
        let go = |session: &Session, token: &str, expect: (u16, &str)| {
            let headers = [("date", date.as_str()), ("x-oss-security-token", token)];
            check(&signed((&session.key_id, &session.secret), &headers, &[]), &state, expect);
        };
        go(&session, &session.token, ACCEPTED);
        go(&session, &other.token, (403, "AccessKeyIdAndSecurityTokenNotMatch"));
        go(&session, "x", (403, "InvalidSecurityToken"));
        go(&session, "", (403, "InvalidAccessKeyId"));
        go(&late, &late.token, (403, "SecurityTokenExpired"));
        let headers = [("date", date.as_str()), ("x-oss-security-token", session.token.as_str())];
        check(&signed(USER, &headers, &[]), &state, (403, "InvalidAccessKeyId"));
    }
}
