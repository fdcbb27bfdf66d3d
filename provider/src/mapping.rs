//! Which resources and functions of other ecosystems are which of ours, for `pulumi convert` and `pulumi import --from`.
//!
//! The text for Terraform has the shape that Pulumi's converter reads: of each resource and data source the upstream schema,
//! with types by number, and the token and names here.

use pulumi::check::is_internal;
use pulumi::model::{Kind, ObjectType, Property};
use pulumi::{AnyFunction, AnyResource};
use serde_json::{Map, Value as Json, json};

use crate::client::Client;

/// A provider of another ecosystem.
struct Upstream {
    /// The ecosystem's keys.
    keys: &'static [&'static str],
    provider: &'static str,
    /// The names of its types, and our token for each.
    types: &'static [(&'static str, &'static str)],
    /// The names of its data sources, and our token for each.
    data_sources: &'static [(&'static str, &'static str)],
    /// The tokens that have no name there, or one that stands for something else. Only tests need them.
    #[cfg(test)]
    left_out: &'static [&'static str],
    /// How it writes the names of a type's properties.
    rename: fn(&str) -> String,
}

const IMAGE: &str = "alicloud:ecs/image:Image";
const IMAGE_COPY: &str = "alicloud:ecs/imageCopy:ImageCopy";
const IMAGE_EXPORT: &str = "alicloud:ecs/imageExport:ImageExport";
const IMAGE_IMPORT: &str = "alicloud:ecs/imageImport:ImageImport";
const IMAGE_SHARE_PERMISSION: &str = "alicloud:ecs/imageSharePermission:ImageSharePermission";
const GET_IMAGES: &str = "alicloud:ecs/getImages:getImages";
#[cfg(test)]
const GET_IMAGE_FROM_FAMILY: &str = "alicloud:ecs/getImageFromFamily:getImageFromFamily";

/// Copies of the private clouds and of ROS name where they go to, and not where they come from. No renaming of properties
/// makes ours of that, so that the converter says that there is none rather than copy the wrong way.
const UPSTREAM: [Upstream; 4] = [
    Upstream {
        keys: &["terraform", "tf"],
        provider: "alicloud",
        types: &[
            ("alicloud_copy_image", IMAGE_COPY),
            ("alicloud_image", IMAGE),
            ("alicloud_image_copy", IMAGE_COPY),
            ("alicloud_image_export", IMAGE_EXPORT),
            ("alicloud_image_import", IMAGE_IMPORT),
            ("alicloud_image_share_permission", IMAGE_SHARE_PERMISSION),
        ],
        data_sources: &[("alicloud_images", GET_IMAGES)],
        #[cfg(test)]
        left_out: &[GET_IMAGE_FROM_FAMILY],
        rename: block_case,
    },
    Upstream {
        keys: &["terraform", "tf"],
        provider: "apsarastack",
        types: &[
            ("apsarastack_image", IMAGE),
            ("apsarastack_image_export", IMAGE_EXPORT),
            ("apsarastack_image_import", IMAGE_IMPORT),
            ("apsarastack_image_share_permission", IMAGE_SHARE_PERMISSION),
        ],
        data_sources: &[("apsarastack_images", GET_IMAGES)],
        #[cfg(test)]
        left_out: &[IMAGE_COPY, GET_IMAGE_FROM_FAMILY],
        rename: block_case,
    },
    Upstream {
        keys: &["terraform", "tf"],
        provider: "alibabacloudstack",
        types: &[
            ("alibabacloudstack_ecs_image", IMAGE),
            ("alibabacloudstack_image", IMAGE),
            ("alibabacloudstack_image_export", IMAGE_EXPORT),
            ("alibabacloudstack_image_import", IMAGE_IMPORT),
            ("alibabacloudstack_image_share_permission", IMAGE_SHARE_PERMISSION),
        ],
        data_sources: &[
            ("alibabacloudstack_ecs_images", GET_IMAGES),
            ("alibabacloudstack_images", GET_IMAGES),
        ],
        #[cfg(test)]
        left_out: &[IMAGE_COPY, GET_IMAGE_FROM_FAMILY],
        rename: block_case,
    },
    Upstream {
        keys: &["ros"],
        provider: "ALIYUN",
        types: &[("ALIYUN::ECS::CustomImage", IMAGE)],
        data_sources: &[],
        #[cfg(test)]
        left_out: &[
            IMAGE_COPY,
            IMAGE_EXPORT,
            IMAGE_IMPORT,
            IMAGE_SHARE_PERMISSION,
            GET_IMAGES,
            GET_IMAGE_FROM_FAMILY,
        ],
        rename: pascal_case,
    },
];

