//! Changes behind the caller's back, such as somebody else with the same account might make.
//!
//! `POST /_emulator/change` takes an object or a list of objects. Each names a `region`, one of `image` (by id or by
//! name), `instance`, `snapshot`, `task` (by id, or its newest one by the image), `bucket`, `account` and `tokens`, and what
//! is to be different:
//!
//! - image: `name`, `description`, `family`, `resource_group`, `boot_mode`, `license_type`, `nvme_support`,
//!   `imds_support`, `tags` (all of them), `used_by` (instances), `status` (whatever the clock says; `null` lets the clock
//!   decide again), `unreported` (all the members that DescribeImages leaves out, each until ModifyImageAttribute sets it,
//!   ResourceGroupId until JoinResourceGroup does; those of `--unreported`, and `Features` for that whole object),
//!   `cancellable` (whether CancelCopyImage can end the copy that makes it), `gone: true`
//! - instance: `status`, `locked`, `gone`
//! - snapshot: `tags`, `gone`
//! - task: `code`, with a `message`: it fails now for that reason, and the image that it makes a moment later; `cancellable`;
//!   `unreported`: `["RelatedItemSet"]`
//! - bucket: made in the region if it is not there; `forbidden` (the account and ECS have no right to it), `encrypted`, `gone`.
//!   With an `object`, that one alone: `size` in bytes makes it or changes it, `class` (`Standard`, `IA`, `Archive`,
//!   `ColdArchive`, `DeepColdArchive`), `gone`
//! - account: `gone`: nothing is shared with it any more, in no region
//! - tokens: `"forget"`: the ClientTokens used in the region count as new ones from now on

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer};

use crate::clock::Millis;
use crate::options::{Options, UNREPORTABLE};
use crate::state::State;
use crate::state::bucket::{CLASSES, Object};
use crate::state::image::Image;
use crate::state::region::Region;
use crate::state::task::{Reason, Task};

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Change {
    region: String,
    image: Option<String>,
    instance: Option<String>,
    snapshot: Option<String>,
    task: Option<String>,
    bucket: Option<String>,
    object: Option<String>,
    account: Option<String>,
    tokens: Option<ClientTokens>,
    name: Option<String>,
    description: Option<String>,
    family: Option<String>,
    resource_group: Option<String>,
    boot_mode: Option<String>,
    license_type: Option<String>,
    nvme_support: Option<String>,
    imds_support: Option<String>,
    tags: Option<BTreeMap<String, String>>,
    used_by: Option<BTreeSet<String>>,
    #[serde(deserialize_with = "present")]
    status: Option<Option<String>>,
    unreported: Option<BTreeSet<String>>,
    locked: Option<bool>,
    code: Option<String>,
    message: Option<String>,
    cancellable: Option<bool>,
    forbidden: Option<bool>,
    encrypted: Option<bool>,
    size: Option<u64>,
    class: Option<String>,
    gone: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ClientTokens {
    Forget,
}

/// Tells `null` from absent.
fn present<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(input).map(Some)
}

/// Makes all the changes or none, with the reason.
pub(crate) fn apply(
    state: &mut State,
    changes: &[Change],
    options: &Options,
    now: Millis,
) -> Result<(), String> {
    let mut changed = state.clone();
    for change in changes {
        if change.region.is_empty() {
            return Err("a change names no `region`".to_owned());
        }
        if let Some(account) = &change.account {
            if !change.gone
                || *change
                    != (Change {
                        region: change.region.clone(),
                        account: Some(account.clone()),
                        gone: true,
                        ..Change::default()
                    })
            {
                return Err("an account can only be `gone`".to_owned());
            }
            changed.close_account(account);
            continue;
        }
        if change.bucket.is_some() {
            change.to_bucket(&mut changed, now)?;
            continue;
        }
        let region = changed.region(&change.region, now);
        if let Some(task) = &change.task {
            change.to_task(region, task, now)?;
            continue;
        }
        match (&change.image, &change.instance, &change.snapshot, change.tokens) {
            (Some(image), None, None, None) => change.to_image(region, image, options, now)?,
            (None, Some(instance), None, None) => change.to_instance(region, instance)?,
            (None, None, Some(snapshot), None) => change.to_snapshot(region, snapshot)?,
            (None, None, None, Some(ClientTokens::Forget)) => changed.forget_tokens(&change.region),
            _ => {
                return Err(
                    "a change must name one of `image`, `instance`, `snapshot`, `task`, `bucket` and `tokens`".to_owned()
                );
            }
        }
    }
    *state = changed;
    Ok(())
}

