//! The provider itself: its name, its list of resources, and the head of schema.json.

use std::path::PathBuf;

use aliyun::Environment;
use pulumi::{
    AnyFunction, AnyResource, Asked, ConfigureError, Failure, Findings, Provider, function, resource,
};
use serde_json::{Map, Value as Json, json};

use crate::client::Client;
use crate::client_settings;
use crate::config::{self, Config};
use crate::ecs::get_image_from_family::GetImageFromFamily;
use crate::ecs::get_images::GetImages;
use crate::ecs::image::Image;
use crate::ecs::image_copy::ImageCopy;
use crate::ecs::image_export::ImageExport;
use crate::ecs::image_import::ImageImport;
use crate::ecs::image_share_permission::ImageSharePermission;
use crate::ecs::images::memory::Memory;
use crate::elsewhere;
use crate::mapping;
use crate::publisher::publisher;

/// The alicloud package.
pub(crate) struct Alicloud {
    resources: Vec<Box<dyn AnyResource<Client>>>,
    functions: Vec<Box<dyn AnyFunction<Client>>>,
    environment: Environment,
    /// The file that the engine has started.
    runs: Option<PathBuf>,
}

impl Alicloud {
    /// The variables, files and clock of the process.
    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    pub(crate) fn new() -> Self {
        let memory = Memory::default();
        // Once, so that CheckConfig and Configure see the same.
        let environment = Environment::from_process();
        Alicloud {
            // Every resource, one line each: dispatch, schema.json and so the SDKs come from this list.
            resources: vec![
                resource(Image::new(memory.clone())),
                resource(ImageCopy::new(memory.clone())),
                resource(ImageExport::new(memory.clone())),
                resource(ImageImport::new(memory.clone())),
                resource(ImageSharePermission::new(memory)),
            ],
            // Every function, one line each, as well.
            functions: vec![function(GetImages::new(environment.clone())), function(GetImageFromFamily)],
            environment,
            runs: std::env::current_exe().ok(),
        }
    }

    /// schema.json, as it is committed.
    pub(crate) fn schema_text(&self) -> Result<String, Failure> {
        let schema = pulumi::package_schema(self)?;
        let text = serde_json::to_string_pretty(&schema).map_err(|error| Failure::Bug(error.to_string()))?;
        Ok(text + "\n")
    }
}

impl Provider for Alicloud {
    type Config = Config;
    type Client = Client;

