//! The ECS actions: one list, and a file for each action or for a few that belong together. Knows no HTTP.

mod copy_image;
mod create_image;
mod delete_image;
mod describe_images;
mod describe_tags;
mod disks;
mod export_image;
mod files;
mod image_family;
mod import_image;
mod instances;
mod lookup;
mod modify_image_attribute;
mod paging;
mod region_list;
mod resource_group;
mod share_permission;
mod shown;
mod snapshots;
mod tags;
mod tasks;

use crate::action::Action;

pub(crate) const ACTIONS: &[Action] = &[
    Action::change("CreateImage", create_image::create_image),
    Action::read("DescribeImages", describe_images::describe_images),
    Action::read("DescribeImageFromFamily", image_family::describe_image_from_family),
    Action::change("ModifyImageAttribute", modify_image_attribute::modify_image_attribute),
    Action::change("DeleteImage", delete_image::delete_image),
    Action::change("CopyImage", copy_image::copy_image),
    Action::change("CancelCopyImage", copy_image::cancel_copy_image),
    Action::change("ImportImage", import_image::import_image),
    Action::change("ExportImage", export_image::export_image),
    Action::change("ModifyImageSharePermission", share_permission::modify_image_share_permission),
    Action::read("DescribeImageSharePermission", share_permission::describe_image_share_permission),
    Action::read("DescribeInstances", instances::describe_instances),
    Action::read("DescribeInstanceStatus", instances::describe_instance_status),
    Action::read("DescribeSnapshots", snapshots::describe_snapshots),
    Action::change("DeleteSnapshot", snapshots::delete_snapshot),
    Action::change("TagResources", tags::tag_resources),
    Action::change("UntagResources", tags::untag_resources),
    Action::read("DescribeTags", describe_tags::describe_tags),
    Action::read("ListTagResources", tags::list_tag_resources),
    Action::change("JoinResourceGroup", resource_group::join_resource_group),
    Action::read("DescribeTasks", tasks::describe_tasks),
    Action::read("DescribeTaskAttribute", tasks::describe_task_attribute),
    Action::change("CancelTask", tasks::cancel_task),
    Action::read("DescribeRegions", region_list::describe_regions),
];

/// Whether there is an action of that name that only reads.
pub(crate) fn is_read(name: &str) -> bool {
    ACTIONS.iter().any(|action| action.name == name && !action.changes)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::action::Context;
    use crate::answer::Failure;
    use crate::clock::Millis;
    use crate::fault::Fault;
    use crate::options::Options;
    use crate::params::Params;
    use crate::session::Caller;
    use crate::state::State;
    use serde_json::Value;

    /// An account to call actions on without HTTP, at a time that the test sets.
    pub(crate) struct Cloud {
        pub(crate) state: State,
        pub(crate) options: Options,
        pub(crate) now: Millis,
        pub(crate) fault: Option<Fault>,
    }

    impl Cloud {
        pub(crate) fn new() -> Cloud {
            Cloud {
                state: State::default(),
                options: Options::default(),
                now: 1_700_000_000_000,
                fault: None,
            }
        }

        /// In `cn-hangzhou`, unless the call names another region.
        pub(crate) fn call(&mut self, action: &str, params: &[(&str, &str)]) -> Result<Value, Failure> {
            let mut pairs = vec![("RegionId", "cn-hangzhou")];
            pairs.extend_from_slice(params);
            let action =
                ACTIONS.iter().find(|known| known.name == action).unwrap_or_else(|| panic!("no {action}"));
            action.carry_out(&mut Context {
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
        pub(crate) fn ok(&mut self, action: &str, params: &[(&str, &str)]) -> Value {
            self.call(action, params)
                .unwrap_or_else(|f| panic!("{action} {params:?}: {} {}", f.code, f.message))
        }

        /// The call must be refused as `expect` says: status and code.
        #[track_caller]
        pub(crate) fn refused(&mut self, action: &str, params: &[(&str, &str)], expect: (u16, &str)) {
            match self.call(action, params) {
                Ok(value) => panic!("{action} {params:?} succeeded: {value}"),
                Err(failure) => {
                    assert_eq!((failure.status, &*failure.code), expect, "{params:?}: {}", failure.message);
                }
            }
        }

        /// An image from `s-system`, finished.
        #[track_caller]
        pub(crate) fn image(&mut self, name: &str) -> String {
            let id = self.ok("CreateImage", &[("SnapshotId", "s-system"), ("ImageName", name)]);
            self.now += 10_000;
            id["ImageId"].as_str().expect("an id").to_owned()
        }

        #[track_caller]
        pub(crate) fn describe(&mut self, id: &str) -> Value {
            self.ok("DescribeImages", &[("ImageId", id), ("Status", "ALL")])["Images"]["Image"][0].clone()
        }
    }

    #[test]
    fn every_action_names_its_region_or_needs_none() {
        let mut cloud = Cloud::new();
        for action in ACTIONS.iter().map(|action| action.name) {
            if ["DescribeRegions", "DeleteSnapshot"].contains(&action) {
                continue;
            }
            let status = match action {
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
}
