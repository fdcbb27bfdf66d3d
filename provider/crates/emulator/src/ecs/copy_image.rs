//! CopyImage and CancelCopyImage: an image of the same account in another region.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::action::Context;
use crate::answer::{Failure, failure};
use crate::client_token::ClientToken;
use crate::clock::Millis;
use crate::ecs::lookup::{check_name_is_free, check_resource_group, image_not_found};
use crate::id;
use crate::options::Options;
use crate::params::Params;
use crate::regions;
use crate::rules;
use crate::state::image::{Cancelled, Image, Owner};
use crate::state::region::Region;
use crate::state::snapshot::Snapshot;

pub(crate) fn copy_image(context: &mut Context<'_>) -> Result<Value, Failure> {
    let (params, now, flavour) = (context.params, context.now, context.options.flavour);
    let from = params.required("RegionId")?;
    let id = params.required("ImageId")?;
    let to = params.required("DestinationRegionId")?;
    for (region, code) in [(from, "SourceRegion.NotFound"), (to, "DestinationRegion.NotFound")] {
        if !regions::exists(flavour, region) {
            return Err(failure(400, code, format!("The specified region \"{region}\" does not exist.")));
        }
    }
    if from == to {
        let message = "The destination must be another region than the source.";
        return Err(failure(403, "IncorrectDestinationRegion", message));
    }
    let token = ClientToken::read(params, from, "CopyImage")?;
    if let Some(made) = token.replay(context.state)? {
        return Ok(json!({ "ImageId": made }));
    }
    let name = params.text("DestinationImageName").unwrap_or_default();
    if !name.is_empty() {
        rules::name(name, "InvalidImageName.Malformed")?;
    }
    let description = params.text("DestinationDescription").unwrap_or_default();
    if !description.is_empty() {
        rules::description(description)?;
    }
    let tags = rules::tags(params, (403, "QuotaExceed.Tags"), (400, "Duplicate.TagKey"))?;
    let encryption = Encryption::read(params, context.options)?;
    let dry_run = context.check_dry_run();
    let (build, fails) = (context.copy_time(), context.fails_later());
    let unreported = context.options.unreported.iter().cloned().collect();

    let source_region = context.state.region(from, now);
    let source = source_region.image(id).ok_or_else(|| image_not_found(id))?;
    check_source(source_region, source, now)?;
    if source.encrypted && !encryption.is_on {
        let message = format!("The image \"{id}\" is encrypted, so its copy must be.");
        return Err(failure(403, "OperationDeined.EncryptedSnapshot", message));
    }
    let source = source.clone();
    let originals: BTreeMap<String, Snapshot> =
        source_region.snapshots.iter().map(|snapshot| (snapshot.id.clone(), snapshot.clone())).collect();

    let region = context.state.region(to, now);
    check_name_is_free(region, name, None, now)?;
    if let Some(group) = params.text("ResourceGroupId") {
        check_resource_group(region, group)?;
    }
    dry_run?;
    let mut disks = source.disks.clone();
    for disk in disks.iter_mut().filter(|disk| !disk.snapshot.is_empty()) {
        let copied = id::resource("s-");
        if let Some(original) = originals.get(&disk.snapshot) {
            let snapshot = Snapshot {
                id: copied.clone(),
                created: now,
                build,
                tags: BTreeMap::new(),
                encrypted: encryption.is_on,
                ..original.clone()
            };
            region.snapshots.push(snapshot);
        }
        disk.snapshot = copied;
    }
    let image_id = id::resource("m-");
    let queued = Some(context.state.last_in_queue());
    context.state.region(to, now).images.push(Image {
        id: image_id.clone(),
        name: name.to_owned(),
        description: description.to_owned(),
        family: String::new(),
        owner: Owner::Own,
        resource_group: params.text("ResourceGroupId").unwrap_or_default().to_owned(),
        detection: false,
        tags,
        shared_with: BTreeMap::new(),
        public: false,
        deprecated: false,
        used_by: BTreeSet::new(),
        disks,
        copied_from: Some((from.to_owned(), id.to_owned())),
        queued,
        waited: 0,
        cancelled: None,
        cancellable: true,
        encrypted: encryption.is_on,
        kms_key: encryption.key,
        created: now,
        build,
        fails,
        forced_status: None,
        unreported,
        ..source
    });
    token.remember(context.state, &image_id);
    Ok(json!({ "ImageId": image_id }))
}

