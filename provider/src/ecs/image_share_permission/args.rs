//! What a program says of a share, with the users' documentation, what the state holds of it, and its id.

use pulumi::path::Path;
use pulumi::value::quote;
use pulumi::{Failure, Findings, Input, known};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ecs::images::shares::Share;

/// What a program says of a share.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["accountId", "imageId"]))]
pub(crate) struct ShareArgs {
    /// The id of the account that the image is shared with, which has digits only, such as `1234567890123456`. It is the
    /// account's own id, and not that of a RAM user in it, nor a name. A number is taken as its text; one with more than 15
    /// digits is safe in quotes only. A change replaces the resource.
    #[schemars(length(min = 1), extend("x-replace" = true, "x-always-reported" = true, "x-scalars-as-text" = true))]
    pub(crate) account_id: Option<Input<String>>,

    /// The image that is shared. It must be a custom image that the provider's own account has made, in the provider's
    /// region; while it is being made, sharing it waits. A change replaces the resource.
    #[schemars(length(min = 1), extend("x-replace" = true, "x-always-reported" = true))]
    pub(crate) image_id: Option<Input<String>>,
}

/// What the state holds of a share.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ShareEntry {
    #[serde(flatten)]
    pub(crate) args: ShareArgs,

    /// The region that the image is in, such as `cn-hangzhou`.
    #[schemars(extend("x-always-reported" = true))]
    pub(crate) region_id: Option<String>,

    /// Since when the image has been shared with the account, in UTC, as RFC 3339 has it. Clouds of older versions do not say.
    pub(crate) shared_time: Option<String>,

    /// Of this entry of the state alone, so that two entries with one id can be told apart.
    #[serde(rename = "__mark", skip_serializing_if = "Option::is_none")]
    pub(crate) mark: Option<String>,

    /// No look has shown the share yet.
    #[serde(rename = "__unseen", skip_serializing_if = "Option::is_none")]
    pub(crate) unseen: Option<bool>,
}

/// What a list of shares is narrowed by.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["imageId"]))]
pub(crate) struct ShareListArgs {
    /// The image whose shares are listed.
    #[schemars(length(min = 1))]
    pub(crate) image_id: Option<Input<String>>,
}

/// An image and an account that it is shared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pair<'a> {
    pub(crate) image: &'a str,
    pub(crate) account: &'a str,
}

impl<'a> Pair<'a> {
    /// Reads a resource's id.
    ///
    /// # Errors
    /// If it has another form. The text says which it must have.
    pub(crate) fn of_id(id: &'a str) -> Result<Self, Failure> {
        match id.rsplit_once(':') {
            Some((image, account)) if !image.is_empty() && is_account(account) => Ok(Pair { image, account }),
            _ => Err(Failure::Refused(format!(
                "the id {} does not have the form <imageId>:<accountId>, such as m-bp1g7004ksh0oeuco7fd:1234567890123456",
                quote(id)
            ))),
        }
    }

    /// Of what a program gives.
    ///
    /// # Errors
    /// If it gives nothing: programs of some SDKs look up a resource that way while its id is not known yet.
    pub(crate) fn of_args(args: &'a ShareArgs) -> Result<Self, Failure> {
        match (known(&args.image_id), known(&args.account_id)) {
            (Some(image), Some(account)) => Ok(Pair { image, account }),
            _ => Err(Failure::Refused("a share needs both imageId and accountId".to_owned())),
        }
    }

    pub(crate) fn id(&self) -> String {
        format!("{}:{}", self.image, self.account)
    }

    fn args(&self) -> ShareArgs {
        let text = |text: &str| Some(Input::Known(text.to_owned()));
        ShareArgs { account_id: text(self.account), image_id: text(self.image) }
    }
}

impl ShareEntry {
    /// Of a share that a look has shown.
    pub(crate) fn seen(pair: Pair<'_>, share: Share, region: &str, mark: Option<String>) -> ShareEntry {
        ShareEntry {
            args: pair.args(),
            region_id: Some(region.to_owned()),
            shared_time: share.since,
            mark,
            unseen: None,
        }
    }

    /// Of a share that was asked for, and that no look has shown.
    pub(crate) fn unseen(pair: Pair<'_>, region: &str, mark: Option<String>) -> ShareEntry {
        ShareEntry { unseen: Some(true), ..ShareEntry::seen(pair, Share::default(), region, mark) }
    }
}

/// Checks what is known.
pub(crate) fn check(args: &ShareArgs, findings: &mut Findings) {
    if let Some(account) = known(&args.account_id).filter(|account| !is_account(account)) {
        let reason = "must be the id of an account, which has digits only, such as 1234567890123456";
        findings.fail_got(Path::property("accountId"), reason, quote(account));
    }
}

fn is_account(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_split_at_its_last_colon() {
        for (id, image, account) in [("m-1:123", "m-1", "123"), ("m:odd:1:007", "m:odd:1", "007")] {
            let pair = Pair::of_id(id).unwrap();
            assert_eq!(pair, Pair { image, account });
            assert_eq!(pair.id(), id);
        }
        for id in ["", ":", "m-1", "m-1:", ":123", "m-1:12a", "m-1:123 ", "m-1:+1", "m-1:१२३", "123:m-1"]
        {
            let text = Pair::of_id(id).unwrap_err().to_string();
            assert!(text.contains(&quote(id)) && text.contains("form <imageId>:<accountId>"), "{text}");
        }
    }

    #[test]
    fn an_account_has_digits_only() {
        for (account, is_good) in
            [("1234567890123456", true), ("12 34", false), ("acs:ram::12:user/a", false)]
        {
            let mut findings = Findings::default();
            check(&Pair { image: "m-1", account }.args(), &mut findings);
            let paths: Vec<String> =
                findings.failures.iter().map(|failure| failure.path.to_string()).collect();
            assert_eq!(paths, if is_good { vec![] } else { vec!["accountId"] }, "{account}");
        }
    }

    #[test]
    fn what_is_not_known_is_not_judged() {
        let mut findings = Findings::default();
        let unknown = ShareArgs { account_id: Some(Input::Unknown), image_id: Some(Input::Unknown) };
        check(&unknown, &mut findings);
        assert!(findings.failures.is_empty());
    }
}