impl Change {
    fn to_image(
        &self,
        region: &mut Region,
        image: &str,
        options: &Options,
        now: Millis,
    ) -> Result<(), String> {
        let named = |has: &Image| has.id == image || has.name == image;
        let found = region.images.iter_mut().find(|has| named(has));
        let found = found.ok_or_else(|| format!("there is no image `{image}` in {}", self.region))?;
        for (field, value) in [
            (&mut found.name, &self.name),
            (&mut found.description, &self.description),
            (&mut found.family, &self.family),
            (&mut found.resource_group, &self.resource_group),
            (&mut found.boot_mode, &self.boot_mode),
            (&mut found.license_type, &self.license_type),
            (&mut found.nvme_support, &self.nvme_support),
            (&mut found.imds_support, &self.imds_support),
        ] {
            if let Some(value) = value {
                field.clone_from(value);
            }
        }
        if let Some(tags) = &self.tags {
            found.tags.clone_from(tags);
        }
        if let Some(used_by) = &self.used_by {
            found.used_by.clone_from(used_by);
        }
        if let Some(status) = &self.status {
            found.forced_status.clone_from(status);
        }
        if let Some(unreported) = &self.unreported {
            let is_known = |member: &str| member == "Features" || UNREPORTABLE.contains(&member);
            if let Some(unknown) = unreported.iter().find(|member| !is_known(member)) {
                let known = UNREPORTABLE.join(", ");
                return Err(format!("`unreported` holds `{unknown}`, which is not one of Features, {known}"));
            }
            found.unreported.clone_from(unreported);
        }
        found.cancellable = self.cancellable.unwrap_or(found.cancellable);
        if self.gone {
            let id = found.id.clone();
            region.remove_image(&id, now, options.names_freed_at(now));
        }
        Ok(())
    }

    fn to_instance(&self, region: &mut Region, instance: &str) -> Result<(), String> {
        let found = region.instances.iter_mut().find(|has| has.id == instance);
        let found = found.ok_or_else(|| format!("there is no instance `{instance}` in {}", self.region))?;
        if let Some(Some(status)) = &self.status {
            found.status.clone_from(status);
            found.running_from = None;
        }
        found.locked = self.locked.unwrap_or(found.locked);
        if self.gone {
            region.instances.retain(|has| has.id != instance);
        }
        Ok(())
    }

    fn to_task(&self, region: &mut Region, task: &str, now: Millis) -> Result<(), String> {
        let expected = Change {
            region: self.region.clone(),
            task: self.task.clone(),
            code: self.code.clone(),
            message: self.message.clone(),
            cancellable: self.cancellable,
            unreported: self.unreported.clone(),
            ..Change::default()
        };
        if *self != expected {
            return Err("a task has only `code`, `message`, `cancellable` and `unreported`".to_owned());
        }
        let named = |has: &Task| has.id == task || has.resource == task;
        let found = region.tasks.iter_mut().rev().find(|has| named(has));
        let found = found.ok_or_else(|| format!("there is no task `{task}` in {}", self.region))?;
        found.cancellable = self.cancellable.unwrap_or(found.cancellable);
        if let Some(unreported) = &self.unreported {
            if unreported.iter().any(|member| member != "RelatedItemSet") {
                return Err("of a task, only `RelatedItemSet` can be unreported".to_owned());
            }
            found.unreported.clone_from(unreported);
        }
        let Some(code) = self.code.clone() else { return Ok(()) };
        if found.is_over(now) {
            return Err(format!("the task `{}` is {} already", found.id, found.status(now)));
        }
        let reason = Reason { code, message: self.message.clone().unwrap_or_default() };
        let id = found.id.clone();
        if let Some(image) = region.end_task(&id, reason, now) {
            image.fail_at(now + image.moment());
        }
        Ok(())
    }

