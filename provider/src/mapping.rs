//! Which resources of other ecosystems are which of ours, for `pulumi convert` and `pulumi import --from`.
//!
//! The text for Terraform has the shape that Pulumi's converter reads: of each resource the upstream schema, with types
//! by number, and the token and names here.

use pulumi::model::{Kind, ObjectType};
use serde_json::{Map, Value as Json, json};

use crate::ecs::image::Image;
use crate::ecs::image::args::ImageArgs;

/// The ecosystems' keys, their providers, and what those call an image.
const NAMES: [(&[&str], &str, &[&str]); 4] = [
    (&["terraform", "tf"], "alicloud", &["alicloud_image"]),
    (&["terraform", "tf"], "apsarastack", &["apsarastack_image"]),
    (&["terraform", "tf"], "alibabacloudstack", &["alibabacloudstack_ecs_image", "alibabacloudstack_image"]),
    (&["ros"], "ALIYUN", &["ALIYUN::ECS::CustomImage"]),
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
pub(crate) fn mapping(key: &str, provider: &str) -> Option<(String, Vec<u8>)> {
    let (_, name, types) = NAMES
        .iter()
        .find(|(keys, name, _)| keys.contains(&key) && (provider.is_empty() || *name == provider))?;
    let image = ObjectType::of::<ImageArgs>().ok()?;
    // ROS has names in Pascal case, Terraform in snake case.
    let rename: fn(&str) -> String = if key == "ros" { pascal_case } else { snake_case };
    let upstream = schemas(&image, rename);
    let fields = fields(&image, rename);
    let of_each = |value: Json| -> Map<String, Json> {
        types.iter().map(|name| ((*name).to_owned(), value.clone())).collect()
    };
    let data = json!({
        "name": name,
        "version": env!("CARGO_PKG_VERSION"),
        "provider": { "resources": of_each(upstream) },
        "resources": of_each(json!({ "tok": <Image as ::pulumi::Resource<crate::client::Client>>::TOKEN, "fields": fields })),
    });
    Some(((*name).to_owned(), data.to_string().into_bytes()))
}

/// The providers of an ecosystem that have a mapping.
pub(crate) fn mappings(key: &str) -> Vec<String> {
    NAMES.iter().filter(|(keys, _, _)| keys.contains(&key)).map(|(_, name, _)| (*name).to_owned()).collect()
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

    #[track_caller]
    fn read(key: &str, provider: &str) -> Json {
        let (name, data) = mapping(key, provider).unwrap();
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
    fn ros_names_lead_to_the_image() {
        let data = read("ros", "");
        assert_eq!(
            data["resources"]["ALIYUN::ECS::CustomImage"]["fields"]["InstanceId"]["name"],
            "instanceId"
        );
    }

    #[test]
    fn other_ecosystems_have_no_mapping() {
        assert!(mapping("cloudformation", "").is_none());
        assert!(mapping("terraform", "aws").is_none());
        assert_eq!(mappings("terraform"), ["alicloud", "apsarastack", "alibabacloudstack"]);
    }
}
