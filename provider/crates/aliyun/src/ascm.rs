//! Looks up, at a private cloud's ASCM, the organization and the resource group that bear a name.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::answer::Expected;
use crate::call::{Call, Caller, Keys, Layout, Service};
use crate::endpoint::{Endpoint, Hosts, Product};
use crate::environment::Environment;
use crate::error::{Class, Error, ErrorKind, one_line};
use crate::lenient::record;
use crate::proxy::Proxy;
use crate::stack::{self, Extras, Flavour, StackSettings, Tenancy, own};

const LIST: &str = "/ascm/auth/resource_group/list_resource_group";
const LIST_ACTION: &str = "ListResourceGroup";
/// A failed look-up is not repeated for so long: a thousand calls that wait for it share the failure.
const REST: Duration = Duration::from_secs(5);

/// Finds the tenancy once and keeps it.
pub(crate) struct Lookup {
    settings: StackSettings,
    region: String,
    /// The address to ask and the name to ask for, if there is anything to look up.
    ascm: Option<(Endpoint, String)>,
    asapi: bool,
    trace: String,
    found: Mutex<Option<(Instant, Result<Tenancy, Error>)>>,
}

impl Lookup {
    pub(crate) fn new(
        stack: StackSettings,
        hosts: &Hosts,
        proxy: &Proxy,
        environment: &Environment,
    ) -> Result<Lookup, Error> {
        let complete = stack.department.is_some() && stack.resource_group.is_some();
        let asapi = stack.is_asapi(hosts.ecs.is_some());
        let ascm = match &stack.resource_group_set {
            Some(name) if !complete => {
                let endpoint = stack::endpoint(&stack, hosts, proxy, Product::Ascm)?;
                let gateway = stack.ascm_endpoint.is_none() && stack.is_asapi(false);
                let endpoint = match stack.flavour {
                    Flavour::AlibabaCloudStack if !gateway => endpoint.with_path(LIST),
                    Flavour::AlibabaCloudStack | Flavour::ApsaraStack => endpoint,
                };
                Some((endpoint, name.clone()))
            }
            Some(_) | None => None,
        };
        let trace = environment.variable("TF_EAGLEEYE_TRACEID").map(ToOwned::to_owned);
        Ok(Lookup {
            settings: stack,
            region: hosts.region.clone(),
            ascm,
            asapi,
            trace: trace.unwrap_or_else(|| format!("{:032x}", rand::random::<u128>())),
            found: Mutex::default(),
        })
    }

    /// What every request carries besides.
    pub(crate) fn extras(&self, tenancy: &Tenancy, product: Product) -> Extras {
        let mut extras = stack::extras(&self.settings, tenancy, product, &self.region);
        match self.settings.flavour {
            Flavour::ApsaraStack => {}
            Flavour::AlibabaCloudStack => {
                extras.headers.extend(own(&[("eagleeye-traceid", &self.trace), ("eagleeye-rpcid", "0.1")]));
                if self.asapi {
                    // The gateway finds the product by it.
                    extras.query.extend(own(&[("Product", product.name())]));
                }
            }
        }
        extras
    }

    /// The tenancy that requests are made for, looked up if need be: once for all who wait.
    pub(crate) async fn tenancy(
        &self,
        caller: &Caller,
        keys: &dyn Keys,
        deadline: Instant,
    ) -> Result<Tenancy, Error> {
        let Some((endpoint, name)) = &self.ascm else { return Ok(stack::given(&self.settings)) };
        let mut found = tokio::time::timeout_at(deadline, self.found.lock())
            .await
            .map_err(|_| Error::timed_out(LIST_ACTION, Duration::ZERO, 0, None))?;
        match &*found {
            Some((_, Ok(tenancy))) => return Ok(tenancy.clone()),
            Some((at, Err(error))) if at.elapsed() < REST => return Err(error.clone()),
            Some((_, Err(_))) | None => {}
        }
        let result = self.look_up(endpoint, name, caller, keys, deadline).await;
        if let Ok(tenancy) = &result {
            tracing::debug!(tenancy.department, tenancy.resource_group, "found the resource group {name}");
        }
        *found = Some((Instant::now(), result.clone()));
        result
    }

    async fn look_up(
        &self,
        endpoint: &Endpoint,
        name: &str,
        caller: &Caller,
        keys: &dyn Keys,
        deadline: Instant,
    ) -> Result<Tenancy, Error> {
        let tenancy = stack::given(&self.settings);
        let mut params = own(&[("resourceGroupName", name)]);
        let (layout, extras) = match self.settings.flavour {
            Flavour::ApsaraStack => {
                params.push(("RegionId".to_owned(), self.region.clone()));
                (Layout::GetQuery, self.extras(&tenancy, Product::Ascm))
            }
            Flavour::AlibabaCloudStack => {
                params.extend(own(&[("pageNumber", "1"), ("pageSize", "10")]));
                let headers = own(&[("x-ascm-product-name", "ascm"), ("content-type", "application/json")]);
                let query = own(&[("SignatureType", ""), ("Product", "ascm"), ("RegionId", &self.region)]);
                (Layout::PostQuery, Extras { query, headers })
            }
        };
        let service = Service {
            product: Product::Ascm,
            layout,
            version: "2019-05-10",
            region: &self.region,
            endpoint,
            scheme: stack::SCHEME,
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
            object: None,
            secret: None,
            deadline: deadline.min(Instant::now() + Duration::from_secs(60)),
        };
        let mut expected = Expected::<Groups>::anything();
        caller.call(&service, keys, &call, &mut expected).await?;
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
fn choose(settings: &StackSettings, name: &str, groups: &Value) -> Result<Tenancy, Error> {
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
        (Some(department), Some(resource_group)) => Ok(Tenancy { department, resource_group }),
        (None, _) => refuse("comes without an organizationID".to_owned()),
        (Some(_), None) => refuse("comes without an id".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;
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
