//! What a user can do about the failures that people meet. Pure: facts in, a sentence out.

use jiff::SignedDuration;

use crate::answer::Denial;
use crate::endpoint::{Endpoint, Product};
use crate::error::{Error, ErrorKind};
use crate::key::Credential;

/// What is known about a failed call besides its error.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) product: Product,
    pub(crate) region: &'a str,
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) credential: Option<&'a Credential>,
    /// How far the server's clock is ahead of the local one, if its answer told.
    pub(crate) skew: Option<SignedDuration>,
    pub(crate) denial: Option<&'a Denial>,
}

/// One or two sentences, or nothing if the message itself says what to do.
pub(crate) fn advise(error: &Error, facts: &Facts<'_>) -> Option<String> {
    let key = facts.credential.map_or_else(
        || "the key".to_owned(),
        |credential| format!("the key {} from {}", credential.masked_id(), credential.origin),
    );
    let code = error.code().unwrap_or("");
    match code {
        "InvalidTimeStamp.Expired" | "IllegalTimestamp" => Some(match facts.skew {
            Some(skew) if skew.abs() > SignedDuration::from_secs(60) => {
                let direction = if skew.is_positive() { "behind" } else { "ahead of" };
                format!(
                    "This machine's clock is {} {direction} the server's; at most 15 minutes are allowed. Set the clock.",
                    duration(skew.abs())
                )
            }
            Some(_) | None => "The request was signed more than 15 minutes off the server's time. Check this \
                               machine's clock and what may hold requests up on the way."
                .to_owned(),
        }),
        "InvalidAccessKeyId.NotFound" => Some(format!(
            "{} does not know {key}. Check that it is complete and not deleted, and that it belongs to this cloud: keys \
             of the international site, the China site and private clouds are not valid in each other's regions \
             (region {}, endpoint {} by {}).",
            "The cloud", facts.region, facts.endpoint, facts.endpoint.origin()
        )),
        "InvalidAccessKeyId.Inactive" | "Forbidden.AccessKeyDisabled" => {
            Some(format!("Enable {key} in the RAM console, or use another one."))
        }
        "SignatureDoesNotMatch" | "IncompleteSignature" => {
            Some(format!("The secret does not belong to {key}; copy id and secret again, as a pair."))
        }
        "InvalidSecurityToken.Expired" => {
            Some(format!("The token of {key} has expired; get a new one, or use a source that refreshes it."))
        }
        "InvalidSecurityToken.Malformed" | "InvalidSecurityToken.MismatchWithAccessKey" | "MissingSecurityToken" => {
            Some(format!("Id, secret and token of {key} must come from one and the same answer; copy all three again."))
        }
        "InvalidRegionId.NotFound" => {
            Some(format!("Check the region \"{}\" and that the endpoint {} serves it.", facts.region, facts.endpoint))
        }
        "InvalidApi.NotFound" | "InvalidProduct.NotFound" => Some(format!(
            "The endpoint {}, given by {}, does not serve this API. Check that it is an ECS endpoint.",
            facts.endpoint,
            facts.endpoint.origin()
        )),
        "InvalidProtocol.NeedSsl" => Some("The endpoint takes HTTPS only: set the protocol to HTTPS.".to_owned()),
        "EntityNotExist.Role" => Some(
            "Check the role's ARN, acs:ram::<account>:role/<name>: the account and the role's name must be right.".to_owned(),
        ),
        "InsufficientBalance" | "InvalidAccountStatus.NotEnoughBalance" => {
            Some("Top up the account's balance.".to_owned())
        }
        "RealNameAuthenticationError" => {
            Some("Complete the account's real-name verification in the console.".to_owned())
        }
        _ => match error.kind() {
            ErrorKind::Denied => Some(denied(error, facts, &key)),
            ErrorKind::Quota => Some(
                "Delete what is no longer needed, or ask for a higher quota in the Quota Center of the console."
                    .to_owned(),
            ),
            ErrorKind::NotFound
            | ErrorKind::Conflict
            | ErrorKind::InvalidRequest
            | ErrorKind::Credential
            | ErrorKind::Throttled
            | ErrorKind::Unavailable
            | ErrorKind::Transport
            | ErrorKind::TimedOut
            | ErrorKind::UnexpectedResponse
            | ErrorKind::Settings => None,
        },
    }
}

