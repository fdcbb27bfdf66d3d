//! Private clouds, Apsara Stack and Alibaba Cloud Stack: where they are reached, what their requests carry besides, and how
//! the organization and its resource group are found by name.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::answer::{Expected, one_line};
use crate::call::{Call, Caller, Keys, Method, Service};
use crate::credential::Store;
use crate::endpoint::{Endpoint, Protocol};
use crate::error::{Class, Error, ErrorKind};
use crate::lenient::record;
use crate::proxy::Proxy;
use crate::settings::Settings;
use crate::sign::Scheme;

/// Private clouds know no other signature.
pub(crate) const SCHEME: Scheme = Scheme::V1;
/// The path of the gateway that serves all products behind one host.
const ASAPI: &str = "/asapi/v3";
const LIST: &str = "/ascm/auth/resource_group/list_resource_group";
const LIST_ACTION: &str = "ListResourceGroup";
/// A failed look-up is not repeated for so long: a thousand calls that wait for it share the failure.
const REST: Duration = Duration::from_secs(5);

/// Which kind of private cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flavour {
    /// Apsara Stack: context in the query, `Product` among it.
    ApsaraStack,
    /// Alibaba Cloud Stack: context in the query and in headers.
    AlibabaCloudStack,
}

/// Settings of a private cloud. Signature V1 is used whatever else is set: they know no other. The published providers
/// speak plain HTTP unless told otherwise; here [`Settings::protocol`] decides, as everywhere.
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
    /// The organization's id where it differs from the department; Alibaba Cloud Stack only.
    pub organization_id: Option<String>,
    /// The host of ASCM, which knows organizations: host, host:port or URL.
    pub ascm_endpoint: Option<String>,
    /// One host for every product. On Apsara Stack it wins over [`Settings::endpoint`]; on Alibaba Cloud Stack it is the
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
    fn is_asapi(&self, endpoint_given: bool) -> bool {
        match self.flavour {
            Flavour::ApsaraStack => false,
            Flavour::AlibabaCloudStack => {
                let popgw = self.popgw_domain.is_some() && !self.force_asapi;
                !endpoint_given && !popgw && self.domain.is_some()
            }
        }
    }
}

/// What a private cloud's client calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Product {
    Ecs,
    Sts,
    Ascm,
}