/// Whether the copy is encrypted, and with which key of the customer.
struct Encryption {
    is_on: bool,
    key: String,
}

impl Encryption {
    fn read(params: &Params, options: &Options) -> Result<Encryption, Failure> {
        let wanted = params.boolean("Encrypted")?;
        let key = params.text("KMSKeyId").unwrap_or_default();
        if !key.is_empty() && wanted != Some(true) {
            let message = "The specified KMSKeyId needs Encrypted=true.";
            return Err(failure(400, "InvalidEncrypted.NotMatchKmsKeyId", message));
        }
        if let Some(algorithm) = params.text("EncryptAlgorithm") {
            if wanted != Some(true) {
                let message = "The specified EncryptAlgorithm needs Encrypted=true.";
                return Err(failure(400, "InvalidEncrypted.NotMatchEncryptAlgorithm", message));
            }
            rules::one_of(algorithm, &["aes-256", "sm4-128"], (400, "InvalidEncryptAlgorithm"))?;
            let message = "The region does not support EncryptAlgorithm.";
            return Err(failure(403, "InvalidRegionId.NotSupportEncryptAlgorithm", message));
        }
        if wanted == Some(false) && options.encrypt_by_default {
            let message = "The account encrypts by default, which Encrypted=false contradicts.";
            return Err(failure(403, "InvalidEncrypted.NotMatchDiskDefaultEncryption", message));
        }
        let about = |text: &str| format!("The specified KMSKeyId \"{key}\" {text}.");
        match key {
            "missing" => Err(failure(404, "InvalidParameter.KMSKeyId.NotFound", about("does not exist"))),
            "disabled" => {
                Err(failure(403, "InvalidParameter.KMSKeyId.CMKNotEnabled", about("is not enabled")))
            }
            "forbidden" => {
                let message = about("lacks the tag that lets ECS use it");
                Err(failure(403, "InvalidParameter.KMSKeyId.CMKUnauthorized", message))
            }
            _ => Ok(Encryption { is_on: wanted.unwrap_or(options.encrypt_by_default), key: key.to_owned() }),
        }
    }
}

/// Every copy crosses regions, so only an image of the account's own that nobody else has can be copied.
fn check_source(region: &Region, image: &Image, now: Millis) -> Result<(), Failure> {
    let id = &image.id;
    let refused = |status, code: &'static str, why: &str| {
        Err(failure(status, code, format!("The image \"{id}\" cannot be copied: {why}.")))
    };
    let status = image.status(now);
    match image.owner {
        Owner::Own | Owner::Others if image.public => {
            refused(400, "OperationDenied.CommunityImage", "it is a community image")
        }
        Owner::Others => refused(403, "OperationDenied.SameRegionOnly", "it is shared by another account"),
        Owner::Marketplace => refused(403, "OperationDenied.NotAuthorized", "it is of the marketplace"),
        // This action spells it so.
        Owner::System => refused(403, "Forbbiden", "it is a public image"),
        Owner::Own if image.is_copying(now) => {
            refused(403, "OperationDenied.ImageCopying", "it is being copied itself")
        }
        Owner::Own if status != "Available" => {
            refused(400, "IncorrectImageStatus", &format!("it is {status}, not Available"))
        }
        Owner::Own => {
            let snapshots = image.disks.iter().map(|disk| &disk.snapshot).filter(|id| !id.is_empty());
            match snapshots.into_iter().find(|id| region.snapshot(id).is_none()) {
                Some(gone) => {
                    refused(400, "InvalidSnapshotId.NotFound", &format!("its snapshot \"{gone}\" is gone"))
                }
                None => Ok(()),
            }
        }
    }
}

