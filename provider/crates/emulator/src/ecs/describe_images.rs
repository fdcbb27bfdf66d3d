//! DescribeImages: its filters.

use serde_json::Value;

use crate::action::Context;
use crate::answer::{Failure, failure, missing};
use crate::clock::{Millis, parse_minute};
use crate::ecs::paging::Page;
use crate::ecs::shown::{self, owner_alias};
use crate::fault::Kind;
use crate::options::{ImageIds, Options};
use crate::params::Params;
use crate::rules::{self, ARCHITECTURES, TagFilter};
use crate::state::image::{Image, Owner};

const STATES: &[&str] = &["Creating", "Waiting", "Available", "UnAvailable", "CreateFailed", "Deprecated"];

/// The most images that are found by tags or by their resource group.
const MOST_LABELLED: usize = 1_000;

/// The code of this action's general refusal. The cloud spells it so.
const INVALID: &str = "InvalidParamter";

pub(crate) fn describe_images(context: &mut Context<'_>) -> Result<Value, Failure> {
    let region_id = context.region_id()?;
    let (params, now, options) = (context.params, context.now, context.options);
    let filter = Filter::read(params, options)?;
    let page = Page::read(params, 100, INVALID)?;
    context.check_dry_run()?;
    let omission = context.fault_of(Kind::Omit);
    let region = context.region()?;
    let mut found: Vec<&Image> = region.images.iter().filter(|image| filter.matches(image, now)).collect();
    if filter.is_by_label(params) {
        found.truncate(MOST_LABELLED);
    }
    let total = found.len();
    found.retain(|image| omission.is_none_or(|fault| !fault.omits(image)));
    let mut answer = page.of(&found, "Images", "Image", |image| shown::image(image, options, now));
    if omission.is_some_and(|fault| fault.count_them) {
        answer["TotalCount"] = total.into();
    }
    answer["RegionId"] = region_id.into();
    Ok(answer)
}

fn invalid(message: String) -> Failure {
    failure(400, INVALID, message)
}

/// A member of an image that a filter compares.
type Member = fn(&Image) -> &str;

struct Filter<'a> {
    ids: Option<Vec<&'a str>>,
    /// `None` for any.
    states: Option<Vec<&'a str>>,
    name: Option<&'a str>,
    family: Option<&'a str>,
    owner: Option<&'a str>,
    machine: Option<Machine>,
    is_public: bool,
    tags: TagFilter<'a>,
    usable: Option<bool>,
    is_used: Option<bool>,
    created_from: Option<Millis>,
    created_to: Option<Millis>,
    snapshot: Option<&'a str>,
    /// Plain comparisons: the value that is wanted, and the member that must have it.
    equal: Vec<(&'a str, Member)>,
    cloudinit: Option<bool>,
    io_optimized: Option<bool>,
}

