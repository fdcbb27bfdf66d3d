//! ModifyImageSharePermission and DescribeImageSharePermission.

use serde_json::{Value, json};

use crate::action::Context;
use crate::answer::{Failure, failure};
use crate::clock::{Millis, iso};
use crate::ecs::lookup::own_image;
use crate::ecs::paging::Page;
use crate::session::ACCOUNT;

/// The most accounts that one call looks at. Further ones are ignored without a word.
const MOST_AT_ONCE: usize = 10;
/// The most accounts that one image may be shared with.
const MOST_ACCOUNTS: usize = 50;

pub(crate) fn modify_image_share_permission(context: &mut Context<'_>) -> Result<Value, Failure> {
    context.region_id()?;
    let (params, now) = (context.params, context.now);
    let id = params.required("ImageId")?;
    let accounts = |name: &str| -> Result<Vec<&str>, Failure> {
        let mut accounts = params.list(name)?;
        accounts.truncate(MOST_AT_ONCE);
        accounts.iter().try_for_each(|account| check_account(account))?;
        Ok(accounts)
    };
    let add = accounts("AddAccount")?;
    let remove = accounts("RemoveAccount")?;
    let public = params.boolean("IsPublic")?;
    let dry_run = context.check_dry_run();
    let region = context.region()?;
    let image = own_image(region, id)?;
    if image.status(now) == "Deprecated" {
        let message = "A deprecated image cannot be shared.";
        return Err(failure(403, "OperationDenied.InvalidImageStatus", message));
    }
    let accounts_are_given = !add.is_empty() || !remove.is_empty();
    match public {
        Some(true) if accounts_are_given => {
            let message = "IsPublic and accounts cannot be given together.";
            return Err(failure(403, "InvalidParameter.IsPublic", message));
        }
        Some(true) if image.public => {
            return Err(failure(403, "Image.Public", "The image is a community image already."));
        }
        Some(false) if !image.public && !accounts_are_given => {
            return Err(failure(403, "Image.NotPublic", "The image is not a community image."));
        }
        _ => {}
    }
    let mut shared = image.shared_with.clone();
    shared.retain(|account, _| !remove.contains(&account.as_str()));
    for account in add {
        shared.entry(account.to_owned()).or_insert(now);
    }
    if shared.len() > MOST_ACCOUNTS {
        let message = format!("An image can be shared with {MOST_ACCOUNTS} accounts at most.");
        return Err(failure(403, "QuotaExceed.ShareImageUser", message));
    }
    dry_run?;
    if let Some(image) = region.image_mut(id) {
        image.shared_with = shared;
        image.public = public.unwrap_or(image.public);
    }
    Ok(json!({}))
}

fn check_account(account: &str) -> Result<(), Failure> {
    if account == ACCOUNT {
        let message = "An image cannot be shared with its own account.";
        return Err(failure(404, "InvalidAccount.Forbbiden", message));
    }
    if account.len() < 12 || account.len() > 20 || !account.bytes().all(|b| b.is_ascii_digit()) {
        let message = format!("The specified account \"{account}\" does not exist.");
        return Err(failure(404, "InvalidAccount.NotFound", message));
    }
    Ok(())
}

pub(crate) fn describe_image_share_permission(context: &mut Context<'_>) -> Result<Value, Failure> {
    let region_id = context.region_id()?;
    let id = context.params.required("ImageId")?;
    let page = Page::read(context.params, 100, "InvalidParameter")?;
    let region = context.region()?;
    let image = own_image(region, id)?;
    let accounts: Vec<(&String, &Millis)> = image.shared_with.iter().collect();
    let mut answer = page.of(
        &accounts,
        "Accounts",
        "Account",
        |(account, since)| json!({"AliyunId": account, "SharedTime": iso(**since)}),
    );
    answer["ImageId"] = id.into();
    answer["RegionId"] = region_id.into();
    let groups: &[Value] = if image.public { &[json!({"Group": "all"})] } else { &[] };
    answer["ShareGroups"] = json!({ "ShareGroup": groups });
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecs::tests::Cloud;

    const ACTION: &str = "ModifyImageSharePermission";

    #[track_caller]
    fn check(change: &[(&str, &str)], expect: Result<usize, (u16, &str)>) {
        let mut cloud = Cloud::new();
        let id = cloud.image("mine");
        let mut params = vec![("ImageId", id.as_str())];
        params.extend_from_slice(change);
        match expect {
            Err(refusal) => cloud.refused(ACTION, &params, refusal),
            Ok(count) => {
                cloud.ok(ACTION, &params);
                let shared = cloud.ok("DescribeImageSharePermission", &[("ImageId", &id)]);
                assert_eq!(shared["TotalCount"], count);
            }
        }
    }

    #[test]
    fn an_image_is_shared_with_accounts() {
        check(&[("AddAccount.1", "1111222233334444"), ("AddAccount.2", "2222333344445555")], Ok(2));
        check(&[("AddAccount.1", "1111222233334444"), ("RemoveAccount.1", "2222333344445555")], Ok(1));
        check(&[("AddAccount.1", "somebody")], Err((404, "InvalidAccount.NotFound")));
        check(&[("AddAccount.1", ACCOUNT)], Err((404, "InvalidAccount.Forbbiden")));
        check(&[("IsPublic", "false")], Err((403, "Image.NotPublic")));
        check(
            &[("IsPublic", "true"), ("AddAccount.1", "1111222233334444")],
            Err((403, "InvalidParameter.IsPublic")),
        );
    }

    #[test]
    fn more_than_ten_at_once_are_ignored() {
        let many: Vec<(String, String)> =
            (10..=22).map(|n| (format!("AddAccount.{}", n - 9), format!("11112222333344{n}"))).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        check(&many, Ok(10));
    }

    #[test]
    fn an_image_has_fifty_sharers_at_most() {
        let mut cloud = Cloud::new();
        let id = cloud.image("mine");
        let add = |n: usize| [("ImageId", id.clone()), ("AddAccount.1", format!("11112222333344{n:02}"))];
        for n in 0..=50 {
            let params = add(n);
            let params: Vec<(&str, &str)> = params.iter().map(|(a, b)| (*a, b.as_str())).collect();
            match n {
                50 => cloud.refused(ACTION, &params, (403, "QuotaExceed.ShareImageUser")),
                _ => drop(cloud.ok(ACTION, &params)),
            }
        }
    }
}
