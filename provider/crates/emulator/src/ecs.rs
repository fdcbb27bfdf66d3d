//! The ECS actions: one list, one file for each or for a few that belong together. Knows no HTTP.

mod copy_image;
mod create_image;
mod delete_image;
mod describe_images;
mod image_family;
mod instances;
mod modify_image_attribute;
mod paging;
mod region_list;
mod resource_group;
mod share_permission;
mod snapshots;
mod tags;
mod tasks;

use crate::access::Caller;
use crate::answer::{Failure, failure};
use crate::clock::Millis;
use crate::faults::{Fault, Kind};
use crate::options::Options;
use crate::params::Params;
use crate::regions;
use crate::state::{Image, Owner, Region, State};
use crate::world::Action;

pub(crate) const VERSION: &str = "2014-05-26";

pub(crate) const ACTIONS: &[Action] = &[
    ("CreateImage", true, create_image::create_image),
    ("DescribeImages", false, describe_images::describe_images),
    ("DescribeImageFromFamily", false, image_family::describe_image_from_family),
    ("ModifyImageAttribute", true, modify_image_attribute::modify_image_attribute),
    ("DeleteImage", true, delete_image::delete_image),
    ("CopyImage", true, copy_image::copy_image),
    ("CancelCopyImage", true, copy_image::cancel_copy_image),
    ("ModifyImageSharePermission", true, share_permission::modify_image_share_permission),
    ("DescribeImageSharePermission", false, share_permission::describe_image_share_permission),
    ("DescribeInstances", false, instances::describe_instances),
    ("DescribeInstanceStatus", false, instances::describe_instance_status),
    ("DescribeSnapshots", false, snapshots::describe_snapshots),
    ("DeleteSnapshot", true, snapshots::delete_snapshot),
    ("TagResources", true, tags::tag_resources),
    ("UntagResources", true, tags::untag_resources),
    ("ListTagResources", false, tags::list_tag_resources),
    ("JoinResourceGroup", true, resource_group::join_resource_group),
    ("DescribeTasks", false, tasks::describe_tasks),
    ("DescribeTaskAttribute", false, tasks::describe_task_attribute),
    ("DescribeRegions", false, region_list::describe_regions),
];

/// Whether there is an action of that name, and it changes nothing.
pub(crate) fn is_read(action: &str) -> bool {
    ACTIONS.iter().any(|(name, changes, _)| *name == action && !changes)
}

/// What an action works with.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) params: &'a Params,
    /// As the caller named it.
    pub(crate) host: &'a str,
    pub(crate) state: &'a mut State,
    pub(crate) options: &'a Options,
    pub(crate) caller: &'a Caller,
    pub(crate) now: Millis,
    /// What bends the action.
    pub(crate) fault: Option<&'a Fault>,
}

impl<'a> Context<'a> {
    pub(crate) fn region_id(&self) -> Result<&'a str, Failure> {
        let name = self.params.required("RegionId")?;
        self.check_region(name)?;
        Ok(name)
    }

    pub(crate) fn region(&mut self) -> Result<&mut Region, Failure> {
        let name = self.region_id()?;
        Ok(self.state.region(name, self.now))
    }

    fn fault_of(&self, kind: Kind) -> Option<&'a Fault> {
        self.fault.filter(|fault| fault.kind == kind)
    }

    /// Whether an image made now is to end in CreateFailed.
    fn fails_later(&self) -> bool {
        self.fault_of(Kind::FailLater).is_some()
    }

    fn check_region(&self, name: &str) -> Result<(), Failure> {
        if regions::exists(self.options.flavour, name) {
            return Ok(());
        }
        let message = format!("The specified RegionId \"{name}\" does not exist.");
        Err(failure(404, "InvalidRegionId.NotFound", message))
    }

    /// For an action that has `DryRun` and found nothing wrong.
    fn check_dry_run(&self) -> Result<(), Failure> {
        if self.params.flag("DryRun")? {
            return Err(failure(
                412,
                "DryRunOperation",
                "Request validation has been passed with DryRun flag set.",
            ));
        }
        Ok(())
    }
}

fn image_not_found(id: &str) -> Failure {
    failure(404, "InvalidImageId.NotFound", format!("The specified ImageId \"{id}\" does not exist."))
}

/// An image of this account, visible or not.
fn own_image<'r>(region: &'r Region, id: &str) -> Result<&'r Image, Failure> {
    let image = region.image(id).ok_or_else(|| image_not_found(id))?;
    match image.owner {
        Owner::Own => Ok(image),
        Owner::System | Owner::Others => {
            let message =
                format!("The image \"{id}\" belongs to another account, so this operation is not permitted.");
            Err(failure(403, "Forbidden", message))
        }
    }
}

