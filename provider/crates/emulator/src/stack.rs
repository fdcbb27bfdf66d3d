//! The further parameters and headers that a private cloud wants in each call.

use std::collections::BTreeMap;

use crate::answer::{Failure, failure, invalid, missing};
use crate::options::{Flavour, Options};
use crate::request::{Call, Service};

/// The path at which Alibaba Cloud Stack has ASCM's look-up. Apsara Stack has it at the root.
pub(crate) const ASCM_PATH: &str = "/ascm/auth/resource_group/list_resource_group";

/// Refuses a call that the public cloud would take, but that lacks what the stack wants.
pub(crate) fn check(options: &Options, call: &Call) -> Result<(), Failure> {
    let (product, is_ascm) = match call.service() {
        Some(Service::Ecs) => ("ecs", false),
        Some(Service::Ascm) => ("ascm", true),
        Some(Service::Sts) | None => return Ok(()),
    };
    match options.flavour {
        Flavour::AlibabaCloud => Ok(()),
        Flavour::ApsaraStack => {
            must_be(call, "Product", product)?;
            for name in ["Department", "ResourceGroup"] {
                // A caller that is about to look these two up cannot know them yet.
                match call.params.raw(name) {
                    Some(value) if !value.is_empty() || is_ascm => {}
                    _ => return Err(missing(name)),
                }
            }
            if !is_ascm {
                header_must_be(call, "regionid", call.params.text("RegionId"))?;
            }
            match call.public("AccessKeySecret") {
                None if options.demand_secret_in_query => Err(missing("AccessKeySecret")),
                Some(_) | None => Ok(()),
            }
        }
        Flavour::AlibabaCloudStack if is_ascm => header_must_be(call, "x-ascm-product-name", Some(product)),
        Flavour::AlibabaCloudStack => {
            let department = call.params.required("Department")?;
            must_be(call, "OrganizationId", department)?;
            let group = call.params.required("ResourceGroup")?;
            header_must_be(call, "x-acs-organizationid", Some(department))?;
            header_must_be(call, "x-acs-resourcegroupid", Some(group))?;
            header_must_be(call, "x-acs-regionid", call.params.text("RegionId"))?;
            header_must_be(call, "x-acs-request-version", Some("v1"))?;
            header_must_be(call, "x-acs-asapi-product", Some(product))?;
            header_must_be(call, "x-ascm-product-name", Some(product))
        }
    }
}

fn must_be(call: &Call, name: &str, expect: &str) -> Result<(), Failure> {
    match call.params.required(name)? {
        value if value.eq_ignore_ascii_case(expect) => Ok(()),
        _ => Err(invalid(name, &format!("it is not \"{expect}\""))),
    }
}

/// `None` asks only that the header is there.
fn header_must_be(call: &Call, name: &str, expect: Option<&str>) -> Result<(), Failure> {
    match (call.request.header(name), expect) {
        (None, _) => Err(failure(400, "MissingParameter", format!("The header \"{name}\" is not sent."))),
        (Some(value), Some(expect)) if !value.eq_ignore_ascii_case(expect) => {
            Err(invalid(name, &format!("the header is not \"{expect}\"")))
        }
        (Some(_), _) => Ok(()),
    }
}

/// The headers that a stack looks at, for the list of requests. Nothing secret is among them.
pub(crate) fn headers_seen(call: &Call) -> BTreeMap<String, String> {
    call.request
        .headers
        .keys()
        .map(|name| name.as_str())
        .filter(|name| {
            ["x-acs-", "x-ascm-", "eagleeye-", "regionid"].iter().any(|start| name.starts_with(start))
                && !name.contains("token")
                && !name.contains("accesskey")
        })
        .filter_map(|name| Some((name.to_owned(), call.request.header(name)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::tests::request;

    const A: &str =
        "Action=DescribeImages&Version=2014-05-26&RegionId=r&Product=ecs&Department=37&ResourceGroup=71";
    const B: &str = "Action=DescribeImages&Version=2014-05-26&RegionId=r&Department=37&OrganizationId=37&ResourceGroup=71";
    const B_HEADERS: &[(&str, &str)] = &[
        ("x-acs-organizationid", "37"),
        ("x-acs-resourcegroupid", "71"),
        ("x-acs-regionid", "r"),
        ("x-acs-request-version", "v1"),
        ("x-acs-asapi-product", "ecs"),
        ("x-ascm-product-name", "ecs"),
    ];

    #[track_caller]
    fn check_call(flavour: Flavour, query: &str, headers: &[(&'static str, &str)], expect: Result<(), &str>) {
        let call = Call::decode(request("POST", query, headers, ""));
        let options = Options { flavour, ..Options::default() };
        let seen = super::check(&options, &call).map_err(|failure| failure.message);
        match (&seen, expect) {
            (Ok(()), Ok(())) => {}
            (Err(message), Err(part)) if message.contains(part) => {}
            _ => panic!("{query} {headers:?}: {seen:?}, not {expect:?}"),
        }
    }

    #[test]
    fn apsara_stack_wants_its_parameters() {
        let region = ("regionid", "r");
        check_call(Flavour::ApsaraStack, A, &[region], Ok(()));
        check_call(Flavour::ApsaraStack, A, &[], Err("regionid"));
        for name in ["Product", "Department", "ResourceGroup"] {
            check_call(Flavour::ApsaraStack, &A.replace(name, "Other"), &[region], Err(name));
        }
        check_call(Flavour::ApsaraStack, &A.replace("=37", "="), &[region], Err("Department"));
    }

    #[test]
    fn the_secret_is_demanded_only_if_the_option_says_so() {
        let options =
            Options { flavour: Flavour::ApsaraStack, demand_secret_in_query: true, ..Options::default() };
        let go = |query: &str| {
            super::check(&options, &Call::decode(request("GET", query, &[("regionid", "r")], "")))
        };
        assert!(go(A).is_err());
        assert!(go(&format!("{A}&AccessKeySecret=x")).is_ok());
    }

    #[test]
    fn alibaba_cloud_stack_wants_its_headers_to_agree_with_its_parameters() {
        check_call(Flavour::AlibabaCloudStack, B, B_HEADERS, Ok(()));
        for left_out in 0..B_HEADERS.len() {
            let mut headers = B_HEADERS.to_vec();
            let (name, _) = headers.remove(left_out);
            check_call(Flavour::AlibabaCloudStack, B, &headers, Err(name));
            headers.push((name, "wrong"));
            check_call(Flavour::AlibabaCloudStack, B, &headers, Err(name));
        }
        check_call(
            Flavour::AlibabaCloudStack,
            &B.replace("OrganizationId=37", "OrganizationId=38"),
            B_HEADERS,
            Err("OrganizationId"),
        );
        check_call(Flavour::AlibabaCloud, "Action=A&Version=2014-05-26", &[], Ok(()));
    }

    #[test]
    fn secrets_do_not_show_among_the_headers() {
        let headers =
            [("x-acs-security-token", "t"), ("x-acs-regionid", "r"), ("authorization", "s"), ("accept", "a")];
        let seen = headers_seen(&Call::decode(request("GET", "", &headers, "")));
        assert_eq!(seen.keys().collect::<Vec<_>>(), ["x-acs-regionid"]);
    }
}
