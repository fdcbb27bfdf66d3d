//! The provider itself: its name, its list of resources, and the head of schema.json.

use pulumi::{AnyResource, ConfigureError, Failure, Findings, Provider, resource};
use serde_json::{Map, Value as Json, json};

use crate::client::Client;
use crate::config::{self, Config};
use crate::connect;
use crate::ecs::image::Image;
use crate::mapping;

/// The alicloud package.
pub(crate) struct Alicloud {
    resources: Vec<Box<dyn AnyResource<Client>>>,
}

impl Alicloud {
    pub(crate) fn new() -> Self {
        Alicloud {
            // Every resource, one line each: dispatch, schema.json and so the SDKs come from this list.
            resources: vec![resource(Image::default())],
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
            "homepage": "https://github.com/pulumi/pulumi-alicloud",
            "license": "Apache-2.0",
            "repository": "https://github.com/pulumi/pulumi-alicloud",
            "publisher": "pulumi-alicloud",
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
        match head {
            Json::Object(map) => map,
            _ => Map::new(),
        }
    }

    fn resources(&self) -> &[Box<dyn AnyResource<Client>>] {
        &self.resources
    }

    fn check_config(&self, config: &Config, findings: &mut Findings) {
        config::check(config, findings);
    }

    fn configure(&self, config: Config) -> Result<Client, ConfigureError> {
        connect::configure(&config)
    }

    fn mapping(&self, key: &str, provider: &str) -> Option<(String, Vec<u8>)> {
        mapping::mapping(key, provider)
    }

    fn mappings(&self, key: &str) -> Vec<String> {
        mapping::mappings(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schema_json_is_current() {
        let committed = include_str!("../../schema.json");
        assert!(
            Alicloud::new().schema_text().unwrap() == committed,
            "schema.json is stale: run `make generate`"
        );
    }
}