    fn name(&self) -> &'static str {
        "alicloud"
    }

    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    fn metadata(&self) -> Map<String, Json> {
        let head = json!({
            "name": self.name(),
            "displayName": "Alibaba Cloud",
            "version": self.version(),
            "description": "Custom images of Alibaba Cloud's Elastic Compute Service, natively.",
            "keywords": ["pulumi", "alicloud", "alibaba", "ecs", "image", "category/cloud", "kind/native"],
            "license": "Apache-2.0",
            "meta": { "moduleFormat": "(.*)(?:/[^/]*)" },
            "language": {
                "csharp": { "namespaces": { "alicloud": "AliCloud", "ecs": "Ecs" }, "respectSchemaVersion": true },
                "go": {
                    "importBasePath": "github.com/pulumi/pulumi-alicloud/sdk/v3/go/alicloud",
                    "respectSchemaVersion": true
                },
                "nodejs": { "packageName": "@pulumi/alicloud", "respectSchemaVersion": true },
                "python": {
                    "packageName": "pulumi_alicloud",
                    "pyproject": { "enabled": true },
                    "respectSchemaVersion": true
                }
            }
        });
        let head = match head {
            Json::Object(map) => map,
            _ => Map::new(),
        };
        head.into_iter().chain(publisher()).collect()
    }

    fn resources(&self) -> &[Box<dyn AnyResource<Client>>] {
        &self.resources
    }

    fn functions(&self) -> &[Box<dyn AnyFunction<Client>>] {
        &self.functions
    }

    fn variable(&self, given: &Config, name: &str) -> Option<String> {
        config::variable(given, &self.environment, name)
    }

    fn check_config(&self, config: &Config, findings: &mut Findings) {
        client_settings::check(config, &self.environment, findings);
    }

    fn configure(&self, config: Config, asked: &Asked, id: Option<&str>) -> Result<Client, ConfigureError> {
        let client = client_settings::configure(&config, asked, self.environment.clone())?;
        tracing::debug!(
            region = client.api.region(),
            origin = client.region_origin,
            named = client.region_named,
            "configured"
        );
        Ok(Client { provider_id: id.map(ToOwned::to_owned), ..client })
    }

    fn elsewhere(&self, asked: &Asked) -> Option<String> {
        Some(elsewhere::elsewhere(asked, self.version(), self.runs.as_deref()))
    }

    fn mapping(&self, key: &str, provider: &str) -> Option<(String, Vec<u8>)> {
        mapping::mapping(&self.resources, &self.functions, key, provider)
    }

    fn mappings(&self, key: &str) -> Vec<String> {
        mapping::mappings(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every property of the schema with its path: settings, inputs, outputs, nested types.
    fn every_property(schema: &Json) -> Vec<(String, Json)> {
        let mut groups = vec![
            ("config".to_owned(), schema["config"]["variables"].clone()),
            ("provider".to_owned(), schema["provider"]["inputProperties"].clone()),
        ];
        for (token, resource) in schema["resources"].as_object().unwrap() {
            for side in ["inputProperties", "properties"] {
                groups.push((format!("{token} {side}"), resource[side].clone()));
            }
            groups.push((format!("{token} listInputs"), resource["listInputs"]["properties"].clone()));
        }
        for (token, function) in schema["functions"].as_object().unwrap() {
            for side in ["inputs", "outputs"] {
                groups.push((format!("{token} {side}"), function[side]["properties"].clone()));
            }
        }
        for (token, nested) in schema["types"].as_object().unwrap() {
            groups.push((token.clone(), nested["properties"].clone()));
        }
        groups
            .into_iter()
            .flat_map(|(group, properties)| {
                let properties = properties.as_object().cloned().unwrap_or_default();
                properties.into_iter().map(move |(name, property)| (format!("{group} {name}"), property))
            })
            .collect()
    }

    fn schema() -> Json {
        serde_json::from_str(&Alicloud::new().schema_text().unwrap()).unwrap()
    }

    #[test]
    fn every_property_and_type_is_documented() {
        let schema = schema();
        let properties = every_property(&schema);
        assert!(properties.len() > 100);
        for (path, property) in properties {
            assert!(
                property["description"].as_str().is_some_and(|text| text.ends_with('.')),
                "{path}: {property}"
            );
        }
        for (token, nested) in schema["types"].as_object().unwrap() {
            assert!(nested["description"].as_str().is_some_and(|text| !text.is_empty()), "{token}");
        }
    }

    #[test]
    fn keys_and_tokens_are_secret() {
        let secret: Vec<String> = every_property(&schema())
            .into_iter()
            .filter(|(_, property)| property["secret"] == true)
            .map(|(path, _)| path)
            .collect();
        for setting in ["accessKey", "proxy", "secretKey", "securityToken"] {
            for group in ["config", "provider"] {
                assert!(secret.contains(&format!("{group} {setting}")), "{group} {setting} in {secret:?}");
            }
        }
        let token = "alicloud:index/ProviderAssumeRoleWithOidc:ProviderAssumeRoleWithOidc oidcToken";
        assert!(secret.iter().any(|path| path == token), "{secret:?}");
    }

    #[test]
    fn tokens_and_replacements_are_those_of_the_published_package() {
        let schema = schema();
        let types: Vec<&String> = schema["types"].as_object().unwrap().keys().collect();
        for token in [
            "alicloud:ecs/getImagesImage:getImagesImage",
            "alicloud:ecs/getImagesImageDiskDeviceMapping:getImagesImageDiskDeviceMapping",
            "alicloud:ecs/getImageFromFamilyDiskDeviceMapping:getImageFromFamilyDiskDeviceMapping",
            "alicloud:ecs/ImageDiskDeviceMapping:ImageDiskDeviceMapping",
            "alicloud:ecs/ImageFeatures:ImageFeatures",
            "alicloud:index/ProviderAssumeRole:ProviderAssumeRole",
            "alicloud:index/ProviderEndpoint:ProviderEndpoint",
        ] {
            assert!(types.iter().any(|declared| *declared == token), "{token}");
        }
        let image = &schema["resources"]["alicloud:ecs/image:Image"];
        let replaced: Vec<&String> = image["inputProperties"]
            .as_object()
            .unwrap()
            .iter()
            .filter(|(_, property)| property["replaceOnChanges"] == true)
            .map(|(name, _)| name)
            .collect();
        assert_eq!(
            replaced,
            ["architecture", "diskDeviceMappings", "imageVersion", "instanceId", "platform", "snapshotId"]
        );
        assert!(
            image["inputProperties"]["name"]["deprecationMessage"].as_str().unwrap().contains("imageName")
        );
    }

    #[test]
    fn a_copy_is_that_of_the_published_package_and_more() {
        let schema = schema();
        let copy = &schema["resources"]["alicloud:ecs/imageCopy:ImageCopy"];
        assert_eq!(copy["aliases"], json!([{ "type": "alicloud:ecs/copyImage:CopyImage" }]));
        assert_eq!(copy["requiredInputs"], json!(["sourceImageId", "sourceRegionId"]));
        let inputs = copy["inputProperties"].as_object().unwrap();
        assert_eq!(
            inputs.keys().collect::<Vec<_>>(),
            [
                "deleteAutoSnapshot",
                "description",
                "encrypted",
                "force",
                "imageName",
                "kmsKeyId",
                "name",
                "resourceGroupId",
                "sourceImageId",
                "sourceRegionId",
                "status",
                "tags"
            ]
        );
        let replaced = inputs.iter().filter(|(_, property)| property["replaceOnChanges"] == true);
        let replaced: Vec<&String> = replaced.map(|(name, _)| name).collect();
        assert_eq!(replaced, ["encrypted", "kmsKeyId", "sourceImageId", "sourceRegionId"]);
        assert_eq!(
            inputs["name"]["deprecationMessage"],
            "Attribute 'name' has been deprecated from version 1.69.0. Use `imageName` instead."
        );
        let always = copy["required"].as_array().unwrap();
        for output in ["imageName", "name", "sourceImageId", "sourceRegionId"] {
            assert!(always.contains(&output.into()), "{output} in {always:?}");
        }
        let disks = &copy["properties"]["diskDeviceMappings"]["items"]["$ref"];
        assert_eq!(disks, "#/types/alicloud:ecs%2FImageDiskDeviceMapping:ImageDiskDeviceMapping");
        assert!(copy["properties"]["platform"].is_object() && !inputs.contains_key("platform"));
    }

    #[test]
    fn get_images_has_the_types_of_the_published_package() {
        let schema = schema();
        let function = &schema["functions"]["alicloud:ecs/getImages:getImages"];
        assert_eq!(function["outputs"]["required"], json!(["id", "ids", "images"]));
        assert_eq!(function["inputs"].get("required"), None);
        let inputs = function["inputs"]["properties"].as_object().unwrap();
        assert_eq!(inputs.len(), 20);
        for (name, property) in inputs {
            assert_eq!(property["type"], function["outputs"]["properties"][name]["type"], "{name}");
        }
        let image = &schema["types"]["alicloud:ecs/getImagesImage:getImagesImage"];
        let properties = image["properties"].as_object().unwrap();
        let required = image["required"].as_array().unwrap();
        let optional: Vec<&str> =
            properties.keys().map(String::as_str).filter(|name| !required.contains(&json!(name))).collect();
        assert_eq!((properties.len(), optional), (24, vec!["tags"]));
        let type_of = |name: &str| properties[name]["type"].as_str().unwrap();
        assert_eq!(
            (type_of("size"), type_of("isSelfShared"), type_of("isCopied")),
            ("integer", "string", "boolean")
        );
        let disk =
            &schema["types"]["alicloud:ecs/getImagesImageDiskDeviceMapping:getImagesImageDiskDeviceMapping"];
        assert_eq!(disk["properties"]["size"]["type"], "string");
        assert_eq!(disk["required"], json!(["device", "size", "snapshotId"]));
    }

    #[test]
    fn schema_json_is_current() {
        let committed = include_str!("../../schema.json");
        assert!(
            Alicloud::new().schema_text().unwrap() == committed,
            "schema.json is stale: run `make generate`"
        );
    }
}