impl<'a> Filter<'a> {
    fn read(params: &'a Params, options: &Options) -> Result<Filter<'a>, Failure> {
        let owner = params.text("ImageOwnerAlias");
        if let Some(owner) = owner {
            let refusal = (400, "InvalidImageOwnerAlias.ValueNotSupported");
            rules::one_of(owner, &["system", "self", "others", "marketplace"], refusal)?;
        }
        let is_public = params.flag("IsPublic")?;
        if is_public && owner != Some("others") {
            let message = "Public images can only be queried with ImageOwnerAlias others.";
            return Err(failure(400, "InvalidImageOwnerAlias.PublicImageUnsupported", message));
        }
        if params.text("ImageOwnerId").is_some() && owner.is_some_and(|owner| owner != "others") {
            let message = "ImageOwnerId can only be used for shared or public images.";
            return Err(failure(400, "InvalidOperation.ImageOwnerIdUnsupported", message));
        }
        let checked = |name: &'static str, allowed: &[&str], code: &'static str| {
            params
                .text(name)
                .map(|value| rules::one_of(value, allowed, (404, code)).map(|()| value))
                .transpose()
        };
        let architecture = checked("Architecture", ARCHITECTURES, "InvalidArchitecture")?;
        let os_type = checked("OSType", &["windows", "linux"], "InvalidOSType")?;
        let usage = checked("Usage", &["instance", "none"], "InvalidUsage")?;
        if let Some(purpose) = params.text("ActionType") {
            rules::one_of(purpose, &["CreateEcs", "ChangeOS"], (400, INVALID))?;
        }
        if params.number("ImageOwnerId").is_err() {
            return Err(invalid("The specified parameter \"ImageOwnerId\" is not a number.".to_owned()));
        }
        let plain: [(Option<&str>, Member); 4] = [
            (architecture, |image| &image.architecture),
            (os_type, |image| image.os_type()),
            (params.text("ResourceGroupId"), |image| &image.resource_group),
            (params.text("ImageOwnerId"), |image| image.owner_id()),
        ];
        let mut filter = Filter {
            ids: image_id_list(params, options.image_ids)?,
            states: None,
            name: params.text("ImageName"),
            family: params.text("ImageFamily"),
            owner,
            machine: params.text("InstanceType").map(Machine::of_type).transpose()?,
            is_public,
            tags: TagFilter::read(params)?,
            usable: params.boolean("Usable")?,
            is_used: usage.map(|usage| usage == "instance"),
            created_from: None,
            created_to: None,
            snapshot: params.text("SnapshotId"),
            equal: plain.into_iter().filter_map(|(wanted, show)| Some((wanted?, show))).collect(),
            cloudinit: params.boolean("IsSupportCloudinit")?,
            io_optimized: params.boolean("IsSupportIoOptimized")?,
        };
        filter.read_states(params, options)?;
        filter.read_filters(params)?;
        Ok(filter)
    }

    fn read_states(&mut self, params: &'a Params, options: &Options) -> Result<(), Failure> {
        let Some(list) = params.text("Status") else {
            if self.usable.is_some() {
                return Err(missing("Status"));
            }
            self.states = Some(vec!["Available"]);
            return Ok(());
        };
        // The stacks are older than ALL.
        if list == "ALL" && !options.flavour.is_stack() && !options.refuse_all_status {
            return Ok(());
        }
        let states: Vec<&str> = list.split(',').map(str::trim).collect();
        let is_known = |state: &str| {
            STATES.contains(&state) && !(options.refuse_deprecated_status && state == "Deprecated")
        };
        if let Some(unknown) = states.iter().find(|state| !is_known(state)) {
            let message = format!("The specified parameter \"Status\" is not valid: \"{unknown}\".");
            return Err(invalid(message));
        }
        self.states = Some(states);
        Ok(())
    }

    fn read_filters(&mut self, params: &'a Params) -> Result<(), Failure> {
        for entry in params.objects("Filter")? {
            let key = entry.get("Key").copied().unwrap_or_default();
            let value = entry.get("Value").copied().unwrap_or_default();
            let bad_value =
                || failure(404, "InvalidFilterValue", format!("The filter value \"{value}\" is not valid."));
            match key {
                "CreationStartTime" => {
                    self.created_from = Some(parse_minute(value).ok_or_else(bad_value)?);
                }
                "CreationEndTime" => self.created_to = Some(parse_minute(value).ok_or_else(bad_value)?),
                "NetworkType" => {
                    rules::one_of(value, &["vpc", "classic"], (400, "InvalidFilterValue.NetworkType"))?;
                }
                "CpuOnlineUpgrade"
                | "CpuOnlineDowngrade"
                | "MemoryOnlineUpgrade"
                | "MemoryOnlineDowngrade" => {
                    rules::one_of(value, &["supported", "unsupported"], (404, "InvalidFilterValue"))?;
                }
                _ => {
                    let message = format!("The filter key \"{key}\" does not exist.");
                    return Err(failure(404, "InvalidFilterKey.NotFound", message));
                }
            }
        }
        Ok(())
    }

    fn matches(&self, image: &Image, now: Millis) -> bool {
        fn is<T: PartialEq>(wanted: &Option<T>, has: T) -> bool {
            wanted.as_ref().is_none_or(|wanted| *wanted == has)
        }
        image.is_visible(now)
            && self.ids.as_ref().is_none_or(|ids| ids.contains(&image.id.as_str()))
            && self.states.as_ref().is_none_or(|states| states.contains(&image.status(now)))
            && self.name.is_none_or(|name| image.name.contains(name.trim_matches('*')))
            && self.family.is_none_or(|family| image.family_as_seen() == family)
            && self.is_of_wanted_owner(image)
            && self.machine.as_ref().is_none_or(|machine| machine.runs(image))
            && self.tags.matches(&image.tags)
            && is(&self.usable, image.is_usable(now))
            && is(&self.is_used, !image.used_by.is_empty())
            && self.created_from.is_none_or(|from| image.created >= from)
            && self.created_to.is_none_or(|to| image.created < to + 60_000)
            && self.snapshot.is_none_or(|snapshot| image.uses_snapshot(snapshot))
            && self.equal.iter().all(|(wanted, show)| show(image) == *wanted)
            && is(&self.cloudinit, image.cloud_init)
            && is(&self.io_optimized, image.io_optimized)
    }

    /// Images of the marketplace and community images of others are found only by those who ask for them.
    fn is_of_wanted_owner(&self, image: &Image) -> bool {
        match self.owner {
            None => image.owner != Owner::Marketplace && (image.owner != Owner::Others || !image.public),
            Some("others") => image.owner == Owner::Others && image.public == self.is_public,
            Some(alias) => owner_alias(image) == alias,
        }
    }

    /// Whether the cloud looks for no more than [`MOST_LABELLED`] images.
    fn is_by_label(&self, params: &Params) -> bool {
        !self.tags.is_empty() || params.text("ResourceGroupId").is_some()
    }
}

/// The machine of an instance type.
struct Machine {
    is_arm: bool,
}

impl Machine {
    /// `ecs.`, a family such as `g7`, `c8y` or `u1-c1m2`, and a size.
    fn of_type(text: &str) -> Result<Machine, Failure> {
        let parts: Vec<&str> = text.split('.').collect();
        let is_family = |family: &str| {
            !family.is_empty()
                && family.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        let is_size = |size: &str| {
            let times = size.strip_suffix("xlarge").is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
            times || ["tiny", "nano", "micro", "small", "medium", "large", "metal"].contains(&size)
        };
        match parts[..] {
            ["ecs", family, size] if is_family(family) && is_size(size) => {
                // Those of ARM end in r or y after the generation: g6r, c8y.
                let generation = family.trim_start_matches(|c: char| c.is_ascii_lowercase());
                let letters = generation.trim_start_matches(|c: char| c.is_ascii_digit());
                Ok(Machine { is_arm: generation != letters && ["r", "y"].contains(&letters) })
            }
            _ => {
                let message = format!("The specified InstanceType \"{text}\" does not exist.");
                Err(failure(400, "InvalidInstanceType.ValueNotSupported", message))
            }
        }
    }

    fn runs(&self, image: &Image) -> bool {
        self.is_arm == (image.architecture == "arm64")
    }
}

fn image_id_list(params: &Params, image_ids: ImageIds) -> Result<Option<Vec<&str>>, Failure> {
    let Some(list) = params.text("ImageId") else { return Ok(None) };
    let ids: Vec<&str> = list.split(',').map(str::trim).collect();
    match image_ids {
        ImageIds::Many => Ok(Some(ids)),
        ImageIds::First => Ok(Some(ids.into_iter().take(1).collect())),
        ImageIds::Refuse if ids.len() == 1 => Ok(Some(ids)),
        ImageIds::Refuse => {
            let message = format!("The specified ImageId \"{list}\" is malformed.");
            Err(failure(400, "InvalidImageId.Malformed", message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecs::tests::Cloud;
    use crate::options::Flavour;
    use serde_json::json;

    /// The ids found, with the stock called by its ids and images of this account by their names.
    #[track_caller]
    fn check(cloud: &mut Cloud, params: &[(&str, &str)], expect: &[&str]) {
        let answer = cloud.ok("DescribeImages", params);
        let seen: Vec<&str> = answer["Images"]["Image"]
            .as_array()
            .expect("a list")
            .iter()
            .map(
                |image| {
                    if image["ImageOwnerAlias"] == "self" { &image["ImageName"] } else { &image["ImageId"] }
                },
            )
            .filter_map(Value::as_str)
            .collect();
        assert_eq!(seen, expect, "{params:?}");
    }

    #[track_caller]
    fn refused(params: &[(&str, &str)], expect: (u16, &str)) {
        Cloud::new().refused("DescribeImages", params, expect);
    }

    #[test]
    fn images_of_everybody_are_found_but_only_available_ones() {
        let mut cloud = Cloud::new();
        cloud.ok("CreateImage", &[("SnapshotId", "s-system"), ("ImageName", "mine")]);
        check(&mut cloud, &[], &["m-system", "m-foreign"]);
        check(&mut cloud, &[("Status", "ALL")], &["m-system", "m-foreign"]);
        cloud.now += 200;
        check(&mut cloud, &[], &["m-system", "m-foreign"]);
        check(&mut cloud, &[("Status", "ALL")], &["m-system", "m-foreign", "mine"]);
        check(&mut cloud, &[("Status", "Creating, Waiting")], &["mine"]);
        cloud.now += 1_800;
        check(&mut cloud, &[], &["m-system", "m-foreign", "mine"]);
    }

    #[test]
    fn owners_are_told_apart() {
        let mut cloud = Cloud::new();
        cloud.image("mine");
        for (alias, expect) in [
            ("self", vec!["mine"]),
            ("system", vec!["m-system"]),
            ("others", vec!["m-foreign"]),
            ("marketplace", vec![]),
        ] {
            check(&mut cloud, &[("ImageOwnerAlias", alias)], &expect);
        }
        check(&mut cloud, &[("ImageOwnerAlias", "others"), ("IsPublic", "true")], &[]);
        refused(&[("ImageOwnerAlias", "me")], (400, "InvalidImageOwnerAlias.ValueNotSupported"));
        refused(&[("IsPublic", "true")], (400, "InvalidImageOwnerAlias.PublicImageUnsupported"));
        let own = [("ImageOwnerAlias", "self"), ("ImageOwnerId", "1")];
        refused(&own, (400, "InvalidOperation.ImageOwnerIdUnsupported"));
    }

    #[test]
    fn the_marketplace_and_the_community_are_only_looked_at_if_they_are_named() {
        let mut cloud = Cloud::new();
        let region = cloud.state.region("cn-hangzhou", 0);
        let other = region.image("m-foreign").expect("there").clone();
        let (community, marketplace) = ("m-community".to_owned(), "m-marketplace".to_owned());
        region.images.push(Image { id: community, public: true, ..other.clone() });
        region.images.push(Image { id: marketplace, owner: Owner::Marketplace, ..other });
        check(&mut cloud, &[], &["m-system", "m-foreign"]);
        check(&mut cloud, &[("ImageOwnerAlias", "others")], &["m-foreign"]);
        check(&mut cloud, &[("ImageOwnerAlias", "others"), ("IsPublic", "true")], &["m-community"]);
        check(&mut cloud, &[("ImageOwnerAlias", "marketplace")], &["m-marketplace"]);
        let owner = ("ImageOwnerId", "6543210987654321");
        check(&mut cloud, &[owner], &["m-foreign"]);
        check(&mut cloud, &[owner, ("ImageOwnerAlias", "others")], &["m-foreign"]);
        check(&mut cloud, &[("ImageOwnerId", "1"), ("ImageOwnerAlias", "others")], &[]);
        refused(&[("ImageOwnerId", "me")], (400, "InvalidParamter"));
        for alias in ["system", "self", "marketplace"] {
            let refusal = (400, "InvalidOperation.ImageOwnerIdUnsupported");
            refused(&[owner, ("ImageOwnerAlias", alias)], refusal);
        }
    }

    #[test]
    fn an_instance_type_wants_images_for_its_machine() {
        let mut cloud = Cloud::new();
        let arm = [("SnapshotId", "s-system"), ("ImageName", "arm"), ("Architecture", "arm64")];
        cloud.ok("CreateImage", &arm);
        cloud.image("intel");
        let own = ("ImageOwnerAlias", "self");
        for (machine, expect) in [
            ("ecs.g7.large", "intel"),
            ("ecs.u1-c1m2.xlarge", "intel"),
            ("ecs.ebmg6.26xlarge", "intel"),
            ("ecs.t1.small", "intel"),
            ("ecs.g6r.2xlarge", "arm"),
            ("ecs.c8y.large", "arm"),
        ] {
            check(&mut cloud, &[own, ("InstanceType", machine)], &[expect]);
        }
        for machine in ["ecs.g7", "g7.large", "ecs.g7.huge", "ecs..large", "ecs.G7.large", "ecs.g7.2xlarge.x"]
        {
            refused(&[("InstanceType", machine)], (400, "InvalidInstanceType.ValueNotSupported"));
        }
    }

    #[test]
    fn yes_and_no_are_both_filters() {
        let mut cloud = Cloud::new();
        for name in ["plain", "old", "used"] {
            let id = cloud.image(name);
            let image = cloud.state.region("cn-hangzhou", 0).image_mut(&id).expect("there");
            image.cloud_init = name != "old";
            image.io_optimized = name != "old";
            image.used_by.extend((name == "used").then(|| "i-running".to_owned()));
        }
        let own = ("ImageOwnerAlias", "self");
        for filter in ["IsSupportCloudinit", "IsSupportIoOptimized"] {
            check(&mut cloud, &[own, (filter, "False")], &["old"]);
            check(&mut cloud, &[own, (filter, "true")], &["plain", "used"]);
            refused(&[(filter, "perhaps")], (400, "InvalidParameter"));
        }
        check(&mut cloud, &[own, ("Usage", "instance")], &["used"]);
        check(&mut cloud, &[own, ("Usage", "none")], &["plain", "old"]);
        check(&mut cloud, &[own, ("ActionType", "ChangeOS")], &["plain", "old", "used"]);
        refused(&[("ActionType", "CreateOS")], (400, "InvalidParamter"));
        refused(&[("DryRun", "true")], (412, "DryRunOperation"));
    }

    #[test]
    fn all_tags_of_a_filter_must_be_there_and_there_are_twenty_at_most() {
        let mut cloud = Cloud::new();
        for (name, tags) in [("one", &["a"][..]), ("both", &["a", "b"])] {
            let id = cloud.image(name);
            for tag in tags {
                let tag = [("ResourceType", "image"), ("ResourceId.1", &id), ("Tag.1.Key", *tag)];
                cloud.ok("TagResources", &tag);
            }
        }
        check(&mut cloud, &[("Tag.1.Key", "a")], &["one", "both"]);
        check(&mut cloud, &[("Tag.1.Key", "a"), ("Tag.2.Key", "b")], &["both"]);
        check(&mut cloud, &[("Tag.1.Key", "a"), ("ImageName", "one")], &["one"]);
        let many: Vec<(String, String)> =
            (1..=21).map(|n| (format!("Tag.{n}.Key"), format!("k{n}"))).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        check(&mut cloud, &many[..20], &[]);
        refused(&many, (400, "InvalidTagCount"));
    }

    #[test]
    fn by_tags_or_by_group_no_more_than_a_thousand_images_are_found() {
        let mut cloud = Cloud::new();
        let region = cloud.state.region("cn-hangzhou", 0);
        for number in 0..1_001 {
            region.images.push(Image {
                id: format!("m-{number}"),
                resource_group: "rg-other".to_owned(),
                tags: [("a".to_owned(), String::new())].into(),
                ..Image::default()
            });
        }
        let mut total = |filter: &[(&str, &str)]| cloud.ok("DescribeImages", filter)["TotalCount"].clone();
        assert_eq!(total(&[("ImageOwnerAlias", "self")]), 1_001);
        assert_eq!(total(&[("Tag.1.Key", "a")]), 1_000);
        assert_eq!(total(&[("ResourceGroupId", "rg-other")]), 1_000);
    }

    #[test]
    fn deprecated_images_are_found_only_if_asked_for() {
        let mut cloud = Cloud::new();
        for name in ["new", "old"] {
            let id = cloud.image(name);
            if name == "old" {
                cloud.ok("ModifyImageAttribute", &[("ImageId", &id), ("Status", "Deprecated")]);
            }
        }
        let own = ("ImageOwnerAlias", "self");
        for (status, expect) in [
            ("", &["new"][..]),
            ("Available", &["new"]),
            ("Deprecated", &["old"]),
            ("Available,Deprecated", &["new", "old"]),
            ("Creating, Waiting", &[]),
            ("ALL", &["new", "old"]),
        ] {
            check(&mut cloud, &[own, ("Status", status)], expect);
        }
        for status in ["ALL,Deprecated", "Deprecated,ALL", "Deprecated,,Available"] {
            refused(&[("Status", status)], (400, "InvalidParamter"));
        }
    }

    #[test]
    fn a_name_is_found_by_any_part_of_it() {
        let mut cloud = Cloud::new();
        cloud.image("web-server-1");
        cloud.image("web-client-1");
        check(&mut cloud, &[("ImageName", "web-")], &["web-server-1", "web-client-1"]);
        check(&mut cloud, &[("ImageName", "*server*")], &["web-server-1"]);
    }

    #[test]
    fn several_ids_are_answered_as_the_option_says() {
        let mut cloud = Cloud::new();
        let both = [("ImageId", "m-foreign,m-system,m-none")];
        check(&mut cloud, &both, &["m-system", "m-foreign"]);
        cloud.options.image_ids = ImageIds::First;
        check(&mut cloud, &both, &["m-foreign"]);
        cloud.options.image_ids = ImageIds::Refuse;
        cloud.refused("DescribeImages", &both, (400, "InvalidImageId.Malformed"));
        check(&mut cloud, &[("ImageId", "m-system")], &["m-system"]);
    }

    #[test]
    fn a_missing_image_is_an_empty_list() {
        let answer = Cloud::new().ok("DescribeImages", &[("ImageId", "m-none"), ("Status", "ALL")]);
        assert_eq!((&answer["Images"]["Image"], &answer["TotalCount"]), (&json!([]), &json!(0)));
    }

    #[track_caller]
    fn check_omission(fault: Value, expect: &[&str], total: usize) {
        let mut cloud = Cloud::new();
        cloud.image("mine");
        cloud.fault = Some(serde_json::from_value(fault).expect("a fault"));
        check(&mut cloud, &[], expect);
        assert_eq!(cloud.ok("DescribeImages", &[])["TotalCount"], total);
    }

    #[test]
    fn an_omission_leaves_out_the_images_it_names_or_all() {
        let omit = |images: Value, count_them: bool| json!({"action": "DescribeImages", "do": "omit", "images": images, "count_them": count_them});
        check_omission(omit(json!(["mine"]), false), &["m-system", "m-foreign"], 2);
        check_omission(omit(json!(["mine", "m-system"]), true), &["m-foreign"], 3);
        check_omission(omit(json!(["m-none"]), false), &["m-system", "m-foreign", "mine"], 3);
        check_omission(omit(json!([]), false), &[], 0);
        check_omission(json!({"action": "DescribeImages", "do": "omit"}), &[], 0);
        check_omission(omit(json!([]), true), &[], 3);
    }

    #[test]
    fn states_are_a_list_of_known_ones() {
        refused(&[("Status", "Broken")], (400, "InvalidParamter"));
        refused(&[("Status", "ALL,Available")], (400, "InvalidParamter"));
        refused(&[("Status", "available")], (400, "InvalidParamter"));
        refused(&[("Usable", "true")], (400, "MissingParameter"));
    }

    #[test]
    fn usable_comes_after_available() {
        let mut cloud = Cloud::new();
        cloud.ok("CreateImage", &[("SnapshotId", "s-system"), ("ImageName", "mine")]);
        cloud.now += 2_000;
        let usable = [("ImageOwnerAlias", "self"), ("Status", "ALL"), ("Usable", "true")];
        check(&mut cloud, &usable, &[]);
        cloud.now += 500;
        check(&mut cloud, &usable, &["mine"]);
    }

    #[test]
    fn tags_and_groups_and_sources_filter() {
        let mut cloud = Cloud::new();
        let one = [
            ("Tag.1.Key", "a"),
            ("Tag.1.Value", "1"),
            ("ResourceGroupId", "rg-other"),
            ("ImageFamily", "fam"),
        ];
        let mut params = vec![("SnapshotId", "s-system"), ("ImageName", "one")];
        params.extend(one);
        cloud.ok("CreateImage", &params);
        cloud.image("two");
        for filter in one[..2].iter().map(|_| &one[..2]).chain([&one[2..3], &one[3..4]]) {
            check(&mut cloud, filter, &["one"]);
        }
        check(&mut cloud, &[("SnapshotId", "s-system")], &["one", "two"]);
        check(&mut cloud, &[("SnapshotId", "s-data")], &[]);
        check(&mut cloud, &[("Tag.1.Key", "a"), ("Tag.1.Value", "2")], &[]);
        refused(&[("Tag.1.Value", "2")], (400, "InvalidTag.Mismatch"));
    }

    #[test]
    fn other_filters_are_checked() {
        refused(&[("Architecture", "sparc")], (404, "InvalidArchitecture"));
        refused(&[("OSType", "os2")], (404, "InvalidOSType"));
        refused(&[("Usage", "much")], (404, "InvalidUsage"));
        refused(&[("Filter.1.Key", "Colour"), ("Filter.1.Value", "red")], (404, "InvalidFilterKey.NotFound"));
        refused(
            &[("Filter.1.Key", "CreationStartTime"), ("Filter.1.Value", "red")],
            (404, "InvalidFilterValue"),
        );
        refused(&[("PageSize", "101")], (400, "InvalidParamter"));
        let from = [("Filter.1.Key", "CreationStartTime"), ("Filter.1.Value", "2020-01-01T00:01Z")];
        check(&mut Cloud::new(), &from, &[]);
        let to = [("Filter.1.Key", "CreationEndTime"), ("Filter.1.Value", "2020-01-01T00:00Z")];
        check(&mut Cloud::new(), &to, &["m-system", "m-foreign"]);
    }

    #[test]
    fn an_image_is_shown_with_the_defaults_for_what_was_not_given() {
        let mut cloud = Cloud::new();
        let id = cloud.image("mine");
        let image = cloud.describe(&id);
        for (name, expect) in [
            ("BootMode", json!("BIOS")),
            ("Features", json!({"NvmeSupport": "unsupported", "ImdsSupport": "v1"})),
            ("ImageFamily", json!("")),
            ("ImageVersion", json!("")),
            ("ResourceGroupId", json!("")),
            ("Description", json!("")),
            ("Platform", json!("CentOS")),
            ("Architecture", json!("x86_64")),
            ("LicenseType", json!("Auto")),
            ("Progress", json!("100%")),
            ("Size", json!(40)),
            ("CreationTime", json!("2023-11-14T22:13:20Z")),
        ] {
            assert_eq!(image[name], expect, "{name}");
        }
        let disk = &image["DiskDeviceMappings"]["DiskDeviceMapping"][0];
        assert_eq!((&disk["Size"], &disk["Device"]), (&json!("40"), &json!("/dev/xvda")));
    }

    #[test]
    fn some_clouds_refuse_every_or_deprecated_states() {
        let mut cloud = Cloud::new();
        let (all, deprecated) = ([("Status", "ALL")], [("Status", "Available,Deprecated")]);
        cloud.options.refuse_all_status = true;
        cloud.refused("DescribeImages", &all, (400, "InvalidParamter"));
        check(&mut cloud, &deprecated, &["m-system", "m-foreign"]);
        cloud.options.refuse_all_status = false;
        cloud.options.refuse_deprecated_status = true;
        cloud.refused("DescribeImages", &deprecated, (400, "InvalidParamter"));
        check(&mut cloud, &all, &["m-system", "m-foreign"]);
    }

    /// What `name` is reported as, with `value` as given.
    #[track_caller]
    fn check_normalised(name: &str, value: &str, expect: &str) {
        let mut cloud = Cloud::new();
        let params = [("SnapshotId", "s-system"), (name, value)];
        let id = cloud.ok("CreateImage", &params)["ImageId"].as_str().expect("an id").to_owned();
        cloud.now += 10_000;
        assert_eq!(cloud.describe(&id)[name], value);
        cloud.options.normalise = true;
        assert_eq!(cloud.describe(&id)[name], expect);
    }

    #[test]
    fn values_are_normalised_in_the_answer_only() {
        check_normalised("Platform", "CentOS", "CentOS Linux");
        check_normalised("Platform", "Aliyun", "Alibaba Cloud Linux");
        check_normalised("Platform", "Windows Server 2019", "Windows Server 2019");
        check_normalised("Architecture", "i386", "x86_64");
        check_normalised("Architecture", "arm64", "arm64");
        check_normalised("ImageVersion", "2024", "2024.0");
        check_normalised("ImageVersion", "1.2", "1.2");
        let mut cloud = Cloud::new();
        cloud.options.normalise = true;
        let id = cloud.image("mine");
        let image = cloud.describe(&id);
        assert_eq!((&image["LicenseType"], &image["ImageVersion"]), (&json!("Aliyun"), &json!("")));
        cloud.ok("ModifyImageAttribute", &[("ImageId", &id), ("LicenseType", "BYOL")]);
        assert_eq!(cloud.describe(&id)["LicenseType"], "BYOL");
        check(&mut cloud, &[("OSType", "linux"), ("ImageName", "mine")], &["mine"]);
    }

    #[test]
    fn unreported_members_are_left_out_of_images_made_from_then_on() {
        let mut cloud = Cloud::new();
        let before = cloud.image("before");
        cloud.options.unreported =
            ["LicenseType", "Features.NvmeSupport", "ResourceGroupId"].map(str::to_owned).into();
        let after = cloud.image("after");
        let copy = cloud.ok(
            "CopyImage",
            &[("ImageId", &before), ("DestinationRegionId", "cn-beijing"), ("DestinationImageName", "copy")],
        );
        cloud.now += 10_000;
        let there = [("RegionId", "cn-beijing"), ("ImageId", copy["ImageId"].as_str().expect("an id"))];
        let copy = cloud.ok("DescribeImages", &there)["Images"]["Image"][0].clone();
        for image in [cloud.describe(&after), copy] {
            assert!(image.get("LicenseType").is_none() && image.get("ResourceGroupId").is_none(), "{image}");
            assert_eq!(image["Features"], json!({"ImdsSupport": "v1"}));
        }
        let image = cloud.describe(&before);
        assert_eq!((&image["LicenseType"], &image["ResourceGroupId"]), (&json!("Auto"), &json!("")));
        cloud.ok("CreateImage", &[("SnapshotId", "s-system"), ("ImageFamily", "fam")]);
        cloud.now += 10_000;
        let newest = cloud.ok("DescribeImageFromFamily", &[("ImageFamily", "fam")]);
        assert!(newest["Image"].get("LicenseType").is_none(), "{newest}");
    }

    #[test]
    fn a_stack_knows_neither_all_nor_the_newer_members() {
        let mut cloud = Cloud::new();
        cloud.options.flavour = Flavour::ApsaraStack;
        cloud.refused("DescribeImages", &[("Status", "ALL")], (400, "InvalidParamter"));
        let states = [("Status", "Creating,Waiting,Available,UnAvailable,CreateFailed")];
        let answer = cloud.ok("DescribeImages", &states);
        let image = &answer["Images"]["Image"][0];
        for newer in ["Usable", "BootMode", "Features", "ImageFamily"] {
            assert!(image.get(newer).is_none(), "{newer}");
        }
    }
}