/// Numbers of types in Terraform's schema.
mod value_type {
    pub(super) const BOOL: u8 = 1;
    pub(super) const INT: u8 = 2;
    pub(super) const STRING: u8 = 4;
    pub(super) const LIST: u8 = 5;
    pub(super) const MAP: u8 = 6;
}

/// The provider's name in the ecosystem, and the mapping's text. Without a provider, the ecosystem's first. Names that lead
/// to what is in neither list are left out.
pub(crate) fn mapping(
    resources: &[Box<dyn AnyResource<Client>>],
    functions: &[Box<dyn AnyFunction<Client>>],
    key: &str,
    provider: &str,
) -> Option<(String, Vec<u8>)> {
    let upstream = UPSTREAM.iter().find(|upstream| {
        upstream.keys.contains(&key) && (provider.is_empty() || upstream.provider == provider)
    })?;
    let (mut types, mut data_sources) = (Section::default(), Section::default());
    for (name, token) in upstream.types {
        if let Some(resource) = resources.iter().find(|resource| resource.token() == *token) {
            let of = resource.types().ok()?;
            types.add(name, token, &of.state, &of.args, upstream.rename);
        }
    }
    for (name, token) in upstream.data_sources {
        if let Some(function) = functions.iter().find(|function| function.token() == *token) {
            let of = function.types().ok()?;
            data_sources.add(name, token, &of.output, &of.args, snake_case);
        }
    }
    let data = json!({
        "name": upstream.provider,
        "version": env!("CARGO_PKG_VERSION"),
        "provider": { "resources": types.schemas, "dataSources": data_sources.schemas },
        "resources": types.names,
        "dataSources": data_sources.names,
    });
    Some((upstream.provider.to_owned(), data.to_string().into_bytes()))
}

/// The types or the data sources of a mapping.
#[derive(Default)]
struct Section {
    /// Of each upstream name, its schema there.
    schemas: Map<String, Json>,
    /// Of each upstream name, the token and names here.
    names: Map<String, Json>,
}

impl Section {
    /// `all` is what there is of it, arguments and what the cloud sets; `args` are the arguments alone.
    fn add(
        &mut self,
        name: &str,
        token: &str,
        all: &ObjectType,
        args: &ObjectType,
        rename: fn(&str) -> String,
    ) {
        let names = all.properties.keys().map(String::as_str);
        let computed: Vec<&str> = names.filter(|name| !args.properties.contains_key(*name)).collect();
        self.schemas.insert(name.to_owned(), schemas(all, &computed, rename));
        self.names.insert(name.to_owned(), json!({ "tok": token, "fields": fields(all, rename) }));
    }
}

/// The providers of an ecosystem that have a mapping.
pub(crate) fn mappings(key: &str) -> Vec<String> {
    let of_key = UPSTREAM.iter().filter(|upstream| upstream.keys.contains(&key));
    of_key.map(|upstream| upstream.provider.to_owned()).collect()
}

/// `computed` are the properties that only the cloud sets, beside those that are declared so.
fn schemas(object: &ObjectType, computed: &[&str], rename: fn(&str) -> String) -> Json {
    let schemas: Map<String, Json> = public(object)
        .map(|(name, property)| {
            let mut schema = schema(&property.kind, rename);
            let is_computed = property.output_only || computed.contains(&name.as_str());
            schema.insert((if is_computed { "computed" } else { "optional" }).to_owned(), true.into());
            if property.replace && !is_computed {
                schema.insert("forceNew".to_owned(), true.into());
            }
            (rename(name), Json::Object(schema))
        })
        .collect();
    Json::Object(schemas)
}

