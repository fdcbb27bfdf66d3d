//! The STS actions: who is calling, and credentials that end.

use serde_json::{Map, Value, json};

use crate::action::{Action, Context};
use crate::answer::{Failure, failure};
use crate::clock::{Millis, iso};
use crate::params::Params;
use crate::session::{ACCOUNT, Caller, Session};

pub(crate) const ACTIONS: &[Action] = &[
    Action::change("AssumeRole", assume_role),
    Action::change("AssumeRoleWithOIDC", assume_role_with_oidc).anonymous(),
    Action::read("GetCallerIdentity", get_caller_identity),
];

fn assume_role(context: &mut Context<'_>) -> Result<Value, Failure> {
    let params = context.params;
    let role = role_arn(params.required("RoleArn")?)?;
    let name = session_name(params.required("RoleSessionName")?)?;
    let lifetime = lifetime(params)?;
    check_policy(params)?;
    if let Some(id) = params.text("ExternalId") {
        let is_good = (2..=1_224).contains(&id.len())
            && id.chars().all(|c| c.is_ascii_alphanumeric() || "=,.@:/-_+".contains(c));
        if !is_good {
            return Err(failure(
                400,
                "InvalidParameter.ExternalId",
                "The parameter ExternalId is wrongly formed.",
            ));
        }
    }
    check_role(role)?;
    let session = context.state.issue(role, name, context.now + lifetime);
    Ok(credentials(&session))
}

fn assume_role_with_oidc(context: &mut Context<'_>) -> Result<Value, Failure> {
    let params = context.params;
    let provider = params.required("OIDCProviderArn")?;
    let role = role_arn(params.required("RoleArn")?)?;
    let token = params.required("OIDCToken")?;
    let name = session_name(params.text("RoleSessionName").unwrap_or("oidc"))?;
    let lifetime = lifetime(params)?;
    check_policy(params)?;
    if !provider.starts_with("acs:ram::") || !provider.contains(":oidc-provider/") {
        let message = "The parameter OIDCProviderArn is wrongly formed.";
        return Err(failure(400, "InvalidParameter.OIDCProviderArn", message));
    }
    if !(4..=20_000).contains(&token.len()) {
        let message = "The parameter OIDCToken does not have 4 to 20000 characters.";
        return Err(failure(400, "InvalidParameter.OIDCToken", message));
    }
    check_role(role)?;
    let session = context.state.issue(role, name, context.now + lifetime);
    let mut answer = credentials(&session);
    answer["OIDCTokenInfo"] = json!({
        "Issuer": "https://issuer.example",
        "Subject": "emulator",
        "ClientIds": "emulator",
        "IssuanceTime": iso(context.now),
        "ExpirationTime": iso(session.expires),
        "VerificationInfo": "Success",
    });
    Ok(answer)
}

fn get_caller_identity(context: &mut Context<'_>) -> Result<Value, Failure> {
    let mut answer = json!({"AccountId": ACCOUNT, "Arn": context.caller.arn()});
    match context.caller {
        Caller::Role(session) => {
            answer["IdentityType"] = "AssumedRoleUser".into();
            answer["RoleId"] = session.role_id().into();
            answer["PrincipalId"] = format!("{}:{}", session.role_id(), session.name).into();
        }
        Caller::User | Caller::Anonymous => {
            answer["IdentityType"] = "RAMUser".into();
            answer["UserId"] = "200000000000000001".into();
            answer["PrincipalId"] = "200000000000000001".into();
        }
    }
    Ok(answer)
}

fn credentials(session: &Session) -> Value {
    json!({
        "AssumedRoleUser": {
            "Arn": session.arn(),
            "AssumedRoleId": format!("{}:{}", session.role_id(), session.name),
        },
        "Credentials": Value::Object(session.credentials()),
    })
}

fn role_arn(arn: &str) -> Result<&str, Failure> {
    let parts = arn.strip_prefix("acs:ram::").and_then(|rest| rest.split_once(":role/"));
    match parts {
        Some((account, role))
            if !account.is_empty() && account.bytes().all(|b| b.is_ascii_digit()) && !role.is_empty() =>
        {
            Ok(arn)
        }
        _ => Err(failure(400, "InvalidParameter.RoleArn", "The parameter RoleArn is wrongly formed.")),
    }
}

/// Two names stand for a role that is not there and for one that may not be assumed.
fn check_role(arn: &str) -> Result<(), Failure> {
    match arn.rsplit('/').next() {
        Some("missing") => Err(failure(404, "EntityNotExist.Role", "The specified Role not exists.")),
        Some("forbidden") => Err(failure(
            403,
            "NoPermission",
            "You are not authorized to do this action. You should be authorized by RAM.",
        )),
        _ => Ok(()),
    }
}

fn session_name(name: &str) -> Result<&str, Failure> {
    let is_good = (2..=64).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || ".@-_".contains(c));
    if is_good {
        return Ok(name);
    }
    Err(failure(400, "InvalidParameter.RoleSessionName", "The parameter RoleSessionName is wrongly formed."))
}

fn lifetime(params: &Params) -> Result<Millis, Failure> {
    match params.number("DurationSeconds") {
        Ok(None) => Ok(3_600_000),
        Ok(Some(seconds @ 900..=43_200)) => Ok(seconds * 1_000),
        Ok(Some(_)) | Err(_) => {
            let message = "The parameter DurationSeconds is not from 900 to 43200.";
            Err(failure(400, "InvalidParameter.DurationSeconds", message))
        }
    }
}

