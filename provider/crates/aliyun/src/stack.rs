//! Private clouds, Apsara Stack and Alibaba Cloud Stack: where they are reached, and what their requests carry besides.

use crate::endpoint::{Endpoint, Hosts, Product, Protocol};
use crate::error::Error;
use crate::proxy::Proxy;
use crate::sign::Scheme;

/// Private clouds know no other signature.
pub(crate) const SCHEME: Scheme = Scheme::V1;
/// The path of the gateway that serves all products behind one host.
const ASAPI: &str = "/asapi/v3";

/// Which kind of private cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flavour {
    /// Apsara Stack: context in the query, `Product` among it.
    ApsaraStack,
    /// Alibaba Cloud Stack: context in the query and in headers.
    AlibabaCloudStack,
}

/// Settings of a private cloud. Signature V1 is used whatever else is set: they know no other. The published providers
/// speak plain HTTP unless told otherwise; here [`Settings::protocol`](crate::Settings::protocol) decides, as everywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackSettings {
    /// Which kind.
    pub flavour: Flavour,
    /// The organization's id ("department"). Looked up if absent and [`resource_group_set`](Self::resource_group_set) is
    /// given, else sent empty.
    pub department: Option<String>,
    /// The id of the resource group ("resource set") inside the organization. Looked up like the department.
    pub resource_group: Option<String>,
    /// The resource group's name, by which both ids are looked up at the first call.
    pub resource_group_set: Option<String>,
    /// The organization's id, if it differs from the department. Alibaba Cloud Stack only.
    pub organization_id: Option<String>,
    /// The host of ASCM, which knows organizations: host, host:port or URL.
    pub ascm_endpoint: Option<String>,
    /// One host for every product. On Apsara Stack it wins over [`Settings::endpoint`](crate::Settings::endpoint); on Alibaba Cloud Stack it is the
    /// ASAPI gateway and comes last.
    pub domain: Option<String>,
    /// The domain below which Alibaba Cloud Stack's products have their hosts (`ecs-internal.<domain>`).
    pub popgw_domain: Option<String>,
    /// Whether the region is the centre, whose hosts under `popgw_domain` do not name the region. True by default.
    pub center_region: bool,
    /// Goes by the ASAPI gateway even if `popgw_domain` is set.
    pub force_asapi: bool,
    /// Sends the key's secret itself in every query. Only for old Apsara Stack installations that insist on it: whoever
    /// reads an access log on the way can use the key.
    pub send_secret: bool,
}

impl StackSettings {
    /// Nothing set but the kind.
    pub fn new(flavour: Flavour) -> StackSettings {
        StackSettings {
            flavour,
            department: None,
            resource_group: None,
            resource_group_set: None,
            organization_id: None,
            ascm_endpoint: None,
            domain: None,
            popgw_domain: None,
            center_region: true,
            force_asapi: false,
            send_secret: false,
        }
    }

    /// Whether ECS is behind the ASAPI gateway.
    pub(crate) fn is_asapi(&self, endpoint_given: bool) -> bool {
        match self.flavour {
            Flavour::ApsaraStack => false,
            Flavour::AlibabaCloudStack => {
                let popgw = self.popgw_domain.is_some() && !self.force_asapi;
                !endpoint_given && !popgw && self.domain.is_some()
            }
        }
    }
}

/// The host of a product.
pub(crate) fn endpoint(
    stack: &StackSettings,
    hosts: &Hosts,
    proxy: &Proxy,
    product: Product,
) -> Result<Endpoint, Error> {
    let (own, setting, popgw_host) = match product {
        Product::Ecs => (hosts.ecs.as_deref(), "the ecs endpoint setting", "ecs-internal"),
        // No rule is known for it.
        Product::Oss => {
            let Some(own) = hosts.oss.as_deref() else {
                return Err(Error::settings(
                    "a private cloud has no host for OSS that can be guessed: give the oss endpoint setting",
                ));
            };
            return Endpoint::parse(own, hosts.protocol, "the oss endpoint setting");
        }
        Product::Sts => (hosts.sts.as_deref(), "the sts endpoint setting", "sts"),
        Product::Ascm => (stack.ascm_endpoint.as_deref(), "the ASCM endpoint setting", "ascm"),
    };
    // The published providers call STS by HTTPS only.
    let protocol = if product == Product::Sts { Protocol::Https } else { hosts.protocol };
    match stack.flavour {
        Flavour::ApsaraStack => {
            // Its STS is part of ASCM.
            let own = match product {
                Product::Sts => own.or(stack.ascm_endpoint.as_deref()),
                Product::Ecs | Product::Oss | Product::Ascm => own,
            };
            match (&stack.domain, own) {
                (Some(domain), _) => Endpoint::parse(domain, protocol, "the domain setting"),
                (None, Some(own)) => Endpoint::parse(own, protocol, setting),
                (None, None) => Err(Error::settings(format!(
                    "Apsara Stack has no host that can be guessed: give {setting} or a domain"
                ))),
            }
        }
        Flavour::AlibabaCloudStack => {
            if let Some(own) = own {
                return Endpoint::parse(own, protocol, setting);
            }
            if let Some(domain) = stack.popgw_domain.as_deref().filter(|_| !stack.force_asapi) {
                let host = match stack.center_region {
                    true => format!("{popgw_host}.{domain}"),
                    false => format!("{popgw_host}.{}.{domain}", hosts.region),
                };
                return Endpoint::parse(&host, protocol, "the popgw domain setting");
            }
            match &stack.domain {
                Some(domain) => asapi(domain, protocol, proxy),
                None => Err(Error::settings(format!(
                    "Alibaba Cloud Stack has no host that can be guessed: give {setting}, a popgw domain or a domain"
                ))),
            }
        }
    }
}

