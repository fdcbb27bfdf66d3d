//! The regions of the public cloud.

use crate::options::Flavour;

const REGIONS: &[&str] = &[
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ap-southeast-8",
    "cn-beijing",
    "cn-beijing-finance-1",
    "cn-beijing-finance-1-pub",
    "cn-chengdu",
    "cn-fuzhou",
    "cn-guangzhou",
    "cn-hangzhou",
    "cn-hangzhou-finance",
    "cn-heyuan",
    "cn-heyuan-acdr-1",
    "cn-hongkong",
    "cn-huhehaote",
    "cn-hzfinance",
    "cn-hzjbp",
    "cn-nanjing",
    "cn-north-2-gov-1",
    "cn-qingdao",
    "cn-shanghai",
    "cn-shanghai-finance-1",
    "cn-shanghai-finance-1-pub",
    "cn-shenzhen",
    "cn-shenzhen-finance",
    "cn-shenzhen-finance-1",
    "cn-szfinance",
    "cn-wuhan-lr",
    "cn-wulanchabu",
    "cn-zhangjiakou",
    "cn-zhengzhou-jva",
    "cn-zhongwei",
    "eu-central-1",
    "eu-west-1",
    "me-central-1",
    "me-east-1",
    "na-south-1",
    "rus-west-1",
    "us-east-1",
    "us-southeast-1",
    "us-west-1",
];

pub(crate) fn all() -> &'static [&'static str] {
    REGIONS
}

/// A stack's region may have any name: its owner chose it.
pub(crate) fn exists(flavour: Flavour, region: &str) -> bool {
    if flavour.is_stack() {
        return !region.is_empty() && region.len() <= 128 && region.chars().all(|c| !c.is_control());
    }
    REGIONS.contains(&region)
}

/// The region that a host such as `ecs.eu-central-1.aliyuncs.com` names.
pub(crate) fn of_host(host: &str) -> Option<&'static str> {
    let label = host.split('.').nth(1)?;
    REGIONS.iter().copied().find(|region| *region == label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_has_regions_of_any_name() {
        assert!(exists(Flavour::AlibabaCloud, "eu-central-1"));
        assert!(!exists(Flavour::AlibabaCloud, "cn-stack-env-d01"));
        assert!(exists(Flavour::ApsaraStack, "cn-stack-env-d01"));
        assert!(!exists(Flavour::ApsaraStack, ""));
    }

    #[test]
    fn a_host_may_name_its_region() {
        assert_eq!(of_host("ecs.eu-central-1.aliyuncs.com"), Some("eu-central-1"));
        assert_eq!(of_host("127.0.0.1:4711"), None);
        assert_eq!(of_host("localhost"), None);
    }
}