fn check_policy(params: &Params) -> Result<(), Failure> {
    let Some(policy) = params.text("Policy") else { return Ok(()) };
    if policy.len() > 2_048 {
        return Err(failure(400, "InvalidParameter.PolicySize", "The policy has more than 2048 characters."));
    }
    match serde_json::from_str::<Map<String, Value>>(policy) {
        Ok(members) if members.contains_key("Statement") => Ok(()),
        _ => Err(failure(400, "InvalidParameter.PolicyGrammar", "The policy is wrongly formed.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;
    use crate::state::State;

    const NOW: Millis = 1_700_000_000_000;
    const ROLE: (&str, &str) = ("RoleArn", "acs:ram::1234567890123456:role/tester");
    const NAME: (&str, &str) = ("RoleSessionName", "me");

    fn call(
        state: &mut State,
        action: &str,
        params: &[(&str, &str)],
        caller: &Caller,
    ) -> Result<Value, Failure> {
        let action = ACTIONS.iter().find(|known| known.name == action).expect("an action");
        action.carry_out(&mut Context {
            params: &Params::of(params),
            host: "localhost",
            state,
            options: &Options::default(),
            caller,
            now: NOW,
            fault: None,
        })
    }

    fn user() -> Caller {
        Caller::User
    }

    #[track_caller]
    fn check(action: &str, params: &[(&str, &str)], expect: Result<&str, (u16, &str)>) {
        let seen = call(&mut State::default(), action, params, &user());
        let seen = seen.map(|answer| answer["Credentials"]["Expiration"].as_str().unwrap_or("?").to_owned());
        let seen = seen.map_err(|failure| (failure.status, failure.code.into_owned()));
        assert_eq!(
            seen,
            expect.map(str::to_owned).map_err(|(status, code)| (status, code.to_owned())),
            "{params:?}"
        );
    }

    #[test]
    fn credentials_last_as_long_as_asked_for() {
        check("AssumeRole", &[ROLE, NAME], Ok("2023-11-14T23:13:20Z"));
        check("AssumeRole", &[ROLE, NAME, ("DurationSeconds", "900")], Ok("2023-11-14T22:28:20Z"));
        for wrong in ["899", "43201", "-1", "long"] {
            let code = (400, "InvalidParameter.DurationSeconds");
            check("AssumeRole", &[ROLE, NAME, ("DurationSeconds", wrong)], Err(code));
        }
    }

    #[test]
    fn what_is_asked_for_is_checked() {
        check("AssumeRole", &[NAME], Err((400, "MissingParameter")));
        check("AssumeRole", &[ROLE], Err((400, "MissingParameter")));
        check("AssumeRole", &[("RoleArn", "tester"), NAME], Err((400, "InvalidParameter.RoleArn")));
        check(
            "AssumeRole",
            &[ROLE, ("RoleSessionName", "a b")],
            Err((400, "InvalidParameter.RoleSessionName")),
        );
        check("AssumeRole", &[ROLE, NAME, ("Policy", "{")], Err((400, "InvalidParameter.PolicyGrammar")));
        check(
            "AssumeRole",
            &[ROLE, NAME, ("Policy", &" ".repeat(2_049))],
            Err((400, "InvalidParameter.PolicySize")),
        );
        check("AssumeRole", &[ROLE, NAME, ("ExternalId", "a b")], Err((400, "InvalidParameter.ExternalId")));
        check(
            "AssumeRole",
            &[("RoleArn", "acs:ram::1:role/missing"), NAME],
            Err((404, "EntityNotExist.Role")),
        );
        check("AssumeRole", &[("RoleArn", "acs:ram::1:role/forbidden"), NAME], Err((403, "NoPermission")));
    }

    #[test]
    fn a_token_of_an_identity_provider_is_exchanged() {
        let provider = ("OIDCProviderArn", "acs:ram::1234567890123456:oidc-provider/idp");
        let token = ("OIDCToken", "eyJh.e30.x");
        check("AssumeRoleWithOIDC", &[ROLE, provider, token], Ok("2023-11-14T23:13:20Z"));
        check("AssumeRoleWithOIDC", &[ROLE, provider], Err((400, "MissingParameter")));
        check("AssumeRoleWithOIDC", &[ROLE, token], Err((400, "MissingParameter")));
        let short = ("OIDCToken", "x");
        check("AssumeRoleWithOIDC", &[ROLE, provider, short], Err((400, "InvalidParameter.OIDCToken")));
    }

    #[test]
    fn a_caller_is_told_who_it_is() {
        let mut state = State::default();
        let as_user = call(&mut state, "GetCallerIdentity", &[], &user()).expect("answered");
        assert_eq!(as_user["IdentityType"], "RAMUser");
        let session = state.issue(ROLE.1, "me", NOW);
        let role = Caller::Role(Box::new(session));
        let as_role = call(&mut state, "GetCallerIdentity", &[], &role).expect("answered");
        assert_eq!(as_role["IdentityType"], "AssumedRoleUser");
        assert_eq!(as_role["Arn"], "acs:ram::1234567890123456:assumed-role/tester/me");
    }
}