/// Called in the destination region. The unfinished image goes away a moment later.
pub(crate) fn cancel_copy_image(context: &mut Context<'_>) -> Result<Value, Failure> {
    context.region_id()?;
    let (now, options) = (context.now, context.options);
    let id = context.params.required("ImageId")?;
    let region = context.region()?;
    let image = region.image_mut(id).ok_or_else(|| image_not_found(id))?;
    if image.copied_from.is_none() {
        let message = format!("The image \"{id}\" is not the target of a copy.");
        return Err(failure(400, "ImageCreatedNotFromCopy", message));
    }
    if !image.is_copying(now) || image.cancelled.is_some() {
        let message = format!("The copy that makes the image \"{id}\" has ended already.");
        return Err(failure(400, "IncorrectImageStatus", message));
    }
    if !image.cancellable {
        let message = format!("The copy that makes the image \"{id}\" cannot be cancelled.");
        return Err(failure(400, "CancelNotSupported", message));
    }
    let gone_at = now + image.moment();
    image.cancelled = Some(Cancelled { gone_at, name_freed_at: options.names_freed_at(gone_at) });
    Ok(json!({}))
}

#[cfg(test)]
mod tests {
    use crate::ecs::tests::Cloud;
    use crate::state::image::Owner;
    use serde_json::{Value, json};
    use std::time::Duration;

    const TO: (&str, &str) = ("DestinationRegionId", "eu-central-1");
    const THERE: (&str, &str) = ("RegionId", "eu-central-1");

    /// The copy's id.
    #[track_caller]
    fn copy(cloud: &mut Cloud, id: &str, more: &[(&str, &str)]) -> String {
        let mut params = vec![("ImageId", id)];
        if more.iter().all(|(name, _)| *name != TO.0) {
            params.push(TO);
        }
        params.extend_from_slice(more);
        cloud.ok("CopyImage", &params)["ImageId"].as_str().expect("an id").to_owned()
    }

    #[track_caller]
    fn look(cloud: &mut Cloud, id: &str) -> Value {
        let find = [THERE, ("ImageId", id), ("Status", "ALL")];
        cloud.ok("DescribeImages", &find)["Images"]["Image"][0].clone()
    }

    #[track_caller]
    fn check(change: &[(&str, &str)], expect: (u16, &str)) {
        let mut cloud = Cloud::new();
        let id = cloud.image("mine");
        let mut params = vec![("ImageId", id.as_str()), TO];
        params.extend_from_slice(change);
        cloud.refused("CopyImage", &params, expect);
    }

    #[test]
    fn a_cancelled_copy_leaves_its_name_behind_as_a_deleted_image_does() {
        let mut cloud = Cloud::new();
        cloud.options.names_freed_after = Duration::from_secs(60);
        let id = cloud.image("mine");
        let params = [("ImageId", id.as_str()), TO, ("DestinationImageName", "copy")];
        let made = cloud.ok("CopyImage", &params);
        cloud.ok("CancelCopyImage", &[THERE, ("ImageId", made["ImageId"].as_str().expect("an id"))]);
        cloud.now += 60_499;
        cloud.refused("CopyImage", &params, (400, "InvalidImageName.Duplicated"));
        cloud.now += 1;
        cloud.ok("CopyImage", &params);
    }

    #[test]
    fn a_copy_appears_in_the_other_region_with_snapshots_of_its_own() {
        let mut cloud = Cloud::new();
        let id = cloud.image("mine");
        let more = [("DestinationImageName", "copy"), ("ClientToken", "t")];
        let made = copy(&mut cloud, &id, &more);
        assert_eq!(copy(&mut cloud, &id, &more), made);
        cloud.now += 200;
        let image = look(&mut cloud, &made);
        assert_eq!(
            (&image["ImageName"], &image["Status"], &image["IsCopied"]),
            (&"copy".into(), &"Creating".into(), &true.into())
        );
        let snapshot =
            image["DiskDeviceMappings"]["DiskDeviceMapping"][0]["SnapshotId"].as_str().expect("an id");
        assert!(cloud.state.regions["eu-central-1"].snapshot(snapshot).is_some());
        cloud.now += 2_000;
        assert_eq!(look(&mut cloud, &made)["Status"], "Available");
        assert_eq!(cloud.ok("DescribeTasks", &[THERE])["TotalCount"], 0, "a copy is no task");
    }

