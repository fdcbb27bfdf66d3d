//! Who calls: the account, its user, and roles with temporary credentials.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::{Millis, iso};

/// The account that the access key belongs to.
pub(crate) const ACCOUNT: &str = "1234567890123456";

/// Who a call was proven to come from.
#[derive(Debug, Clone)]
pub(crate) enum Caller {
    User,
    Role(Box<Session>),
    Anonymous,
}

impl Caller {
    pub(crate) fn arn(&self) -> String {
        match self {
            Caller::User => format!("acs:ram::{ACCOUNT}:user/emulator"),
            Caller::Role(session) => session.arn(),
            Caller::Anonymous => String::new(),
        }
    }
}

/// Temporary credentials, and whose they are.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) key_id: String,
    pub(crate) secret: String,
    pub(crate) token: String,
    pub(crate) role_arn: String,
    pub(crate) name: String,
    pub(crate) expires: Millis,
}

impl Session {
    /// `acs:ram::1:role/r` and a session name become `acs:ram::1:assumed-role/r/name`.
    pub(crate) fn arn(&self) -> String {
        format!("{}/{}", self.role_arn.replacen(":role/", ":assumed-role/", 1), self.name)
    }

    pub(crate) fn role_id(&self) -> &'static str {
        if self.role_arn.is_empty() { "" } else { "300000000000000001" }
    }

    /// The credentials as STS, the metadata server and the credentials URI all write them.
    pub(crate) fn credentials(&self) -> Map<String, Value> {
        let mut members = Map::new();
        members.insert("AccessKeyId".into(), self.key_id.clone().into());
        members.insert("AccessKeySecret".into(), self.secret.clone().into());
        members.insert("SecurityToken".into(), self.token.clone().into());
        members.insert("Expiration".into(), iso(self.expires).into());
        members
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_numbers() {
        assert!(ACCOUNT.len() == 16 && ACCOUNT.bytes().all(|b| b.is_ascii_digit()));
    }
}
