//! ModifyImageSharePermission and DescribeImageSharePermission.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::action::Context;
use crate::answer::{Failure, failure};
use crate::clock::{Millis, iso};
use crate::ecs::lookup::own_image;
use crate::ecs::paging::Page;
use crate::params::Params;
use crate::session::ACCOUNT;
use crate::state::disk::DiskKind;
use crate::state::image::Image;

/// The most accounts that one call looks at. Further ones are ignored without a word.
const MOST_AT_ONCE: usize = 10;
/// The most accounts that one image may be shared with.
const MOST_ACCOUNTS: usize = 50;

pub(crate) fn modify_image_share_permission(context: &mut Context<'_>) -> Result<Value, Failure> {
    context.region_id()?;
    let (params, now) = (context.params, context.now);
    let id = params.required("ImageId")?;
    let closed = &context.state.closed_accounts;
    let add = accounts(params, "AddAccount", closed)?;
    let remove = accounts(params, "RemoveAccount", closed)?;
    let public = params.boolean("IsPublic")?;
    let accounts_are_given = !add.is_empty() || !remove.is_empty();
    if params.text("LaunchPermission").is_some() {
        return Err(match accounts_are_given {
            true => failure(
                400,
                "UnnecessaryParameter.LaunchPermission",
                "LaunchPermission cannot be given together with accounts.",
            ),
            false => failure(
                400,
                "ForbiddenParameter.LaunchPermission",
                "The account may not use LaunchPermission.",
            ),
        });
    }
    let dry_run = context.check_dry_run();
    let region = context.region()?;
    let image = own_image(region, id)?;
    let shares_more = !add.is_empty() || public == Some(true);
    check_status(image, image.status(now), shares_more)?;
    if !add.is_empty() && image.public {
        let message = "The image is a community image, which cannot be shared.";
        return Err(failure(403, "Image.Public", message));
    }
    if shares_more && image.encrypted && image.kms_key.is_empty() {
        let message = "An image that is encrypted with the service key cannot be shared.";
        return Err(failure(403, "InvalidOperation.ServiceKeyEncryptedImageUnsupported", message));
    }
    if shares_more && image.encrypted && image.disks.iter().any(|disk| disk.kind == DiskKind::Data) {
        let message = "An encrypted image with data disks cannot be shared.";
        return Err(failure(403, "OperationDeined.FullImage", message));
    }
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

/// The first ten of a list of accounts, by their numbers in the list.
fn accounts<'a>(params: &'a Params, name: &str, closed: &BTreeSet<String>) -> Result<Vec<&'a str>, Failure> {
    let first = (1..=MOST_AT_ONCE).filter_map(|number| params.raw(&format!("{name}.{number}")));
    first.map(|account| check_account(account, closed).map(|()| account)).collect()
}

/// What is not finished can be neither shared nor unshared, what is deprecated cannot be shared.
fn check_status(image: &Image, status: &str, shares_more: bool) -> Result<(), Failure> {
    match status {
        "Available" => Ok(()),
        "Deprecated" if !shares_more => Ok(()),
        "Deprecated" => {
            let message = "A deprecated image cannot be shared.";
            Err(failure(403, "OperationDenied.InvalidImageStatus", message))
        }
        _ => {
            let message = format!("The image \"{}\" is {status}, not Available.", image.id);
            Err(failure(400, "IncorrectImageStatus", message))
        }
    }
}

