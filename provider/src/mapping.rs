//! Which resources of other ecosystems are which of ours, for `pulumi convert` and `pulumi import --from`.
//!
//! The text for Terraform has the shape that Pulumi's converter reads: of each resource the upstream schema, with types
//! by number, and the token and names here.

use pulumi::AnyResource;
use pulumi::model::{Kind, ObjectType};
use serde_json::{Map, Value as Json, json};

use crate::client::Client;

/// A provider of another ecosystem.
struct Upstream {
    /// The ecosystem's keys.
    keys: &'static [&'static str],
    provider: &'static str,
    /// The names of its types, and our token for each.
    types: &'static [(&'static str, &'static str)],
    /// How it writes the names of properties.
    rename: fn(&str) -> String,
}

const IMAGE: &str = "alicloud:ecs/image:Image";
const SHARE: &str = "alicloud:ecs/imageSharePermission:ImageSharePermission";

const UPSTREAM: [Upstream; 4] = [
    Upstream {
        keys: &["terraform", "tf"],
        provider: "alicloud",
        types: &[("alicloud_image", IMAGE), ("alicloud_image_share_permission", SHARE)],
        rename: snake_case,
    },
    Upstream {
        keys: &["terraform", "tf"],
        provider: "apsarastack",
        types: &[("apsarastack_image", IMAGE), ("apsarastack_image_share_permission", SHARE)],
        rename: snake_case,
    },
    Upstream {
        keys: &["terraform", "tf"],
        provider: "alibabacloudstack",
        types: &[
            ("alibabacloudstack_ecs_image", IMAGE),
            ("alibabacloudstack_image", IMAGE),
            ("alibabacloudstack_image_share_permission", SHARE),
        ],
        rename: snake_case,
    },
    Upstream {
        keys: &["ros"],
        provider: "ALIYUN",
        types: &[("ALIYUN::ECS::CustomImage", IMAGE)],
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

/// The provider's name in the ecosystem, and the mapping's text. Without a provider, the ecosystem's first.
pub(crate) fn mapping(
    resources: &[Box<dyn AnyResource<Client>>],
    key: &str,
    provider: &str,
) -> Option<(String, Vec<u8>)> {
    let upstream = UPSTREAM.iter().find(|upstream| {
        upstream.keys.contains(&key) && (provider.is_empty() || upstream.provider == provider)
    })?;
    let (mut schemas_of, mut tokens) = (Map::new(), Map::new());
    for (name, token) in upstream.types {
        let resource = resources.iter().find(|resource| resource.token() == *token)?;
        let inputs = &resource.types().ok()?.args;
        schemas_of.insert((*name).to_owned(), schemas(inputs, upstream.rename));
        let fields = fields(inputs, upstream.rename);
        tokens.insert((*name).to_owned(), json!({ "tok": token, "fields": fields }));
    }
    let data = json!({
        "name": upstream.provider,
        "version": env!("CARGO_PKG_VERSION"),
        "provider": { "resources": schemas_of },
        "resources": tokens,
    });
    Some((upstream.provider.to_owned(), data.to_string().into_bytes()))
}

/// The providers of an ecosystem that have a mapping.
pub(crate) fn mappings(key: &str) -> Vec<String> {
    let of_key = UPSTREAM.iter().filter(|upstream| upstream.keys.contains(&key));
    of_key.map(|upstream| upstream.provider.to_owned()).collect()
}

fn schemas(object: &ObjectType, rename: fn(&str) -> String) -> Json {
    let schemas: Map<String, Json> = object
        .properties
        .iter()
        .map(|(name, property)| {
            let mut schema = schema(&property.kind, rename);
            schema
                .insert((if property.output_only { "computed" } else { "optional" }).to_owned(), true.into());
            if property.replace {
                schema.insert("forceNew".to_owned(), true.into());
            }
            (rename(name), Json::Object(schema))
        })
        .collect();
    Json::Object(schemas)
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
        Kind::Object(object) => json!({ "resource": schemas(object, rename) }),
        other => json!({ "schema": schema(other, rename) }),
    }
}

fn fields(object: &ObjectType, rename: fn(&str) -> String) -> Json {
    let fields: Map<String, Json> = object
        .properties
        .iter()
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

/// Upstream, a block that repeats has its name in the singular.
fn snake_case(name: &str) -> String {
    if name == "diskDeviceMappings" {
        return "disk_device_mapping".to_owned();
    }
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

    use crate::ecs::image::Image;
    use crate::ecs::image_share_permission::ImageSharePermission;

    fn resources() -> Vec<Box<dyn AnyResource<Client>>> {
        vec![
            pulumi::resource(Image::new(Default::default())),
            pulumi::resource(ImageSharePermission::new(Default::default())),
        ]
    }

    #[track_caller]
    fn read(key: &str, provider: &str) -> Json {
        let (name, data) = mapping(&resources(), key, provider).unwrap();
        let data: Json = serde_json::from_slice(&data).unwrap();
        assert_eq!(data["name"], name);
        data
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

    #[test]
    fn terraform_names_lead_to_the_share() {
        for provider in ["alicloud", "apsarastack", "alibabacloudstack"] {
            let data = read("terraform", provider);
            let type_name = format!("{provider}_image_share_permission");
            let mapped = &data["resources"][&type_name];
            assert_eq!(mapped["tok"], "alicloud:ecs/imageSharePermission:ImageSharePermission");
            assert_eq!(
                mapped["fields"],
                json!({ "account_id": { "name": "accountId" }, "image_id": { "name": "imageId" } })
            );
            let upstream = &data["provider"]["resources"][&type_name];
            assert_eq!(upstream["account_id"]["type"], value_type::STRING);
            assert_eq!(upstream["account_id"]["forceNew"], true);
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
        assert!(mapping(&resources(), "cloudformation", "").is_none());
        assert!(mapping(&resources(), "terraform", "aws").is_none());
        assert_eq!(mappings("terraform"), ["alicloud", "apsarastack", "alibabacloudstack"]);
    }
}