/// What a program can see of it.
fn public(object: &ObjectType) -> impl Iterator<Item = (&String, &Property)> {
    object.properties.iter().filter(|(name, _)| !is_internal(name))
}

fn schema(kind: &Kind, rename: fn(&str) -> String) -> Map<String, Json> {
    let schema = match kind {
        Kind::String { .. } => json!({ "type": value_type::STRING }),
        Kind::Integer { .. } => json!({ "type": value_type::INT }),
        Kind::Boolean => json!({ "type": value_type::BOOL }),
        Kind::List { item, .. } => json!({ "type": value_type::LIST, "element": element(item, rename) }),
        Kind::Map { item, .. } => json!({ "type": value_type::MAP, "element": element(item, rename) }),
        // A nested object is a block that stands at most once.
        Kind::Object(_) => {
            json!({ "type": value_type::LIST, "maxItems": 1, "element": element(kind, rename) })
        }
    };
    match schema {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}

fn element(kind: &Kind, rename: fn(&str) -> String) -> Json {
    match kind {
        Kind::Object(object) => json!({ "resource": schemas(object, &[], rename) }),
        other => json!({ "schema": schema(other, rename) }),
    }
}

fn fields(object: &ObjectType, rename: fn(&str) -> String) -> Json {
    let fields: Map<String, Json> = public(object)
        .map(|(name, property)| {
            let field = match &property.kind {
                Kind::List { item, .. } => match item.as_ref() {
                    Kind::Object(nested) => json!({ "name": name, "element": { "fields": fields(nested, rename) } }),
                    _ => json!({ "name": name }),
                },
                Kind::Object(nested) => {
                    json!({ "name": name, "maxItemsOne": true, "element": { "fields": fields(nested, rename) } })
                }
                Kind::String { .. } | Kind::Integer { .. } | Kind::Boolean | Kind::Map { .. } => json!({ "name": name }),
            };
            (rename(name), field)
        })
        .collect();
    Json::Object(fields)
}

/// A resource's block that repeats has its name in the singular.
fn block_case(name: &str) -> String {
    match name {
        "diskDeviceMappings" => "disk_device_mapping".to_owned(),
        other => snake_case(other),
    }
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

fn pascal_case(name: &str) -> String {
    if name == "diskDeviceMappings" {
        return "DiskDeviceMapping".to_owned();
    }
    let mut characters = name.chars();
    characters
        .next()
        .map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + characters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    use pulumi::Provider as _;

    use crate::package::Alicloud;

    fn of(key: &str, provider: &str) -> Option<(String, Vec<u8>)> {
        let package = Alicloud::new();
        mapping(package.resources(), package.functions(), key, provider)
    }

    #[track_caller]
    fn read(key: &str, provider: &str) -> Json {
        let (name, data) = of(key, provider).unwrap();
        let data: Json = serde_json::from_slice(&data).unwrap();
        assert_eq!(data["name"], name);
        data
    }

    /// What has no mapping is found by nobody who comes from another ecosystem.
    #[test]
    fn everything_has_a_name_elsewhere_or_is_left_out_by_name() {
        let package = Alicloud::new();
        let resources: Vec<&str> = package.resources().iter().map(|resource| resource.token()).collect();
        let functions: Vec<&str> = package.functions().iter().map(|function| function.token()).collect();
        for upstream in &UPSTREAM {
            let data = read(upstream.keys[0], upstream.provider);
            for (section, tokens, named) in [
                ("resources", &resources, upstream.types),
                ("dataSources", &functions, upstream.data_sources),
            ] {
                let entries = data[section].as_object().unwrap().values();
                let mapped: Vec<&str> = entries.map(|entry| entry["tok"].as_str().unwrap()).collect();
                for token in tokens {
                    let is_left_out = upstream.left_out.contains(token);
                    assert!(mapped.contains(token) != is_left_out, "{token} in {}", upstream.provider);
                }
                for (name, token) in named {
                    assert!(tokens.contains(token), "{name} leads to {token}");
                }
            }
        }
    }

    #[test]
    fn data_sources_lead_to_the_function_with_arguments_and_results() {
        for (provider, name) in [
            ("alicloud", "alicloud_images"),
            ("apsarastack", "apsarastack_images"),
            ("alibabacloudstack", "alibabacloudstack_images"),
            ("alibabacloudstack", "alibabacloudstack_ecs_images"),
        ] {
            let data = read("terraform", provider);
            let source = &data["dataSources"][name];
            assert_eq!(source["tok"], "alicloud:ecs/getImages:getImages");
            let fields = &source["fields"];
            for (upstream, here) in [
                ("name_regex", "nameRegex"),
                ("most_recent", "mostRecent"),
                ("owners", "owners"),
                ("output_file", "outputFile"),
                ("is_support_cloud_init", "isSupportCloudInit"),
                ("ids", "ids"),
            ] {
                assert_eq!(fields[upstream]["name"], here, "{name}");
            }
            let image = &fields["images"]["element"]["fields"];
            assert_eq!(image["os_name_en"]["name"], "osNameEn");
            let disk = &image["disk_device_mappings"]["element"]["fields"];
            assert_eq!(disk["snapshot_id"]["name"], "snapshotId");
            let upstream = &data["provider"]["dataSources"][name];
            assert_eq!(upstream["most_recent"], json!({ "type": value_type::BOOL, "optional": true }));
            let string = json!({ "schema": { "type": value_type::STRING } });
            assert_eq!(
                upstream["ids"],
                json!({ "type": value_type::LIST, "element": string, "computed": true })
            );
            assert_eq!(upstream["images"]["element"]["resource"]["size"]["type"], value_type::INT);
        }
    }

    #[test]
    fn terraform_names_lead_to_the_image() {
        for (provider, type_name) in [
            ("alicloud", "alicloud_image"),
            ("apsarastack", "apsarastack_image"),
            ("alibabacloudstack", "alibabacloudstack_ecs_image"),
            ("alibabacloudstack", "alibabacloudstack_image"),
        ] {
            let data = read("terraform", provider);
            assert_eq!(data["resources"][type_name]["tok"], "alicloud:ecs/image:Image");
            let fields = &data["resources"][type_name]["fields"];
            assert_eq!(fields["image_name"]["name"], "imageName");
            assert_eq!(
                fields["disk_device_mapping"]["element"]["fields"]["snapshot_id"]["name"],
                "snapshotId"
            );
            let upstream = &data["provider"]["resources"][type_name];
            assert_eq!(upstream["disk_device_mapping"]["type"], value_type::LIST);
            assert_eq!(upstream["force"]["type"], value_type::BOOL);
        }
    }

    #[track_caller]
    fn check_computed(type_name: &str, output: &str, value_type: u8, here: &str) {
        let data = read("terraform", type_name.split('_').next().unwrap());
        let schema = &data["provider"]["resources"][type_name][output];
        assert_eq!((&schema["type"], &schema["computed"]), (&json!(value_type), &json!(true)), "{output}");
        assert!(schema["optional"].is_null() && schema["forceNew"].is_null(), "{schema}");
        assert_eq!(data["resources"][type_name]["fields"][output]["name"], here);
    }

    #[test]
    fn what_the_cloud_sets_is_computed() {
        check_computed("alicloud_image", "create_time", value_type::STRING, "createTime");
        check_computed("alicloud_image", "usable", value_type::BOOL, "usable");
        check_computed("apsarastack_image", "size", value_type::INT, "size");
        check_computed("alibabacloudstack_ecs_image", "region_id", value_type::STRING, "regionId");
        check_computed("alicloud_image_copy", "architecture", value_type::STRING, "architecture");
        check_computed("alicloud_copy_image", "disk_device_mapping", value_type::LIST, "diskDeviceMappings");
        check_computed("alicloud_image_share_permission", "shared_time", value_type::STRING, "sharedTime");
        let image = &read("terraform", "alicloud")["provider"]["resources"]["alicloud_image"];
        assert_eq!(
            image["architecture"],
            json!({ "type": value_type::STRING, "optional": true, "forceNew": true })
        );
    }

    /// The others' copies go from the provider's region to another one, which no change of names expresses.
    #[test]
    fn copies_that_go_the_same_way_are_mapped() {
        let data = read("terraform", "alicloud");
        for name in ["alicloud_image_copy", "alicloud_copy_image"] {
            let copy = &data["resources"][name];
            assert_eq!(copy["tok"], "alicloud:ecs/imageCopy:ImageCopy");
            assert_eq!(copy["fields"]["kms_key_id"]["name"], "kmsKeyId");
            assert_eq!(copy["fields"]["source_region_id"]["name"], "sourceRegionId");
            assert_eq!(data["provider"]["resources"][name]["source_image_id"]["forceNew"], true);
        }
        for (key, provider) in [("terraform", "apsarastack"), ("terraform", "alibabacloudstack"), ("ros", "")]
        {
            let resources = read(key, provider)["resources"].to_string();
            assert!(!resources.contains("imageCopy"), "{provider}: {resources}");
        }
    }

    #[test]
    fn terraform_names_lead_to_the_share() {
        for provider in ["alicloud", "apsarastack", "alibabacloudstack"] {
            let data = read("terraform", provider);
            let type_name = format!("{provider}_image_share_permission");
            let mapped = &data["resources"][&type_name];
            assert_eq!(mapped["tok"], "alicloud:ecs/imageSharePermission:ImageSharePermission");
            assert_eq!(mapped["fields"]["account_id"], json!({ "name": "accountId" }));
            assert_eq!(mapped["fields"]["image_id"], json!({ "name": "imageId" }));
            let upstream = &data["provider"]["resources"][&type_name];
            assert_eq!(upstream["account_id"]["type"], value_type::STRING);
            assert_eq!(upstream["account_id"]["forceNew"], true);
        }
    }

    #[test]
    fn terraform_names_lead_to_imports_and_exports() {
        for provider in ["alicloud", "apsarastack", "alibabacloudstack"] {
            let data = read("terraform", provider);
            let imported = &data["resources"][format!("{provider}_image_import")];
            assert_eq!(imported["tok"], "alicloud:ecs/imageImport:ImageImport");
            let disk = &imported["fields"]["disk_device_mapping"];
            assert_eq!(disk["name"], "diskDeviceMappings");
            let disk = &disk["element"]["fields"];
            assert_eq!(disk["oss_bucket"]["name"], "ossBucket");
            assert_eq!(disk["disk_image_size"]["name"], "diskImageSize");
            let features = &imported["fields"]["features"];
            assert_eq!((&features["name"], &features["maxItemsOne"]), (&json!("features"), &json!(true)));
            assert_eq!(features["element"]["fields"]["nvme_support"]["name"], "nvmeSupport");
            let exported = &data["resources"][format!("{provider}_image_export")];
            assert_eq!(exported["tok"], "alicloud:ecs/imageExport:ImageExport");
            for (name, here) in
                [("image_id", "imageId"), ("oss_bucket", "ossBucket"), ("oss_prefix", "ossPrefix")]
            {
                assert_eq!(exported["fields"][name]["name"], here);
            }
        }
    }

    #[test]
    fn ros_names_lead_to_the_image() {
        let data = read("ros", "");
        assert_eq!(
            data["resources"]["ALIYUN::ECS::CustomImage"]["fields"]["InstanceId"]["name"],
            "instanceId"
        );
    }

    #[test]
    fn other_ecosystems_have_no_mapping() {
        assert!(of("cloudformation", "").is_none());
        assert!(of("terraform", "aws").is_none());
        assert_eq!(mappings("terraform"), ["alicloud", "apsarastack", "alibabacloudstack"]);
    }
}