fn check_account(account: &str, closed: &BTreeSet<String>) -> Result<(), Failure> {
    if account == ACCOUNT {
        let message = "An image cannot be shared with its own account.";
        return Err(failure(404, "InvalidAccount.Forbbiden", message));
    }
    let is_number = (12..=20).contains(&account.len()) && account.bytes().all(|b| b.is_ascii_digit());
    if !is_number || closed.contains(account) {
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
    use crate::state::disk::Disk;

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
    fn an_account_beyond_the_tenth_is_not_even_looked_at() {
        check(&[("AddAccount.1", "1111222233334444"), ("AddAccount.11", "somebody")], Ok(1));
        check(&[("AddAccount.11", "1111222233334444")], Ok(0));
        check(&[("AddAccount.99999", "1111222233334444"), ("RemoveAccount.11", ACCOUNT)], Ok(0));
        check(&[("AddAccount.2", "1111222233334444"), ("AddAccount.3", "1111222233334444")], Ok(1));
    }

    #[test]
    fn shares_are_shown_ten_at_a_time_unless_asked_otherwise() {
        let mut cloud = Cloud::new();
        let id = cloud.image("mine");
        for number in 0..23 {
            let account = format!("11112222333344{number:02}");
            cloud.ok(ACTION, &[("ImageId", &id), ("AddAccount.1", &account)]);
        }
        let mut page = |more: &[(&str, &str)]| {
            let mut params = vec![("ImageId", id.as_str())];
            params.extend_from_slice(more);
            let answer = cloud.ok("DescribeImageSharePermission", &params);
            assert_eq!((&answer["TotalCount"], &answer["ImageId"]), (&json!(23), &json!(id)));
            answer["Accounts"]["Account"].as_array().map(Vec::len)
        };
        assert_eq!(page(&[]), Some(10));
        assert_eq!(page(&[("PageNumber", "3")]), Some(3));
        assert_eq!(page(&[("PageNumber", "4")]), Some(0));
        assert_eq!(page(&[("PageSize", "100")]), Some(23));
        let refused = |more| [("ImageId", id.as_str()), more];
        let action = "DescribeImageSharePermission";
        cloud.refused(action, &refused(("PageSize", "101")), (400, "InvalidParameter"));
        cloud.refused(action, &[("ImageId", "m-none")], (404, "InvalidImageId.NotFound"));
        cloud.refused(action, &[], (400, "MissingParameter"));
    }

    #[test]
    fn an_account_that_is_closed_has_no_shares() {
        let mut cloud = Cloud::new();
        let id = cloud.image("mine");
        let with = |name| [("ImageId", id.as_str()), (name, "1111222233334444")];
        cloud.ok(ACTION, &with("AddAccount.1"));
        cloud.state.close_account("1111222233334444");
        assert_eq!(cloud.ok("DescribeImageSharePermission", &with("X")[..1])["TotalCount"], 0);
        for name in ["AddAccount.1", "RemoveAccount.1"] {
            cloud.refused(ACTION, &with(name), (404, "InvalidAccount.NotFound"));
        }
    }

    #[test]
    fn sharing_twice_and_unsharing_what_is_not_shared_is_no_failure() {
        let mut cloud = Cloud::new();
        let id = cloud.image("mine");
        let with = |name| [("ImageId", id.as_str()), (name, "1111222233334444")];
        let since = |cloud: &mut Cloud| {
            cloud.ok("DescribeImageSharePermission", &[("ImageId", &id)])["Accounts"]["Account"][0].clone()
        };
        cloud.ok(ACTION, &with("RemoveAccount.1"));
        cloud.ok(ACTION, &with("AddAccount.1"));
        let first = since(&mut cloud);
        cloud.now += 60_000;
        cloud.ok(ACTION, &with("AddAccount.1"));
        assert_eq!(since(&mut cloud), first);
        cloud.refused(ACTION, &[with("X")[0], ("DryRun", "true")], (412, "DryRunOperation"));
    }

    #[test]
    fn only_what_is_finished_and_in_use_is_shared() {
        let mut cloud = Cloud::new();
        let id = cloud.ok("CreateImage", &[("SnapshotId", "s-system")])["ImageId"]
            .as_str()
            .expect("an id")
            .to_owned();
        let with = |name| [("ImageId", id.as_str()), (name, "1111222233334444")];
        cloud.refused(ACTION, &with("AddAccount.1"), (400, "IncorrectImageStatus"));
        cloud.refused(ACTION, &with("RemoveAccount.1"), (400, "IncorrectImageStatus"));
        cloud.now += 10_000;
        cloud.ok("ModifyImageAttribute", &[("ImageId", &id), ("Status", "Deprecated")]);
        cloud.refused(ACTION, &with("AddAccount.1"), (403, "OperationDenied.InvalidImageStatus"));
        cloud.ok(ACTION, &with("RemoveAccount.1"));
        cloud.ok("ModifyImageAttribute", &[("ImageId", &id), ("Status", "Available")]);
        let public = |value| [("ImageId", id.as_str()), ("IsPublic", value)];
        cloud.ok(ACTION, &public("true"));
        cloud.refused(ACTION, &with("AddAccount.1"), (403, "Image.Public"));
        cloud.refused(ACTION, &public("true"), (403, "Image.Public"));
        cloud.ok(ACTION, &public("false"));
        let image = cloud.state.region("cn-hangzhou", 0).image_mut(&id).expect("there");
        image.encrypted = true;
        let refusal = (403, "InvalidOperation.ServiceKeyEncryptedImageUnsupported");
        cloud.refused(ACTION, &with("AddAccount.1"), refusal);
        let image = cloud.state.region("cn-hangzhou", 0).image_mut(&id).expect("there");
        image.kms_key = "k".to_owned();
        image.disks.push(Disk { kind: DiskKind::Data, ..image.disks[0].clone() });
        cloud.refused(ACTION, &with("AddAccount.1"), (403, "OperationDeined.FullImage"));
        cloud.state.region("cn-hangzhou", 0).image_mut(&id).expect("there").disks.truncate(1);
        cloud.ok(ACTION, &with("AddAccount.1"));
        for (other, refusal) in [
            ("m-system", (403, "Forbidden")),
            ("m-foreign", (403, "Forbidden")),
            ("m-none", (404, "InvalidImageId.NotFound")),
        ] {
            cloud.refused(ACTION, &[("ImageId", other), with("AddAccount.1")[1]], refusal);
        }
    }

    #[test]
    fn launch_permissions_are_for_those_who_are_invited() {
        check(&[("LaunchPermission", "x")], Err((400, "ForbiddenParameter.LaunchPermission")));
        check(
            &[("LaunchPermission", "x"), ("AddAccount.1", "1111222233334444")],
            Err((400, "UnnecessaryParameter.LaunchPermission")),
        );
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