    #[test]
    fn a_copy_takes_over_the_machine_and_none_of_the_labels() {
        let mut cloud = Cloud::new();
        let labels = [
            ("SnapshotId", "s-system"),
            ("ImageFamily", "fam"),
            ("Description", "before"),
            ("ResourceGroupId", "rg-other"),
            ("Tag.1.Key", "a"),
            ("BootMode", "UEFI"),
            ("Platform", "Ubuntu"),
        ];
        let id = cloud.ok("CreateImage", &labels)["ImageId"].as_str().expect("an id").to_owned();
        cloud.now += 10_000;
        cloud.ok("ModifyImageSharePermission", &[("ImageId", &id), ("AddAccount.1", "1111222233334444")]);
        let plain = copy(&mut cloud, &id, &[]);
        let own = [
            ("Tag.1.Key", "b"),
            ("ResourceGroupId", "rg-default"),
            ("DestinationDescription", "after"),
            ("DestinationImageName", "copy"),
        ];
        let labelled = copy(&mut cloud, &id, &own);
        cloud.now += 10_000;
        let image = look(&mut cloud, &plain);
        for name in ["ImageName", "Description", "ImageFamily", "ResourceGroupId"] {
            assert_eq!(image[name], "", "{name}");
        }
        assert_eq!((&image["Tags"]["Tag"], &image["IsSelfShared"]), (&json!([]), &json!("false")));
        assert_eq!((&image["BootMode"], &image["Platform"]), (&json!("UEFI"), &json!("Ubuntu")));
        let image = look(&mut cloud, &labelled);
        assert_eq!(image["Tags"]["Tag"], json!([{"TagKey": "b", "TagValue": ""}]));
        assert_eq!(
            (&image["ResourceGroupId"], &image["Description"]),
            (&json!("rg-default"), &json!("after"))
        );
    }

    #[test]
    fn what_cannot_be_copied_is_refused() {
        check(&[("DestinationRegionId", "cn-hangzhou")], (403, "IncorrectDestinationRegion"));
        check(&[("DestinationRegionId", "cn-nowhere")], (400, "DestinationRegion.NotFound"));
        check(&[("RegionId", "cn-nowhere")], (400, "SourceRegion.NotFound"));
        check(&[("ImageId", "m-none")], (404, "InvalidImageId.NotFound"));
        check(&[("ImageId", "m-foreign")], (403, "OperationDenied.SameRegionOnly"));
        check(&[("ImageId", "m-system")], (403, "Forbbiden"));
        check(&[("DestinationImageName", "1")], (400, "InvalidImageName.Malformed"));
        check(&[("DestinationDescription", "1")], (400, "InvalidDescription.Malformed"));
        check(&[("ResourceGroupId", "rg-none")], (404, "InvalidResourceGroup.NotFound"));
        check(&[("DryRun", "true")], (412, "DryRunOperation"));
    }

    #[test]
    fn an_image_of_another_region_is_not_found() {
        let mut cloud = Cloud::new();
        let id = cloud.image("mine");
        let params = [("RegionId", "cn-beijing"), ("ImageId", id.as_str()), TO];
        cloud.refused("CopyImage", &params, (404, "InvalidImageId.NotFound"));
        let made = copy(&mut cloud, &id, &[]);
        cloud.refused("CancelCopyImage", &[("ImageId", &made)], (404, "InvalidImageId.NotFound"));
    }

    #[test]
    fn a_source_must_be_available_with_all_its_snapshots() {
        let mut cloud = Cloud::new();
        let fresh = cloud.ok("CreateImage", &[("SnapshotId", "s-system")]);
        let fresh = fresh["ImageId"].as_str().expect("an id").to_owned();
        let params = [("ImageId", fresh.as_str()), TO];
        cloud.refused("CopyImage", &params, (400, "IncorrectImageStatus"));
        cloud.now += 2_000;
        cloud.ok("ModifyImageAttribute", &[("ImageId", &fresh), ("Status", "Deprecated")]);
        cloud.refused("CopyImage", &params, (400, "IncorrectImageStatus"));
        cloud.ok("ModifyImageAttribute", &[("ImageId", &fresh), ("Status", "Available")]);
        let made = copy(&mut cloud, &fresh, &[]);
        let onwards = [THERE, ("ImageId", made.as_str()), ("DestinationRegionId", "cn-beijing")];
        cloud.refused("CopyImage", &onwards, (403, "OperationDenied.ImageCopying"));
        cloud.ok("ModifyImageSharePermission", &[("ImageId", &fresh), ("IsPublic", "true")]);
        cloud.refused("CopyImage", &params, (400, "OperationDenied.CommunityImage"));
        cloud.ok("ModifyImageSharePermission", &[("ImageId", &fresh), ("IsPublic", "false")]);
        cloud.state.region("cn-hangzhou", 0).snapshots.clear();
        cloud.refused("CopyImage", &params, (400, "InvalidSnapshotId.NotFound"));
        let others = cloud.state.region("cn-hangzhou", 0).image_mut("m-foreign").expect("there");
        others.public = true;
        let others = [("ImageId", "m-foreign"), TO];
        cloud.refused("CopyImage", &others, (400, "OperationDenied.CommunityImage"));
        cloud.state.region("cn-hangzhou", 0).image_mut("m-foreign").expect("there").owner =
            Owner::Marketplace;
        cloud.refused("CopyImage", &others, (403, "OperationDenied.NotAuthorized"));
    }