fn denied(error: &Error, facts: &Facts<'_>, key: &str) -> String {
    let named = facts.denial.and_then(|denial| denial.action.clone());
    // RAM knows the look at an object by the right to read it.
    let called = if error.action() == "HeadObject" { "GetObject" } else { error.action() };
    let action = named.unwrap_or_else(|| format!("{}:{called}", facts.product.name()));
    let mut advice = format!("Allow {action} for the owner of {key} in RAM");
    if let Some(denial) = facts.denial {
        if let Some(principal) = &denial.principal {
            advice = format!("Allow {action} for {principal}, the owner of {key}, in RAM");
        }
        match (&denial.policy_type, &denial.reason) {
            (Some(policy), Some(reason)) => {
                advice.push_str(&format!(" (refused by a policy of type {policy}: {reason})"))
            }
            (Some(policy), None) => advice.push_str(&format!(" (refused by a policy of type {policy})")),
            (None, _) => {}
        }
    }
    advice.push('.');
    advice
}

fn duration(duration: SignedDuration) -> String {
    match duration.as_secs() {
        seconds @ ..120 => format!("{seconds} seconds"),
        seconds @ 120..7_200 => format!("{} minutes", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} hours", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::Protocol;
    use crate::error::classify;

    #[track_caller]
    fn check(code: &str, status: u16, skew: Option<i64>, denial: Option<Denial>, expected: &[&str]) {
        let (kind, class) = classify(&[], code, status);
        let error = Error::new(kind, class, "CreateImage", "said the cloud").with_code(code);
        let endpoint = Endpoint::parse("ecs.test", Protocol::Https, "ECS_ENDPOINT").expect("an endpoint");
        let credential = Credential {
            access_key_id: "LTAI5tExampleKeyId".to_owned(),
            access_key_secret: "a-secret-to-hide".to_owned(),
            origin: "the variable X".to_owned(),
            ..Credential::default()
        };
        let facts = Facts {
            product: Product::Ecs,
            region: "cn-hangzhou",
            endpoint: &endpoint,
            credential: Some(&credential),
            skew: skew.map(SignedDuration::from_secs),
            denial: denial.as_ref(),
        };
        let advice = advise(&error, &facts).expect("advice");
        for part in expected {
            assert!(advice.contains(part), "{part} not in: {advice}");
        }
        assert!(!advice.contains("a-secret") && !advice.contains("ExampleKey"), "{advice}");
    }

    #[test]
    fn a_wrong_clock_is_measured() {
        check("InvalidTimeStamp.Expired", 400, Some(3_700), None, &["clock is 61 minutes behind"]);
        check("IllegalTimestamp", 400, Some(-200_000), None, &["clock is 2 days ahead of"]);
        check("IllegalTimestamp", 400, None, None, &["15 minutes"]);
    }

    #[test]
    fn an_unknown_key_is_named_with_its_origin_and_the_endpoint() {
        let expected =
            ["LTAI5t***yId", "the variable X", "region cn-hangzhou", "https://ecs.test by ECS_ENDPOINT"];
        check("InvalidAccessKeyId.NotFound", 404, None, None, &expected);
    }

    #[test]
    fn a_denial_names_rams_action_and_the_policy_type() {
        check(
            "Forbidden.RAM",
            403,
            None,
            None,
            &["Allow ecs:CreateImage for the owner of the key LTAI5t***yId"],
        );
        let denial = Denial {
            action: Some("ecs:CreateSnapshot".to_owned()),
            policy_type: Some("ControlPolicy".to_owned()),
            reason: Some("ExplicitDeny".to_owned()),
            principal: Some("dev".to_owned()),
        };
        let expected = ["Allow ecs:CreateSnapshot for dev", "of type ControlPolicy: ExplicitDeny"];
        check("Forbidden.RAM", 403, None, Some(denial), &expected);
    }

    #[test]
    fn a_quota_says_where_to_raise_it() {
        check("QuotaExceed.Image", 403, None, None, &["Quota Center"]);
    }
}