fn check_resource_group(region: &Region, id: &str) -> Result<(), Failure> {
    if region.resource_groups.contains(id) {
        return Ok(());
    }
    let message = format!("The specified ResourceGroupId \"{id}\" does not exist.");
    Err(failure(404, "InvalidResourceGroup.NotFound", message))
}

fn tag_list<'t>(tags: impl IntoIterator<Item = (&'t String, &'t String)>) -> serde_json::Value {
    let tags: Vec<_> =
        tags.into_iter().map(|(k, v)| serde_json::json!({"TagKey": k, "TagValue": v})).collect();
    serde_json::json!({ "Tag": tags })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::ACCOUNT;
    use serde_json::Value;

    /// An account to call actions on without HTTP, at a time that the test sets.
    pub(super) struct Cloud {
        pub(super) state: State,
        pub(super) options: Options,
        pub(super) now: Millis,
        pub(super) fault: Option<Fault>,
    }

    impl Cloud {
        pub(super) fn new() -> Cloud {
            Cloud {
                state: State::default(),
                options: Options::default(),
                now: 1_700_000_000_000,
                fault: None,
            }
        }

        /// In `cn-hangzhou`, unless the call names another region.
        pub(super) fn call(&mut self, action: &str, params: &[(&str, &str)]) -> Result<Value, Failure> {
            let mut pairs = vec![("RegionId", "cn-hangzhou")];
            pairs.extend_from_slice(params);
            let (_, _, act) =
                ACTIONS.iter().find(|(name, ..)| *name == action).unwrap_or_else(|| panic!("no {action}"));
            act(&mut Context {
                params: &Params::of(&pairs),
                host: "localhost",
                state: &mut self.state,
                options: &self.options,
                caller: &Caller::User,
                now: self.now,
                fault: self.fault.as_ref(),
            })
        }

        #[track_caller]
        pub(super) fn ok(&mut self, action: &str, params: &[(&str, &str)]) -> Value {
            self.call(action, params)
                .unwrap_or_else(|f| panic!("{action} {params:?}: {} {}", f.code, f.message))
        }

        /// The call must be refused as `expect` says: status and code.
        #[track_caller]
        pub(super) fn refused(&mut self, action: &str, params: &[(&str, &str)], expect: (u16, &str)) {
            match self.call(action, params) {
                Ok(value) => panic!("{action} {params:?} succeeded: {value}"),
                Err(failure) => {
                    assert_eq!((failure.status, &*failure.code), expect, "{params:?}: {}", failure.message);
                }
            }
        }

        /// An image from `s-system`, finished.
        #[track_caller]
        pub(super) fn image(&mut self, name: &str) -> String {
            let id = self.ok("CreateImage", &[("SnapshotId", "s-system"), ("ImageName", name)]);
            self.now += 10_000;
            id["ImageId"].as_str().expect("an id").to_owned()
        }

        #[track_caller]
        pub(super) fn describe(&mut self, id: &str) -> Value {
            self.ok("DescribeImages", &[("ImageId", id), ("Status", "ALL")])["Images"]["Image"][0].clone()
        }
    }

    #[test]
    fn every_action_names_its_region_or_needs_none() {
        let mut cloud = Cloud::new();
        for (action, ..) in ACTIONS {
            if ["DescribeRegions", "DeleteSnapshot"].contains(action) {
                continue;
            }
            let status = match *action {
                "JoinResourceGroup" => 403,
                "TagResources" | "UntagResources" | "ListTagResources" => 404,
                _ => 400,
            };
            let failure = cloud.call(action, &[("RegionId", "")]).expect_err(action);
            assert_eq!(failure.status, status, "{action}");
            assert!(failure.code.starts_with("MissingParameter"), "{action}: {}", failure.code);
            let nowhere =
                [("RegionId", "cn-nowhere"), ("ImageId", "m-1"), ("DestinationRegionId", "cn-beijing")];
            let failure = cloud.call(action, &nowhere).expect_err(action);
            assert!(failure.code.contains("Region"), "{action}: {}", failure.code);
        }
    }

    #[test]
    fn regions_are_kept_apart() {
        let mut cloud = Cloud::new();
        let id = cloud.image("here");
        let there = [("RegionId", "eu-central-1"), ("ImageId", id.as_str())];
        assert_eq!(cloud.ok("DescribeImages", &there)["TotalCount"], 0);
        cloud.refused("DeleteImage", &there, (404, "InvalidImageId.NotFound"));
        cloud.ok(
            "CreateImage",
            &[("RegionId", "eu-central-1"), ("SnapshotId", "s-system"), ("ImageName", "here")],
        );
    }

    #[test]
    fn accounts_are_numbers() {
        assert!(ACCOUNT.len() == 16 && ACCOUNT.bytes().all(|b| b.is_ascii_digit()));
    }
}