    fn to_bucket(&self, state: &mut State, now: Millis) -> Result<(), String> {
        let name = self.bucket.as_deref().unwrap_or_default();
        let expected = Change {
            region: self.region.clone(),
            bucket: self.bucket.clone(),
            object: self.object.clone(),
            gone: self.gone,
            ..match self.object {
                Some(_) => Change { size: self.size, class: self.class.clone(), ..Change::default() },
                None => Change { forbidden: self.forbidden, encrypted: self.encrypted, ..Change::default() },
            }
        };
        if *self != expected {
            let why =
                "a bucket has only `forbidden`, `encrypted` and `gone`, an object `size`, `class` and `gone`";
            return Err(why.to_owned());
        }
        let bucket = state.make_bucket(name, &self.region);
        let Some(object) = &self.object else {
            bucket.forbidden = self.forbidden.unwrap_or(bucket.forbidden);
            bucket.encrypted = self.encrypted.unwrap_or(bucket.encrypted);
            bucket.gone = self.gone;
            return Ok(());
        };
        if let Some(size) = self.size {
            bucket.objects.insert(object.clone(), Object::of_size(size, now));
        }
        let found = bucket.objects.get_mut(object);
        let found = found.ok_or_else(|| format!("there is no object `{object}` in {name}"))?;
        if let Some(class) = &self.class {
            if !CLASSES.contains(&class.as_str()) {
                return Err(format!("`{class}` is not one of {}", CLASSES.join(", ")));
            }
            found.class.clone_from(class);
        }
        if self.gone {
            bucket.objects.remove(object);
        }
        Ok(())
    }