/// The gateway's endpoint. Its domain may be given with the path that it has anyway.
fn asapi(domain: &str, protocol: Protocol, proxy: &Proxy) -> Result<Endpoint, Error> {
    let origin = "the domain setting";
    let trimmed = domain.trim().trim_end_matches('/');
    let host = trimmed.strip_suffix(ASAPI).unwrap_or(trimmed);
    let behind_proxy = match proxy {
        Proxy::Url(_) => true,
        Proxy::Environment | Proxy::None => false,
    };
    if host.len() < trimmed.len() && behind_proxy {
        return Err(Error::settings(format!("{origin}: a domain with a path cannot be used with a proxy")));
    }
    let endpoint = Endpoint::parse(host, protocol, origin)?;
    let endpoint = if endpoint.authority().starts_with("internal.asapi.") {
        endpoint.with_protocol(Protocol::Http)
    } else if endpoint.authority().starts_with("public.asapi.") {
        endpoint.with_protocol(Protocol::Https)
    } else {
        endpoint
    };
    Ok(endpoint.with_path(ASAPI))
}

/// The organization and the resource group that requests are made for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tenancy {
    pub(crate) department: String,
    pub(crate) resource_group: String,
}

/// The tenancy as far as the settings name it.
pub(crate) fn given(settings: &StackSettings) -> Tenancy {
    Tenancy {
        department: settings.department.clone().unwrap_or_default(),
        resource_group: settings.resource_group.clone().unwrap_or_default(),
    }
}

/// What a request carries besides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extras {
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
}

/// Pairs of texts, owned.
pub(crate) fn own(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// What every request to a product carries besides.
pub(crate) fn extras(settings: &StackSettings, tenancy: &Tenancy, product: Product, region: &str) -> Extras {
    let product = product.name();
    let organization = settings.organization_id.as_deref().unwrap_or(&tenancy.department);
    // The Go core SDK, through which both published providers talk, sends SignatureType empty and signs it.
    let mut query = own(&[
        ("SignatureType", ""),
        ("Department", &tenancy.department),
        ("ResourceGroup", &tenancy.resource_group),
    ]);
    let mut headers = own(&[("regionid", region)]);
    match settings.flavour {
        Flavour::ApsaraStack => query.extend(own(&[("Product", product)])),
        Flavour::AlibabaCloudStack => {
            query.extend(own(&[("OrganizationId", organization)]));
            headers.extend(own(&[
                ("x-acs-regionid", region),
                ("x-acs-organizationid", organization),
                ("x-acs-resourcegroupid", &tenancy.resource_group),
                ("x-acs-request-version", "v1"),
                ("x-acs-asapi-product", product),
                ("x-ascm-product-name", product),
            ]));
        }
    }
    Extras { query, headers }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(flavour: Flavour, change: impl FnOnce(&mut StackSettings), product: Product, url: &str) {
        let mut stack = StackSettings::new(flavour);
        change(&mut stack);
        let hosts = Hosts { protocol: Protocol::Http, region: "cn-test".to_owned(), ..Hosts::default() };
        assert_eq!(endpoint(&stack, &hosts, &Proxy::None, product).expect("an endpoint").url(""), url);
    }

    #[test]
    fn hosts_come_from_the_domain_or_its_templates() {
        let a = Flavour::ApsaraStack;
        let b = Flavour::AlibabaCloudStack;
        let domain = |name: &str| {
            let name = name.to_owned();
            move |stack: &mut StackSettings| stack.domain = Some(name)
        };
        check(a, domain("gw.test:8080"), Product::Ecs, "http://gw.test:8080/");
        check(
            a,
            |stack| stack.ascm_endpoint = Some("ascm.test".to_owned()),
            Product::Sts,
            "https://ascm.test/",
        );
        let popgw = |center: bool| {
            move |stack: &mut StackSettings| {
                stack.popgw_domain = Some("pop.test".to_owned());
                stack.domain = Some("gw.test".to_owned());
                stack.center_region = center;
            }
        };
        check(b, popgw(true), Product::Ecs, "http://ecs-internal.pop.test/");
        check(b, popgw(false), Product::Ecs, "http://ecs-internal.cn-test.pop.test/");
        check(b, popgw(false), Product::Ascm, "http://ascm.cn-test.pop.test/");
        check(b, popgw(true), Product::Sts, "https://sts.pop.test/");
        check(b, domain("gw.test"), Product::Ecs, "http://gw.test/asapi/v3");
        check(b, domain("public.asapi.test/asapi/v3"), Product::Ecs, "https://public.asapi.test/asapi/v3");
        check(b, domain("https://internal.asapi.test"), Product::Ecs, "http://internal.asapi.test/asapi/v3");
        check(
            b,
            |stack| {
                popgw(true)(stack);
                stack.force_asapi = true;
            },
            Product::Ecs,
            "http://gw.test/asapi/v3",
        );
    }

    #[test]
    fn without_a_host_the_error_names_the_settings_that_give_one() {
        for flavour in [Flavour::ApsaraStack, Flavour::AlibabaCloudStack] {
            let error = endpoint(&StackSettings::new(flavour), &Hosts::default(), &Proxy::None, Product::Ecs)
                .expect_err("none");
            assert!(error.to_string().contains("give the ecs endpoint setting"), "{error}");
        }
        let mut stack = StackSettings::new(Flavour::AlibabaCloudStack);
        stack.domain = Some("gw.test/asapi/v3".to_owned());
        let proxy = Proxy::Url("http://proxy:1".to_owned());
        assert!(endpoint(&stack, &Hosts::default(), &proxy, Product::Ecs).is_err());
    }
}
