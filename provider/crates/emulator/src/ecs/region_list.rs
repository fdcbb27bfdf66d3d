//! DescribeRegions.

use serde_json::{Value, json};

use crate::action::Context;
use crate::answer::Failure;
use crate::regions;
use crate::rules;

pub(crate) fn describe_regions(context: &mut Context<'_>) -> Result<Value, Failure> {
    let params = context.params;
    if let Some(language) = params.text("AcceptLanguage") {
        let known = ["zh-CN", "zh-TW", "en-US", "ja", "fr", "de", "ko"];
        rules::one_of(language, &known, (404, "InvalidAcceptLanguage.NotFound"))?;
    }
    if let Some(charge) = params.text("InstanceChargeType") {
        let known = ["PrePaid", "PostPaid", "SpotWithPriceLimit", "SpotAsPriceGo"];
        rules::one_of(charge, &known, (403, "Invalid.InstanceChargeType"))?;
    }
    if let Some(kind) = params.text("ResourceType") {
        let known = ["instance", "disk", "reservedinstance", "scu"];
        rules::one_of(kind, &known, (404, "InvalidResourceType.NotFound"))?;
    }
    let shown: Vec<Value> = regions::all()
        .iter()
        .map(|region| {
            json!({
                "RegionId": region,
                "LocalName": region,
                "RegionEndpoint": format!("ecs.{region}.aliyuncs.com"),
                "Status": "available",
            })
        })
        .collect();
    Ok(json!({ "Regions": { "Region": shown } }))
}

#[cfg(test)]
mod tests {
    use crate::ecs::tests::Cloud;

    #[test]
    fn regions_are_listed() {
        let answer = Cloud::new().ok("DescribeRegions", &[("RegionId", "")]);
        let regions = answer["Regions"]["Region"].as_array().expect("a list");
        assert!(regions.iter().any(|region| region["RegionId"] == "cn-hangzhou"));
        let mut cloud = Cloud::new();
        cloud.refused("DescribeRegions", &[("ResourceType", "x")], (404, "InvalidResourceType.NotFound"));
        cloud.refused("DescribeRegions", &[("AcceptLanguage", "x")], (404, "InvalidAcceptLanguage.NotFound"));
    }
}