    #[test]
    fn a_name_is_taken_in_the_destination_only() {
        let mut cloud = Cloud::new();
        let id = cloud.image("mine");
        copy(&mut cloud, &id, &[("DestinationImageName", "mine")]);
        let again = [("ImageId", id.as_str()), TO, ("DestinationImageName", "mine")];
        cloud.refused("CopyImage", &again, (400, "InvalidImageName.Duplicated"));
        let elsewhere = ("DestinationRegionId", "cn-beijing");
        copy(&mut cloud, &id, &[elsewhere, ("DestinationImageName", "mine")]);
    }

    #[test]
    fn a_token_belongs_to_the_source_region_and_to_one_set_of_parameters() {
        let mut cloud = Cloud::new();
        let id = cloud.image("mine");
        let token = ("ClientToken", "t");
        let first = copy(&mut cloud, &id, &[token]);
        let elsewhere = [("ImageId", id.as_str()), ("DestinationRegionId", "cn-beijing"), token];
        cloud.refused("CopyImage", &elsewhere, (400, "IdempotenceParamNotMatch"));
        cloud.now += 10_000;
        let there = [THERE, ("ImageId", first.as_str()), ("DestinationRegionId", "cn-beijing"), token];
        assert_ne!(cloud.ok("CopyImage", &there)["ImageId"], first.as_str());
        cloud.now += 10_000;
        cloud.ok("DeleteImage", &[THERE, ("ImageId", &first)]);
        assert_eq!(copy(&mut cloud, &id, &[token]), first, "a stale token names the image that was");
        assert_eq!(look(&mut cloud, &first), Value::Null);
        cloud.refused(
            "CopyImage",
            &[("ImageId", &id), TO, ("ClientToken", "é")],
            (400, "InvalidClientToken.Malformed"),
        );
    }

    #[test]
    fn encryption_is_asked_for_as_a_whole() {
        let on = ("Encrypted", "true");
        check(&[("KMSKeyId", "k")], (400, "InvalidEncrypted.NotMatchKmsKeyId"));
        check(&[("KMSKeyId", "k"), ("Encrypted", "false")], (400, "InvalidEncrypted.NotMatchKmsKeyId"));
        check(&[("KMSKeyId", "missing"), on], (404, "InvalidParameter.KMSKeyId.NotFound"));
        check(&[("KMSKeyId", "disabled"), on], (403, "InvalidParameter.KMSKeyId.CMKNotEnabled"));
        check(&[("KMSKeyId", "forbidden"), on], (403, "InvalidParameter.KMSKeyId.CMKUnauthorized"));
        let algorithm = |name| ("EncryptAlgorithm", name);
        check(&[algorithm("aes-256")], (400, "InvalidEncrypted.NotMatchEncryptAlgorithm"));
        check(&[algorithm("rot13"), on], (400, "InvalidEncryptAlgorithm"));
        check(&[algorithm("aes-256"), on], (403, "InvalidRegionId.NotSupportEncryptAlgorithm"));
        check(&[("Encrypted", "maybe")], (400, "InvalidParameter"));
    }

    /// Whether the copy is encrypted, by its own disks and its snapshots.
    #[track_caller]
    fn check_encrypted(cloud: &mut Cloud, id: &str, more: &[(&str, &str)], expect: bool) -> String {
        let made = copy(cloud, id, more);
        cloud.now += 10_000;
        let disk = look(cloud, &made)["DiskDeviceMappings"]["DiskDeviceMapping"][0].clone();
        assert_eq!(disk["Encrypted"], expect);
        let ids = json!([disk["SnapshotId"]]).to_string();
        let snapshots = cloud.ok("DescribeSnapshots", &[THERE, ("SnapshotIds", &ids)]);
        assert_eq!(snapshots["Snapshots"]["Snapshot"][0]["Encrypted"], expect);
        made
    }