/// The host of a product.
pub(crate) fn endpoint(
    stack: &StackSettings,
    settings: &Settings,
    product: Product,
) -> Result<Endpoint, Error> {
    let (own, setting, popgw_host) = match product {
        Product::Ecs => (settings.endpoint.as_deref(), "the ecs endpoint setting", "ecs-internal"),
        Product::Sts => (settings.sts_endpoint.as_deref(), "the sts endpoint setting", "sts"),
        Product::Ascm => (stack.ascm_endpoint.as_deref(), "the ASCM endpoint setting", "ascm"),
    };
    // The published providers call STS by HTTPS only.
    let protocol = if product == Product::Sts { Protocol::Https } else { settings.protocol };
    match stack.flavour {
        Flavour::ApsaraStack => {
            // Its STS is part of ASCM.
            let own = match product {
                Product::Sts => own.or(stack.ascm_endpoint.as_deref()),
                Product::Ecs | Product::Ascm => own,
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
                    false => format!("{popgw_host}.{}.{domain}", settings.region),
                };
                return Endpoint::parse(&host, protocol, "the popgw domain setting");
            }
            match &stack.domain {
                Some(domain) => asapi(domain, protocol, &settings.proxy),
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
pub(crate) struct Place {
    pub(crate) department: String,
    pub(crate) resource_group: String,
}

/// The place as far as the settings name it.
pub(crate) fn given(settings: &StackSettings) -> Place {
    Place {
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

fn own(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// What every request to a product carries besides.
pub(crate) fn extras(settings: &StackSettings, place: &Place, product: &str, region: &str) -> Extras {
    let organization = settings.organization_id.as_deref().unwrap_or(&place.department);
    // The Go core SDK, through which both published providers talk, sends SignatureType empty and signs it.
    let mut query = own(&[
        ("SignatureType", ""),
        ("Department", &place.department),
        ("ResourceGroup", &place.resource_group),
    ]);
    let mut headers = own(&[("regionid", region)]);
    match settings.flavour {
        Flavour::ApsaraStack => query.extend(own(&[("Product", product)])),
        Flavour::AlibabaCloudStack => {
            query.extend(own(&[("OrganizationId", organization)]));
            headers.extend(own(&[
                ("x-acs-regionid", region),
                ("x-acs-organizationid", organization),
                ("x-acs-resourcegroupid", &place.resource_group),
                ("x-acs-request-version", "v1"),
                ("x-acs-asapi-product", product),
                ("x-ascm-product-name", product),
            ]));
        }
    }
    Extras { query, headers }
}

/// Finds the organization and the resource group once and keeps them.
pub(crate) struct Lookup {
    settings: StackSettings,
    region: String,
    /// Where to look, if there is anything to look up.
    ascm: Option<(Endpoint, String)>,
    asapi: bool,
    trace: String,
    found: Mutex<Option<(Instant, Result<Place, Error>)>>,
}

impl Lookup {
    pub(crate) fn new(stack: StackSettings, settings: &Settings) -> Result<Lookup, Error> {
        let complete = stack.department.is_some() && stack.resource_group.is_some();
        let asapi = stack.is_asapi(settings.endpoint.is_some());
        let ascm = match &stack.resource_group_set {
            Some(name) if !complete => {
                let endpoint = endpoint(&stack, settings, Product::Ascm)?;
                let gateway = stack.ascm_endpoint.is_none() && stack.is_asapi(false);
                let endpoint = match stack.flavour {
                    Flavour::AlibabaCloudStack if !gateway => endpoint.with_path(LIST),
                    Flavour::AlibabaCloudStack | Flavour::ApsaraStack => endpoint,
                };
                Some((endpoint, name.clone()))
            }
            Some(_) | None => None,
        };
        let trace = settings.environment.variable("TF_EAGLEEYE_TRACEID").map(ToOwned::to_owned);
        Ok(Lookup {
            settings: stack,
            region: settings.region.clone(),
            ascm,
            asapi,
            trace: trace.unwrap_or_else(|| format!("{:032x}", rand::random::<u128>())),
            found: Mutex::default(),
        })
    }

    /// What every request carries besides.
    pub(crate) fn extras(&self, place: &Place, product: &str) -> Extras {
        let mut extras = extras(&self.settings, place, product, &self.region);
        match self.settings.flavour {
            Flavour::ApsaraStack => {}
            Flavour::AlibabaCloudStack => {
                extras.headers.extend(own(&[("eagleeye-traceid", &self.trace), ("eagleeye-rpcid", "0.1")]));
                if self.asapi {
                    // The gateway finds the product by it.
                    extras.query.extend(own(&[("Product", product)]));
                }
            }
        }
        extras
    }

    /// The place that requests are made for, looked up if need be: once for all who wait.
    pub(crate) async fn place(
        &self,
        caller: &Caller,
        store: &Store,
        deadline: Instant,
    ) -> Result<Place, Error> {
        let Some((endpoint, name)) = &self.ascm else { return Ok(given(&self.settings)) };
        let mut found = tokio::time::timeout_at(deadline, self.found.lock())
            .await
            .map_err(|_| Error::timed_out(LIST_ACTION, Duration::ZERO, 0, None))?;
        match &*found {
            Some((_, Ok(place))) => return Ok(place.clone()),
            Some((at, Err(error))) if at.elapsed() < REST => return Err(error.clone()),
            Some((_, Err(_))) | None => {}
        }
        let result = self.look_up(endpoint, name, caller, store, deadline).await;
        if let Ok(place) = &result {
            tracing::debug!(place.department, place.resource_group, "found the resource group {name}");
        }
        *found = Some((Instant::now(), result.clone()));
        result
    }

    async fn look_up(
        &self,
        endpoint: &Endpoint,
        name: &str,
        caller: &Caller,
        store: &Store,
        deadline: Instant,
    ) -> Result<Place, Error> {
        let place = given(&self.settings);
        let mut params = own(&[("resourceGroupName", name)]);
        let (method, extras) = match self.settings.flavour {
            Flavour::ApsaraStack => {
                params.push(("RegionId".to_owned(), self.region.clone()));
                (Method::GetQuery, self.extras(&place, "ascm"))
            }
            Flavour::AlibabaCloudStack => {
                params.extend(own(&[("pageNumber", "1"), ("pageSize", "10")]));
                let headers = own(&[("x-ascm-product-name", "ascm"), ("content-type", "application/json")]);
                let query = own(&[("SignatureType", ""), ("Product", "ascm"), ("RegionId", &self.region)]);
                (Method::PostQuery, Extras { query, headers })
            }
        };
        let service = Service {
            product: "ascm",
            method,
            version: "2019-05-10",
            region: &self.region,
            endpoint,
            scheme: SCHEME,
            query: extras.query,
            headers: extras.headers,
            send_secret: self.settings.send_secret,
            throttle: None,
        };
        let call = Call {
            action: LIST_ACTION,
            params,
            time_limit: Duration::from_secs(10),
            rules: &[],
            idempotent: true,
            secret: None,
            deadline: deadline.min(Instant::now() + Duration::from_secs(60)),
        };
        let mut expected = Expected::<Groups>::anything();
        caller.call(&service, Keys::Store(store), &call, &mut expected).await?;
        choose(&self.settings, name, &expected.response.data)
    }
}

record! {
    /// The resource groups that a name was found in.
    #[derive(Default)]
    struct Groups {
        data: Value = "data",
    }
}

/// Picks the one entry with exactly this name. The published providers take what comes, up to an id of 0.
fn choose(settings: &StackSettings, name: &str, groups: &Value) -> Result<Place, Error> {
    let refuse = |why: String| {
        let name = one_line(name, 100);
        let message = format!("the resource group \"{name}\" {why}");
        Err(Error::new(ErrorKind::Settings, Class::Fatal, LIST_ACTION, message))
    };
    let text = |value: Option<&Value>| match value {
        Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        Some(Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_)) | None => {
            None
        }
    };
    let mut named = groups
        .as_array()
        .into_iter()
        .flatten()
        .filter(|entry| entry.get("resourceGroupName").and_then(Value::as_str) == Some(name));
    let Some(entry) = named.next() else {
        return refuse("does not exist, or this key may not see it".to_owned());
    };
    let others = named.count();
    if others > 0 {
        return refuse(format!("exists {} times: give department and resource group by id", others + 1));
    }
    let department = settings.department.clone().or_else(|| text(entry.get("organizationID")));
    let resource_group = settings.resource_group.clone().or_else(|| text(entry.get("id")));
    match (department, resource_group) {
        (Some(department), Some(resource_group)) => Ok(Place { department, resource_group }),
        (None, _) => refuse("comes without an organizationID".to_owned()),
        (Some(_), None) => refuse("comes without an id".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecs::DescribeImagesRequest;
    use crate::testing::{SECRET, STS, Sent, Stub, client_with, in_seconds, ok, refuse, settings};

    const EMPTY: &str = r#"{"RequestId":"R","TotalCount":0,"Images":{"Image":[]}}"#;
    const GROUPS: &str = r#"{"code":"200","message":"success","data":[
        {"id":148,"organizationID":37,"resourceGroupName":"team","rsId":"rs-1"},
        {"id":149,"organizationID":38,"resourceGroupName":"team-two","rsId":"rs-2"}]}"#;

    fn on(stack: StackSettings) -> Settings {
        Settings { endpoint: Some("http://ecs.stack.test".to_owned()), stack: Some(stack), ..settings() }
    }

    fn placed(flavour: Flavour) -> StackSettings {
        StackSettings {
            department: Some("37".to_owned()),
            resource_group: Some("148".to_owned()),
            ..StackSettings::new(flavour)
        }
    }

    async fn describe(settings: Settings) -> Sent {
        let stub = Stub::script(vec![ok(EMPTY)]);
        let client = client_with(settings, &stub);
        client.describe_images(&DescribeImagesRequest::default(), in_seconds(60)).await.expect("described");
        stub.sent().remove(0)
    }

    #[tokio::test(start_paused = true)]
    async fn apsara_stack_gets_its_context_in_the_query_and_no_secret() {
        let sent = describe(on(placed(Flavour::ApsaraStack))).await;
        assert!(sent.request.url.starts_with("http://ecs.stack.test/?"), "{}", sent.request.url);
        for (name, value) in [
            ("Product", "ecs"),
            ("Department", "37"),
            ("ResourceGroup", "148"),
            ("RegionId", "cn-test"),
            ("SignatureMethod", "HMAC-SHA1"),
        ] {
            assert_eq!(sent.param(name), value, "{name}");
        }
        assert!(sent.params.contains_key("SignatureType"));
        assert_eq!(sent.header("regionid"), Some("cn-test"));
        assert!(
            !sent.params.contains_key("AccessKeySecret") && !format!("{:?}", sent.params).contains(SECRET)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_secret_goes_into_the_query_only_if_asked_for() {
        let stack = StackSettings { send_secret: true, ..placed(Flavour::ApsaraStack) };
        assert_eq!(describe(on(stack)).await.param("AccessKeySecret"), SECRET);
    }

    #[tokio::test(start_paused = true)]
    async fn alibaba_cloud_stack_gets_its_context_in_query_and_headers() {
        let sent = describe(on(placed(Flavour::AlibabaCloudStack))).await;
        assert_eq!((sent.param("OrganizationId"), sent.param("Department")), ("37", "37"));
        assert!(!sent.params.contains_key("Product"));
        for (name, value) in [
            ("regionid", "cn-test"),
            ("x-acs-regionid", "cn-test"),
            ("x-acs-organizationid", "37"),
            ("x-acs-resourcegroupid", "148"),
            ("x-acs-request-version", "v1"),
            ("x-acs-asapi-product", "ecs"),
            ("x-ascm-product-name", "ecs"),
            ("eagleeye-rpcid", "0.1"),
        ] {
            assert_eq!(sent.header(name), Some(value), "{name}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_empty_place_goes_out_empty() {
        let sent = describe(on(StackSettings::new(Flavour::ApsaraStack))).await;
        assert_eq!(sent.params.get("Department").map(String::as_str), Some(""));
        assert_eq!(sent.params.get("ResourceGroup").map(String::as_str), Some(""));
    }

    fn looking(flavour: Flavour) -> Settings {
        on(StackSettings {
            resource_group_set: Some("team".to_owned()),
            ascm_endpoint: Some("http://ascm.stack.test".to_owned()),
            ..StackSettings::new(flavour)
        })
    }

    #[tokio::test(start_paused = true)]
    async fn both_ids_are_looked_up_by_name_once_for_all_calls() {
        for (flavour, method, url) in [
            (Flavour::ApsaraStack, "GET", "http://ascm.stack.test/?"),
            (
                Flavour::AlibabaCloudStack,
                "POST",
                "http://ascm.stack.test/ascm/auth/resource_group/list_resource_group?",
            ),
        ] {
            let stub = Stub::new(|sent| if sent.action() == LIST_ACTION { ok(GROUPS) } else { ok(EMPTY) });
            let client = client_with(looking(flavour), &stub);
            let request = DescribeImagesRequest::default();
            let calls = (0..50).map(|_| client.describe_images(&request, in_seconds(60)));
            assert!(futures::future::join_all(calls).await.iter().all(Result::is_ok));
            let sent = stub.sent();
            assert_eq!((sent.len(), sent[0].action()), (51, LIST_ACTION));
            assert_eq!(sent[0].request.method, method);
            assert!(sent[0].request.url.starts_with(url), "{}", sent[0].request.url);
            assert_eq!((sent[0].param("resourceGroupName"), sent[0].param("Product")), ("team", "ascm"));
            assert_eq!(sent[0].param("Version"), "2019-05-10");
            assert!(sent[0].request.body.is_empty());
            assert_eq!((sent[1].param("Department"), sent[1].param("ResourceGroup")), ("37", "148"));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_fits_none_or_several_is_an_error() {
        for (answer, reason) in [
            (GROUPS.replace("\"team\"", "\"teams\""), "does not exist"),
            (GROUPS.replace("team-two", "team"), "exists 2 times"),
            (GROUPS.replace("\"id\":148,", ""), "without an id"),
            (r#"{"code":"200","data":[]}"#.to_owned(), "does not exist"),
        ] {
            let stub = Stub::script(vec![ok(&answer)]);
            let client = client_with(looking(Flavour::ApsaraStack), &stub);
            let result = client.describe_images(&DescribeImagesRequest::default(), in_seconds(60)).await;
            let error = result.expect_err(reason);
            assert!(error.to_string().contains(reason), "{error}");
            assert!(!error.is_not_found(), "no image is gone because of it");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_look_up_is_shared_and_repeated_later() {
        let stub = Stub::new(|sent| match sent.index {
            0 => ok(r#"{"code":"403","message":"no"}"#),
            _ if sent.action() == LIST_ACTION => ok(GROUPS),
            _ => ok(EMPTY),
        });
        let client = client_with(looking(Flavour::ApsaraStack), &stub);
        let request = DescribeImagesRequest::default();
        let calls = (0..50).map(|_| client.describe_images(&request, in_seconds(60)));
        assert!(futures::future::join_all(calls).await.iter().all(Result::is_err));
        assert_eq!(stub.sent().len(), 1);
        tokio::time::advance(REST).await;
        client.describe_images(&request, in_seconds(60)).await.expect("found");
    }

    #[track_caller]
    fn check(flavour: Flavour, change: impl FnOnce(&mut StackSettings), product: Product, url: &str) {
        let mut stack = StackSettings::new(flavour);
        change(&mut stack);
        let settings = Settings { protocol: Protocol::Http, ..settings() };
        assert_eq!(endpoint(&stack, &settings, product).expect("an endpoint").url(""), url);
    }

    #[tokio::test]
    async fn hosts_come_from_the_domain_or_its_templates() {
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

    #[tokio::test]
    async fn without_a_host_the_error_names_the_settings_that_give_one() {
        for flavour in [Flavour::ApsaraStack, Flavour::AlibabaCloudStack] {
            let error = endpoint(&StackSettings::new(flavour), &settings(), Product::Ecs).expect_err("none");
            assert!(error.to_string().contains("give the ecs endpoint setting"), "{error}");
        }
        let mut stack = StackSettings::new(Flavour::AlibabaCloudStack);
        stack.domain = Some("gw.test/asapi/v3".to_owned());
        let settings = Settings { proxy: Proxy::Url("http://proxy:1".to_owned()), ..settings() };
        assert!(endpoint(&stack, &settings, Product::Ecs).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_role_is_assumed_at_the_stacks_own_sts_with_signature_v1() {
        let mut settings = looking(Flavour::ApsaraStack);
        let base = crate::credential::Fixed::new("a", "base-secret", None, "the settings");
        let role = crate::credential::AssumeRole::new(std::sync::Arc::new(base), "acs:ram::1:role/r");
        settings.credentials = std::sync::Arc::new(role);
        let stub = Stub::new(|sent| match sent.action() {
            "AssumeRole" => ok(STS),
            LIST_ACTION => ok(GROUPS),
            "DescribeImages" => ok(EMPTY),
            other => refuse(404, other),
        });
        let client = client_with(settings, &stub);
        client.describe_images(&DescribeImagesRequest::default(), in_seconds(60)).await.expect("described");
        let sent = stub.sent();
        let actions: Vec<_> = sent.iter().map(Sent::action).collect();
        assert_eq!(actions, ["AssumeRole", LIST_ACTION, "DescribeImages"]);
        assert!(sent[0].request.url.starts_with("http://ascm.stack.test/?"), "{}", sent[0].request.url);
        assert_eq!((sent[0].param("Product"), sent[0].param("SignatureMethod")), ("sts", "HMAC-SHA1"));
        assert_eq!(sent[2].param("SecurityToken"), "sts-token");
        assert!(!sent[2].request.url.contains("sts-token"));
    }
}