    fn to_snapshot(&self, region: &mut Region, snapshot: &str) -> Result<(), String> {
        let found = region.snapshots.iter_mut().find(|has| has.id == snapshot);
        let found = found.ok_or_else(|| format!("there is no snapshot `{snapshot}` in {}", self.region))?;
        if let Some(tags) = &self.tags {
            found.tags.clone_from(tags);
        }
        if self.gone {
            region.snapshots.retain(|has| has.id != snapshot);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::UsedToken;
    use crate::state::image::Owner;
    use serde_json::{Value, json};
    use std::time::Duration;

    fn go(state: &mut State, changes: Value) -> Result<(), String> {
        let changes: Vec<Change> = serde_json::from_value(changes).map_err(|error| error.to_string())?;
        let options = Options { names_freed_after: Duration::from_millis(5), ..Options::default() };
        apply(state, &changes, &options, 0)
    }

    #[track_caller]
    fn check(changes: Value, look: impl Fn(&Region) -> bool) {
        let mut state = State::default();
        go(&mut state, changes).expect("changed");
        assert!(look(&state.regions["r"]));
    }

    #[track_caller]
    fn refused(changes: Value, says: &str) {
        let mut state = State::default();
        let error = go(&mut state, changes).expect_err(says);
        assert!(error.contains(says), "{error}");
        assert!(state.regions.is_empty(), "a refused change changes nothing");
    }

    #[test]
    fn images_instances_and_snapshots_change() {
        let system = |region: &Region| region.image("m-system").expect("there").clone();
        check(json!([{"region": "r", "image": "m-system", "description": "x"}]), |r| {
            system(r).description == "x"
        });
        check(json!([{"region": "r", "image": "somebody-elses-image", "name": "x"}]), |r| {
            r.images[1].name == "x"
        });
        check(json!([{"region": "r", "image": "m-system", "used_by": []}]), |r| system(r).used_by.is_empty());
        check(json!([{"region": "r", "image": "m-system", "tags": {"a": "b"}}]), |r| {
            system(r).tags["a"] == "b"
        });
        check(json!([{"region": "r", "image": "m-system", "status": "UnAvailable"}]), |r| {
            system(r).status(0) == "UnAvailable"
        });
        check(json!([{"region": "r", "image": "m-system", "cancellable": false}]), |r| {
            !system(r).cancellable
        });
        check(json!([{"region": "r", "image": "m-system", "gone": true}]), |r| r.image("m-system").is_none());
        check(json!([{"region": "r", "instance": "i-starting", "status": "Stopping"}]), |r| {
            r.instance("i-starting").is_some_and(|i| i.status(9_999_999) == "Stopping")
        });
        check(json!([{"region": "r", "snapshot": "s-data", "gone": true}]), |r| {
            r.snapshot("s-data").is_none()
        });
    }

    #[test]
    fn an_image_that_goes_leaves_its_name_behind_as_a_deleted_one_does() {
        let mut state = State::default();
        let images = &mut state.region("r", 0).images;
        (images[0].owner, images[0].name) = (Owner::Own, "mine".to_owned());
        let gone = |image| json!({"region": "r", "image": image, "gone": true});
        go(&mut state, json!([gone("mine"), gone("m-foreign")])).expect("changed");
        assert!(state.regions["r"].held_names.iter().eq([(&"mine".to_owned(), &5)]));
    }

    #[test]
    fn a_status_of_null_gives_the_image_back_to_the_clock() {
        let set = json!({"region": "r", "image": "m-system", "status": "UnAvailable"});
        let unset = json!({"region": "r", "image": "m-system", "status": null});
        check(json!([set, unset]), |r| r.images[0].forced_status.is_none());
        check(json!([set, {"region": "r", "image": "m-system"}]), |r| r.images[0].forced_status.is_some());
    }

    #[test]
    fn an_images_unreported_members_are_replaced() {
        let unreported = |list: &[&str]| json!({"region": "r", "image": "m-system", "unreported": list});
        check(json!([unreported(&["LicenseType", "Features"])]), |r| {
            r.images[0].unreported.iter().eq(["Features", "LicenseType"])
        });
        check(json!([unreported(&["LicenseType"]), unreported(&["BootMode"])]), |r| {
            r.images[0].unreported.iter().eq(["BootMode"])
        });
    }

    #[test]
    fn only_the_tokens_of_the_region_are_forgotten() {
        let mut state = State::default();
        for key in ["r/CreateImage/t", "r/CopyImage/t", "r-2/CreateImage/t"] {
            let used = UsedToken { fingerprint: String::new(), image_id: "m-1".to_owned() };
            state.client_tokens.insert(key.to_owned(), used);
        }
        go(&mut state, json!([{"region": "r", "tokens": "forget"}])).expect("changed");
        assert!(state.client_tokens.keys().eq(["r-2/CreateImage/t"]));
    }

    #[test]
    fn an_account_that_is_gone_uses_no_image_any_more() {
        let mut state = State::default();
        let shared = |state: &mut State| state.region("r", 0).images[0].shared_with.clone();
        state.region("r", 0).images[0].shared_with.extend([("1000000000000001".to_owned(), 0)]);
        refused(json!([{"region": "r", "account": "1000000000000001"}]), "only be `gone`");
        go(&mut state, json!([{"region": "r", "account": "1000000000000001", "gone": true}]))
            .expect("changed");
        assert!(shared(&mut state).is_empty());
    }

    /// A region `r` with an import of one second that began at 0 and makes `m-1`.
    fn importing() -> State {
        let mut state = State::default();
        let region = state.region("r", 0);
        region.images.push(Image { id: "m-1".to_owned(), build: 1_000, ..Image::default() });
        region.tasks.push(Task {
            id: "t-1".to_owned(),
            action: "ImportImage".to_owned(),
            resource: "m-1".to_owned(),
            build: 750,
            ..Task::default()
        });
        state
    }

    #[test]
    fn a_task_that_fails_takes_its_image_along() {
        for name in ["t-1", "m-1"] {
            let mut state = importing();
            let change = json!([{"region": "r", "task": name, "code": "X", "message": "because"}]);
            go(&mut state, change.clone()).expect("changed");
            let region = &state.regions["r"];
            assert_eq!(region.tasks[0].status(0), "Failed");
            assert_eq!(region.tasks[0].failure.as_ref().map(|reason| reason.code.as_str()), Some("X"));
            let image = region.image("m-1").expect("there");
            assert_eq!((image.status(249), image.status(250)), ("Creating", "CreateFailed"));
            assert!(go(&mut state, change).expect_err("over").contains("is Failed already"));
        }
    }

    #[test]
    fn a_task_may_show_less_and_be_firm() {
        let mut state = importing();
        let change =
            json!([{"region": "r", "task": "t-1", "cancellable": false, "unreported": ["RelatedItemSet"]}]);
        go(&mut state, change).expect("changed");
        let task = &state.regions["r"].tasks[0];
        assert_eq!((task.cancellable, task.unreported.len(), task.status(0)), (false, 1, "Processing"));
        let mut refused = |change: Value, says: &str| {
            let error = go(&mut state, json!([change])).expect_err(says);
            assert!(error.contains(says), "{error}");
        };
        refused(json!({"region": "r", "task": "t-2"}), "t-2");
        refused(json!({"region": "r", "task": "t-1", "gone": true}), "has only");
        refused(json!({"region": "r", "task": "t-1", "unreported": ["TaskId"]}), "RelatedItemSet");
    }

    #[test]
    fn buckets_and_objects_come_change_and_go() {
        let mut state = State::default();
        let mut change = |change: Value| go(&mut state, json!([change])).map(|()| state.clone());
        let object = |more: Value| {
            let mut change = json!({"region": "r", "bucket": "b-images", "object": "new.raw"});
            change.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            change
        };
        let there =
            |mut state: State| state.bucket("b-images").and_then(|b| b.objects.get("new.raw").cloned());
        assert!(change(object(json!({}))).expect_err("none").contains("no object `new.raw`"));
        let made = there(change(object(json!({"size": 7}))).expect("changed")).expect("there");
        assert_eq!((made.size, made.is_archived()), (7, false));
        let archived = there(change(object(json!({"class": "Archive"}))).expect("changed")).expect("there");
        assert_eq!((archived.size, archived.is_archived()), (7, true));
        assert!(change(object(json!({"class": "Cellar"}))).expect_err("none").contains("Cellar"));
        assert!(change(object(json!({"forbidden": true}))).expect_err("wrong").contains("has only"));
        assert!(there(change(object(json!({"gone": true}))).expect("changed")).is_none());
        let bucket = json!({"region": "r", "bucket": "b-new", "forbidden": true, "encrypted": true});
        let made = change(bucket).expect("changed").bucket("b-new").expect("there").clone();
        assert_eq!((made.region.as_str(), made.forbidden, made.encrypted), ("r", true, true));
        let gone = json!({"region": "r", "bucket": "b-images", "gone": true});
        assert!(change(gone).expect("changed").bucket("b-images").is_none());
        assert!(
            change(json!({"region": "r", "bucket": "b-new", "size": 7}))
                .expect_err("wrong")
                .contains("has only")
        );
    }

    #[test]
    fn bad_changes_are_refused_whole() {
        let good = json!({"region": "r", "image": "m-system", "description": "x"});
        refused(json!([good, {"region": "r", "image": "m-none"}]), "m-none");
        refused(json!([good, {"region": "r"}]), "must name one");
        refused(json!([{"image": "m-system"}]), "names no `region`");
        refused(json!([{"region": "r", "image": "m-system", "colour": "red"}]), "colour");
        refused(
            json!([good, {"region": "r", "image": "m-system", "unreported": ["ImageName"]}]),
            "ImageName",
        );
        refused(json!([good, {"region": "r", "tokens": "burn"}]), "burn");
        refused(json!([good, {"region": "r", "image": "m-system", "tokens": "forget"}]), "must name one");
    }
}