    #[test]
    fn a_copy_is_encrypted_if_asked_for_or_by_default() {
        let mut cloud = Cloud::new();
        let id = cloud.image("mine");
        check_encrypted(&mut cloud, &id, &[], false);
        check_encrypted(&mut cloud, &id, &[("Encrypted", "false")], false);
        let made = check_encrypted(&mut cloud, &id, &[("Encrypted", "True"), ("KMSKeyId", "k")], true);
        let back = [THERE, ("ImageId", made.as_str()), ("DestinationRegionId", "cn-beijing")];
        cloud.refused("CopyImage", &back, (403, "OperationDeined.EncryptedSnapshot"));
        cloud.options.encrypt_by_default = true;
        check_encrypted(&mut cloud, &id, &[], true);
        let off = [("ImageId", id.as_str()), TO, ("Encrypted", "false")];
        cloud.refused("CopyImage", &off, (403, "InvalidEncrypted.NotMatchDiskDefaultEncryption"));
        cloud.ok("CopyImage", &back);
    }

    #[test]
    fn five_copies_run_at_a_time_and_the_others_wait() {
        let mut cloud = Cloud::new();
        let id = cloud.image("mine");
        let made: Vec<String> = (0..7).map(|_| copy(&mut cloud, &id, &[])).collect();
        cloud.now += 1_000;
        let states = |cloud: &mut Cloud| -> Vec<String> {
            made.iter()
                .map(|id| {
                    let image = look(cloud, id);
                    format!(
                        "{} {}",
                        image["Status"].as_str().unwrap_or("gone"),
                        image["Progress"].as_str().unwrap_or("")
                    )
                })
                .collect()
        };
        let (half, waits) = ("Creating 50%", "Waiting 0%");
        assert_eq!(states(&mut cloud), [half, half, half, half, half, waits, waits]);
        let count = |cloud: &mut Cloud, status| {
            cloud.ok("DescribeImages", &[THERE, ("Status", status), ("ImageOwnerAlias", "self")])["TotalCount"].clone()
        };
        assert_eq!((count(&mut cloud, "Waiting"), count(&mut cloud, "Creating")), (json!(2), json!(5)));
        cloud.ok("CancelCopyImage", &[THERE, ("ImageId", &made[0])]);
        cloud.now += 1_000;
        let (gone, ready) = ("gone ", "Available 100%");
        assert_eq!(states(&mut cloud), [gone, ready, ready, ready, ready, half, "Creating 0%"]);
        cloud.now += 2_000;
        assert_eq!(states(&mut cloud), [gone, ready, ready, ready, ready, ready, ready]);
    }

    #[test]
    fn the_queue_counts_at_the_source_too_and_can_be_shorter() {
        let mut cloud = Cloud::new();
        cloud.options.copies_at_once = std::num::NonZeroU32::MIN;
        let id = cloud.image("mine");
        copy(&mut cloud, &id, &[("DestinationRegionId", "cn-beijing")]);
        let made = copy(&mut cloud, &id, &[]);
        cloud.now += 500;
        let image = look(&mut cloud, &made);
        assert_eq!((&image["Status"], &image["Usable"]), (&json!("Waiting"), &json!(false)));
        let snapshot = image["DiskDeviceMappings"]["DiskDeviceMapping"][0]["SnapshotId"].clone();
        let change = [THERE, ("ImageId", made.as_str()), ("Description", "later")];
        cloud.refused("ModifyImageAttribute", &change, (403, "InvalidStatus.ImageIsCreating"));
        cloud.refused("DeleteImage", &change[..2], (403, "OperationDenied.ImageCopying"));
        cloud.now += 2_500;
        assert_eq!(look(&mut cloud, &made)["Progress"], "50%");
        let ids = json!([snapshot]).to_string();
        let snapshots = cloud.ok("DescribeSnapshots", &[THERE, ("SnapshotIds", &ids)]);
        assert_eq!(snapshots["Snapshots"]["Snapshot"][0]["Progress"], "50%", "it starts with its copy");
    }

    #[test]
    fn a_copy_can_be_cancelled_until_it_is_done() {
        let mut cloud = Cloud::new();
        let id = cloud.image("mine");
        let first = copy(&mut cloud, &id, &[]);
        let first = [THERE, ("ImageId", first.as_str())];
        cloud.now += 500;
        let before = cloud.state.regions["eu-central-1"].snapshots.len();
        cloud.ok("CancelCopyImage", &first);
        cloud.refused("CancelCopyImage", &first, (400, "IncorrectImageStatus"));
        cloud.refused("DeleteImage", &first, (403, "OperationDenied.ImageCopying"));
        cloud.now += 499;
        assert_eq!(look(&mut cloud, first[1].1)["Status"], "Creating");
        cloud.now += 1;
        assert_eq!(look(&mut cloud, first[1].1), Value::Null);
        assert_eq!(cloud.state.regions["eu-central-1"].snapshots.len(), before - 1, "its snapshot goes too");
        cloud.refused("CancelCopyImage", &first, (404, "InvalidImageId.NotFound"));
        let second = copy(&mut cloud, &id, &[]);
        cloud.now += 10_000;
        cloud.refused("CancelCopyImage", &[THERE, ("ImageId", &second)], (400, "IncorrectImageStatus"));
        cloud.refused("CancelCopyImage", &[("ImageId", &id)], (400, "ImageCreatedNotFromCopy"));
        cloud.refused(
            "CancelCopyImage",
            &[("RegionId", "x"), ("ImageId", &id)],
            (404, "InvalidRegionId.NotFound"),
        );
        let third = copy(&mut cloud, &id, &[]);
        cloud.state.region("eu-central-1", 0).image_mut(&third).expect("there").cancellable = false;
        cloud.refused("CancelCopyImage", &[THERE, ("ImageId", &third)], (400, "CancelNotSupported"));
    }

    #[test]
    fn a_copy_that_was_cancelled_just_before_its_end_never_ends() {
        let mut cloud = Cloud::new();
        let id = cloud.image("mine");
        let made = copy(&mut cloud, &id, &[]);
        let there = [THERE, ("ImageId", made.as_str())];
        cloud.now += 1_999;
        cloud.ok("CancelCopyImage", &there);
        cloud.now += 499;
        let image = look(&mut cloud, &made);
        assert_eq!((&image["Status"], &image["Progress"]), (&json!("Creating"), &json!("99%")));
        cloud.refused("DeleteImage", &there, (403, "OperationDenied.ImageCopying"));
        cloud.now += 1;
        assert_eq!(look(&mut cloud, &made), Value::Null);
    }

    #[test]
    fn a_copy_that_is_cancelled_in_the_queue_leaves_it() {
        let mut cloud = Cloud::new();
        cloud.options.copies_at_once = std::num::NonZeroU32::MIN;
        let id = cloud.image("mine");
        let made: Vec<String> = (0..3).map(|_| copy(&mut cloud, &id, &[])).collect();
        let second = [THERE, ("ImageId", made[1].as_str())];
        cloud.now += 1_000;
        cloud.ok("CancelCopyImage", &second);
        cloud.refused("CancelCopyImage", &second, (400, "IncorrectImageStatus"));
        cloud.now += 499;
        assert_eq!(look(&mut cloud, &made[1])["Status"], "Waiting");
        cloud.now += 501;
        assert_eq!(look(&mut cloud, &made[1]), Value::Null);
        let third = look(&mut cloud, &made[2]);
        assert_eq!((&third["Status"], &third["Progress"]), (&json!("Creating"), &json!("0%")));
        cloud.now += 2_000;
        assert_eq!(look(&mut cloud, &made[2])["Status"], "Available");
    }

    #[test]
    fn a_copy_that_failed_is_no_longer_cancelled_but_deleted() {
        let mut cloud = Cloud::new();
        let id = cloud.image("mine");
        let fault = json!({"action": "CopyImage", "do": "fail_later"});
        cloud.fault = Some(serde_json::from_value(fault).expect("a fault"));
        let made = copy(&mut cloud, &id, &[]);
        let made = [THERE, ("ImageId", made.as_str())];
        cloud.now += 10_000;
        assert_eq!(look(&mut cloud, made[1].1)["Status"], "CreateFailed");
        cloud.refused("CancelCopyImage", &made, (400, "IncorrectImageStatus"));
        cloud.ok("DeleteImage", &made);
    }
}
