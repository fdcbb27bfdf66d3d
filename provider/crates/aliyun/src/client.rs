//! The client: one method per action over one generic core.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;

use crate::answer::{Expected, Reading};
use crate::ascm::Lookup;
use crate::call::{Call, Caller, Layout, Service};
use crate::clock::Clock;
use crate::credential::KeyCache;
use crate::ecs::{self, Action};
use crate::endpoint::{self, Endpoint, Hosts, Product};
use crate::error::{Error, ErrorKind};
use crate::object::{self, Object, ObjectVersion, Verb};
use crate::settings::Settings;
use crate::stack;
use crate::throttle::Throttle;
use crate::transport::{Http, HttpSettings, Transport};

/// ECS in one region. Clones share connections, keys, the corrected clock, the pace at which calls are made, and how this
/// cloud is asked for images in every state.
///
/// Every method takes a deadline past which it never goes, attempts and waits included. Dropping a method's future cancels
/// the call; whether the cloud carries it out is then unknown.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    region: Arc<Region>,
}

/// What a client's regions have in common.
struct Shared {
    settings: Settings,
    caller: Caller,
    keys: KeyCache,
    /// The one of [`EVERY_STATUS`](ecs::EVERY_STATUS) that the cloud has taken.
    every_status: OnceLock<&'static str>,
    /// The regions in use.
    regions: Mutex<HashMap<String, Weak<Region>>>,
}

/// What is a region's own.
struct Region {
    name: String,
    endpoint: Endpoint,
    /// Where objects are, if that can be known.
    oss: Result<Endpoint, Error>,
    throttle: Throttle,
    ascm: Option<Lookup>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("region", &self.region())
            .field("endpoint", &self.endpoint())
            .finish_non_exhaustive()
    }
}

impl Region {
    fn new(settings: &Settings, name: &str) -> Result<Region, Error> {
        endpoint::check_region_syntax(name)?;
        let hosts = Hosts { region: name.to_owned(), ..settings.hosts() };
        let (proxy, environment) = (&settings.proxy, &settings.environment);
        let (endpoint, oss, ascm) = match &settings.stack {
            Some(stack) => (
                stack::endpoint(stack, &hosts, proxy, Product::Ecs)?,
                stack::endpoint(stack, &hosts, proxy, Product::Oss),
                Some(Lookup::new(stack.clone(), &hosts, proxy, environment)?),
            ),
            None => {
                // A host inside a VPC serves that VPC's region only.
                let (protocol, vpc) = (hosts.protocol, hosts.vpc && name == settings.region);
                let resolve = |product, setting: &Option<String>| {
                    Endpoint::resolve(product, name, setting.as_deref(), protocol, vpc, environment)
                };
                (resolve(Product::Ecs, &hosts.ecs)?, resolve(Product::Oss, &hosts.oss), None)
            }
        };
        Ok(Region { name: name.to_owned(), endpoint, oss, throttle: Throttle::default(), ascm })
    }
}

impl Client {
    /// Checks the settings. Reaches neither the network nor the file system: certificates are read at the first call.
    pub fn new(mut settings: Settings) -> Result<Client, Error> {
        for limit in
            [&mut settings.connect_timeout, &mut settings.read_timeout, &mut settings.max_retry_timeout]
        {
            *limit = limit.filter(|limit| !limit.is_zero());
        }
        let http = HttpSettings {
            connect_timeout: settings.connect_timeout,
            proxy: settings.proxy.clone(),
            insecure: settings.insecure,
            ca_file: settings.ca_file.clone(),
        };
        let transport = Http::new(&settings.environment, http)?;
        Client::with_transport(settings, Arc::new(transport))
    }

    pub(crate) fn with_transport(settings: Settings, transport: Arc<dyn Transport>) -> Result<Client, Error> {
        let region = Arc::new(Region::new(&settings, &settings.region)?);
        let caller = Caller {
            transport,
            clock: Clock::new(settings.environment.clone()),
            policy: settings.retry.clone(),
            user_agent: user_agent(settings.user_agent.as_deref())?.into(),
            read_timeout: settings.read_timeout,
        };
        let means = settings.means(caller.clone())?;
        let keys = KeyCache::new(Arc::clone(&settings.credentials), means);
        let regions = HashMap::from([(region.name.clone(), Arc::downgrade(&region))]);
        let shared =
            Shared { settings, caller, keys, every_status: OnceLock::new(), regions: Mutex::new(regions) };
        Ok(Client { shared: Arc::new(shared), region })
    }

    /// The same client for another region. It shares everything but the pace of calls, which each region of a cloud limits
    /// for itself; all clients of one region share that too. The endpoint is found by the same rules as for the first
    /// region, so that one that a setting or a variable names stays as it is. Only hosts inside VPCs are the first region's
    /// alone: another region is called at its public host.
    ///
    /// # Errors
    /// If the name cannot be a region's, or the settings give no endpoint for it.
    pub fn in_region(&self, name: &str) -> Result<Client, Error> {
        let mut regions = self.shared.regions.lock().unwrap_or_else(PoisonError::into_inner);
        let region = match regions.get(name).and_then(Weak::upgrade) {
            Some(region) => region,
            None => {
                let region = Arc::new(Region::new(&self.shared.settings, name)?);
                regions.insert(name.to_owned(), Arc::downgrade(&region));
                region
            }
        };
        Ok(Client { shared: Arc::clone(&self.shared), region })
    }

    /// The region.
    pub fn region(&self) -> &str {
        &self.region.name
    }

    /// What the cloud's clock shows, in seconds since 1970: as the last answer has told it, or else as the local one shows.
    pub fn cloud_time(&self) -> i64 {
        self.shared.caller.clock.server_second()
    }

    /// The endpoint's address, for messages.
    pub fn endpoint(&self) -> String {
        self.region.endpoint.to_string()
    }

    /// Starts making an image. Give a [`client_token`](ecs::CreateImageRequest::client_token), or a call whose outcome is
    /// unknown fails at once.
    pub async fn create_image(
        &self,
        request: &ecs::CreateImageRequest,
        deadline: Instant,
    ) -> Result<ecs::CreateImageResponse, Error> {
        self.call(request, deadline).await
    }

    /// Starts copying an image of this client's region to another region. Give a
    /// [`client_token`](ecs::CopyImageRequest::client_token), or a call whose outcome is unknown fails at once.
    pub async fn copy_image(
        &self,
        request: &ecs::CopyImageRequest,
        deadline: Instant,
    ) -> Result<ecs::CopyImageResponse, Error> {
        self.call(request, deadline).await
    }

    /// Cancels a copy that is under way in this client's region.
    pub async fn cancel_copy_image(
        &self,
        request: &ecs::CancelCopyImageRequest,
        deadline: Instant,
    ) -> Result<(), Error> {
        self.call(request, deadline).await
    }

    /// Starts importing an image. Give a [`client_token`](ecs::ImportImageRequest::client_token), or a call whose outcome is
    /// unknown fails at once.
    pub async fn import_image(
        &self,
        request: &ecs::ImportImageRequest,
        deadline: Instant,
    ) -> Result<ecs::ImportImageResponse, Error> {
        self.call(request, deadline).await
    }

    /// Starts exporting an image. The cloud knows no token for it: a call whose outcome is unknown fails at once, and
    /// [`describe_tasks`](Client::describe_tasks) tells whether an export is under way.
    pub async fn export_image(
        &self,
        request: &ecs::ExportImageRequest,
        deadline: Instant,
    ) -> Result<ecs::ExportImageResponse, Error> {
        self.call(request, deadline).await
    }

    /// Describes imports and exports. An answer without tasks is an error, unless it is the cloud's own and counts none, or
    /// another page than the first one was asked for.
    pub async fn describe_tasks(
        &self,
        request: &ecs::DescribeTasksRequest,
        deadline: Instant,
    ) -> Result<ecs::DescribeTasksResponse, Error> {
        self.call(request, deadline).await
    }

    /// Describes one import or export.
    pub async fn describe_task_attribute(
        &self,
        request: &ecs::DescribeTaskAttributeRequest,
        deadline: Instant,
    ) -> Result<ecs::DescribeTaskAttributeResponse, Error> {
        self.call(request, deadline).await
    }

    /// Cancels an import or an export. One that has ended counts as cancelled.
    pub async fn cancel_task(
        &self,
        request: &ecs::CancelTaskRequest,
        deadline: Instant,
    ) -> Result<(), Error> {
        self.call(request, deadline).await
    }

    /// Describes images. [`Status::Every`](ecs::Status::Every) is `ALL`, on a private cloud a list of the states. If that is
    /// refused, the list, then the list without `Deprecated`, is tried, and what the cloud takes is kept for later calls.
    ///
    /// # Errors
    /// If all of them are refused, the first refusal. An answer without images is an error, unless it is the cloud's own
    /// and counts none.
    pub async fn describe_images(
        &self,
        request: &ecs::DescribeImagesRequest,
        deadline: Instant,
    ) -> Result<ecs::DescribeImagesResponse, Error> {
        if request.status != ecs::Status::Every {
            return self.call(request, deadline).await;
        }
        let ask = |states: &str| {
            let status = ecs::Status::Only(states.to_owned());
            let request = ecs::DescribeImagesRequest { status, ..request.clone() };
            async move { self.call(&request, deadline).await }
        };
        if let Some(states) = self.shared.every_status.get() {
            return ask(states).await;
        }
        let mut refusal = None;
        for states in &ecs::EVERY_STATUS[usize::from(self.shared.settings.stack.is_some())..] {
            match ask(states).await {
                Err(error) if ecs::refuses_status(&error) => {
                    tracing::debug!(states, "images in every state are asked for otherwise: {error}");
                    refusal.get_or_insert(error);
                }
                Err(error) => return Err(error),
                Ok(response) => {
                    // Of two first calls at once, both have found out the same.
                    let _ = self.shared.every_status.set(states);
                    return Ok(response);
                }
            }
        }
        Err(refusal.expect("at least one way was tried"))
    }

    /// Describes the newest image of a family.
    pub async fn describe_image_from_family(
        &self,
        request: &ecs::DescribeImageFromFamilyRequest,
        deadline: Instant,
    ) -> Result<ecs::DescribeImageFromFamilyResponse, Error> {
        self.call(request, deadline).await
    }

    /// Describes whom an image is shared with. An answer without accounts is an error, unless it is the cloud's own and
    /// counts none, or another page than the first one was asked for.
    pub async fn describe_image_share_permission(
        &self,
        request: &ecs::DescribeImageSharePermissionRequest,
        deadline: Instant,
    ) -> Result<ecs::DescribeImageSharePermissionResponse, Error> {
        self.call(request, deadline).await
    }

    /// Shares an image with accounts, and ends sharing it. An image that is being made is waited for.
    pub async fn modify_image_share_permission(
        &self,
        request: &ecs::ModifyImageSharePermissionRequest,
        deadline: Instant,
    ) -> Result<(), Error> {
        self.call(request, deadline).await
    }

    /// Changes an image's attributes.
    pub async fn modify_image_attribute(
        &self,
        request: &ecs::ModifyImageAttributeRequest,
        deadline: Instant,
    ) -> Result<(), Error> {
        self.call(request, deadline).await
    }

    /// Starts deleting an image.
    pub async fn delete_image(
        &self,
        request: &ecs::DeleteImageRequest,
        deadline: Instant,
    ) -> Result<(), Error> {
        self.call(request, deadline).await
    }

    /// Puts tags on resources.
    pub async fn tag_resources(
        &self,
        request: &ecs::TagResourcesRequest,
        deadline: Instant,
    ) -> Result<(), Error> {
        self.call(request, deadline).await
    }

    /// Takes tags off resources.
    pub async fn untag_resources(
        &self,
        request: &ecs::UntagResourcesRequest,
        deadline: Instant,
    ) -> Result<(), Error> {
        self.call(request, deadline).await
    }

    /// Moves a resource into a resource group. One that is there already counts as moved.
    pub async fn join_resource_group(
        &self,
        request: &ecs::JoinResourceGroupRequest,
        deadline: Instant,
    ) -> Result<(), Error> {
        self.call(request, deadline).await
    }

    /// Deletes a snapshot.
    pub async fn delete_snapshot(
        &self,
        request: &ecs::DeleteSnapshotRequest,
        deadline: Instant,
    ) -> Result<(), Error> {
        self.call(request, deadline).await
    }

    /// Looks at an object in a bucket of OSS, in this client's region. `None` if it is not there, or its bucket is not.
    ///
    /// # Errors
    /// If OSS refuses the look, or something else has answered: then nobody knows.
    pub async fn head_object(
        &self,
        bucket: &str,
        key: &str,
        deadline: Instant,
    ) -> Result<Option<ObjectVersion>, Error> {
        let mut found = ObjectVersion::default();
        match self.call_object(Verb::Head, bucket, key, deadline, &mut found).await {
            Ok(()) => Ok(Some(found)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Deletes an object from a bucket of OSS, in this client's region. One that is not there counts as deleted, and so does
    /// one whose bucket is not. In a bucket with versions the older ones stay.
    pub async fn delete_object(&self, bucket: &str, key: &str, deadline: Instant) -> Result<(), Error> {
        let mut nothing = Expected::<()>::anything();
        match self.call_object(Verb::Delete, bucket, key, deadline, &mut nothing).await {
            Err(error) if error.is_not_found() => Ok(()),
            other => other,
        }
    }

    async fn call_object(
        &self,
        verb: Verb,
        bucket: &str,
        key: &str,
        deadline: Instant,
        reading: &mut dyn Reading,
    ) -> Result<(), Error> {
        let (shared, region) = (&*self.shared, &*self.region);
        let endpoint = region.oss.as_ref().map_err(Clone::clone)?;
        object::check_bucket(verb, bucket)?;
        let call = Call {
            action: verb.name(),
            params: Vec::new(),
            time_limit: Duration::from_secs(10),
            rules: object::RULES,
            idempotent: true,
            object: Some(Object { verb, bucket: bucket.to_owned(), key: key.to_owned() }),
            secret: None,
            deadline: self.deadline(deadline),
        };
        let service = Service {
            product: Product::Oss,
            layout: Layout::Form,
            version: "",
            region: &region.name,
            endpoint,
            scheme: shared.settings.scheme(),
            query: Vec::new(),
            headers: Vec::new(),
            send_secret: false,
            throttle: None,
        };
        Box::pin(shared.caller.call(&service, &shared.keys, &call, reading)).await
    }

    /// The deadline, or an earlier one if the settings limit calls.
    fn deadline(&self, deadline: Instant) -> Instant {
        match self.shared.settings.max_retry_timeout {
            Some(longest) => Instant::now().checked_add(longest).map_or(deadline, |last| last.min(deadline)),
            None => deadline,
        }
    }

    async fn call<A: Action + Sync>(&self, request: &A, deadline: Instant) -> Result<A::Response, Error> {
        let (shared, region) = (&*self.shared, &*self.region);
        let settings = &shared.settings;
        let deadline = self.deadline(deadline);
        let mut params = request.params();
        // The published private-cloud providers send it with every action.
        if A::HAS_REGION || settings.stack.is_some() {
            params.push(("RegionId".to_owned(), region.name.clone()));
        }
        let mut service = Service {
            product: Product::Ecs,
            layout: Layout::Form,
            version: ecs::VERSION,
            region: &region.name,
            endpoint: &region.endpoint,
            scheme: settings.scheme(),
            query: Vec::new(),
            headers: Vec::new(),
            send_secret: settings.stack.as_ref().is_some_and(|stack| stack.send_secret),
            throttle: Some(&region.throttle),
        };
        for (name, value) in
            [("SourceIp", &settings.source_ip), ("SecureTransport", &settings.secure_transport)]
        {
            if let Some(value) = value {
                service.query.push((name.to_owned(), value.clone()));
            }
        }
        if let Some(lookup) = &region.ascm {
            let tenancy = Box::pin(lookup.tenancy(&shared.caller, &shared.keys, deadline)).await?;
            let extras = lookup.extras(&tenancy, Product::Ecs);
            service.query.extend(extras.query);
            service.headers.extend(extras.headers);
        }
        let call = Call {
            action: A::NAME,
            params,
            time_limit: A::TIME_LIMIT,
            rules: A::RULES,
            idempotent: request.is_idempotent(),
            object: None,
            secret: None,
            deadline,
        };
        let mut expected = Expected::new(|response: &A::Response, request_id: Option<&str>, text: &str| {
            let lack = request.lacks(response, request_id, text);
            lack.or_else(|| request.lacks_of_region(response, &region.name))
        });
        // Boxed, so that what waits between its calls does not hold the room that one takes.
        match Box::pin(shared.caller.call(&service, &shared.keys, &call, &mut expected)).await {
            Ok(()) => Ok(expected.response),
            Err(error)
                if A::DONE_ALREADY.is_some()
                    && error.code() == A::DONE_ALREADY
                    && error.kind() != ErrorKind::TimedOut =>
            {
                Ok(A::Response::default())
            }
            Err(error) => Err(error),
        }
    }
}

/// What the client calls itself.
fn user_agent(suffix: Option<&str>) -> Result<String, Error> {
    let own = format!(
        "aliyun-rust/{} ({}; {})",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH
    );
    match suffix.map(str::trim).filter(|suffix| !suffix.is_empty()) {
        None => Ok(own),
        Some(suffix) if suffix.len() > 1024 => {
            Err(Error::settings("the user agent (configuration source) is longer than 1024 characters"))
        }
        Some(suffix) if suffix.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') => {
            Ok(format!("{own} {suffix}"))
        }
        Some(_) => Err(Error::settings(
            "the user agent (configuration source) contains a control character or one outside ASCII",
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::sleep;

    use super::*;
    use crate::credential::{AssumeRole, Fixed};
    use crate::ecs::{DescribeImagesRequest, EVERY_STATUS, Status};
    use crate::testing::{STS, Stub, client, client_with, environment, in_seconds, ok, refuse, settings};
    use crate::{Flavour, StackSettings};

    const NONE: &str = r#"{"RequestId":"R","TotalCount":0}"#;

    /// A cloud that refuses these ways to ask for every state.
    fn refusing(code: &'static str, refused: &'static [&'static str]) -> Arc<Stub> {
        Stub::new(move |sent| match refused.contains(&sent.param("Status")) {
            true => refuse(400, code),
            false => ok(NONE),
        })
    }

    fn every() -> DescribeImagesRequest {
        DescribeImagesRequest { status: Status::Every, ..DescribeImagesRequest::default() }
    }

    fn asked(stub: &Stub) -> Vec<String> {
        stub.sent().iter().map(|sent| sent.param("Status").to_owned()).collect()
    }

    fn on_a_stack() -> Settings {
        let endpoint = Some("http://ecs.stack.test".to_owned());
        Settings { endpoint, stack: Some(StackSettings::new(Flavour::ApsaraStack)), ..settings() }
    }

    #[tokio::test(start_paused = true)]
    async fn every_state_is_all_on_the_public_cloud_and_a_list_on_a_stack() {
        let stub = Stub::script(vec![ok(NONE)]);
        client(&stub).describe_images(&every(), in_seconds(60)).await.expect("described");
        client_with(on_a_stack(), &stub).describe_images(&every(), in_seconds(60)).await.expect("described");
        assert_eq!(asked(&stub), EVERY_STATUS[..2]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_way_that_is_refused_is_not_tried_again_by_any_clone() {
        for (code, refused) in [
            ("InvalidParamter", 1),
            ("InvalidParameter", 2),
            ("InvalidStatus.NotFound", 2),
            ("UnknownStatus", 1),
        ] {
            let stub = refusing(code, &EVERY_STATUS[..refused]);
            let client = client(&stub);
            for _ in 0..2 {
                client.clone().describe_images(&every(), in_seconds(60)).await.expect("described");
            }
            let mut expected = EVERY_STATUS[..=refused].to_vec();
            expected.push(EVERY_STATUS[refused]);
            assert_eq!(asked(&stub), expected, "{code}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn if_every_way_is_refused_the_first_refusal_counts_and_nothing_is_remembered() {
        let stub = Stub::new(|sent| match sent.param("Status") {
            "ALL" => refuse(400, "InvalidParamter"),
            _ => refuse(400, "InvalidParameter.Status"),
        });
        let client = client(&stub);
        for calls in [3, 6] {
            let error = client.describe_images(&every(), in_seconds(60)).await.expect_err("refused");
            assert_eq!((error.code(), stub.sent().len()), (Some("InvalidParamter"), calls));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_of_something_else_is_none_of_the_states() {
        for code in ["InvalidImageId.Malformed", "InvalidImageOwnerAlias.ValueNotSupported", "Forbidden.RAM"]
        {
            let stub = refusing(code, &EVERY_STATUS);
            let error = client(&stub).describe_images(&every(), in_seconds(60)).await.expect_err("refused");
            assert_eq!((error.code(), stub.sent().len()), (Some(code), 1));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn once_a_way_has_worked_a_refusal_is_about_something_else() {
        let stub = Stub::script(vec![ok(NONE), refuse(400, "InvalidParamter")]);
        let client = client(&stub);
        client.describe_images(&every(), in_seconds(60)).await.expect("described");
        client.describe_images(&every(), in_seconds(60)).await.expect_err("refused");
        assert_eq!(stub.sent().len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn states_that_are_named_are_sent_as_they_are() {
        let stub = refusing("InvalidParamter", &["Creating"]);
        let request = DescribeImagesRequest { status: Status::Only("Creating".to_owned()), ..every() };
        client(&stub).describe_images(&request, in_seconds(60)).await.expect_err("refused");
        assert_eq!(asked(&stub), ["Creating"]);
    }

    const EXPIRED: &str = "InvalidTimeStamp.Expired";

    async fn describe(client: &Client) -> Result<(), Error> {
        client.describe_images(&every(), in_seconds(60)).await.map(drop)
    }

    fn hosts(stub: &Stub) -> Vec<String> {
        stub.sent().iter().map(|sent| sent.host().to_owned()).collect()
    }

    /// A difference that the cloud takes without a word is known all the same.
    #[tokio::test(start_paused = true)]
    async fn the_cloud_s_time_is_that_of_its_last_answer() {
        let stub =
            Stub::script(vec![ok(NONE).with_header("date", "Sun, 22 Nov 2026 01:10:00 GMT"), ok(NONE)]);
        let client = client(&stub);
        let start = crate::testing::start().as_second();
        assert_eq!(client.cloud_time(), start);
        describe(&client).await.expect("described");
        describe(&client).await.expect("described");
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(client.cloud_time(), start + 605);
        assert!(
            stub.sent()[1].header("x-acs-date").is_some_and(|date| date.starts_with("2026-11-22T01:00:0"))
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_for_another_region_shares_key_clock_and_what_the_cloud_takes() {
        let stub = Stub::new(|sent| match (sent.action(), sent.index) {
            ("AssumeRole", _) => ok(STS),
            (_, 1) => refuse(400, EXPIRED).with_header("date", "Sun, 22 Nov 2026 01:20:00 GMT"),
            (_, 2) => refuse(400, "InvalidParamter"),
            _ => ok(NONE),
        });
        let base = Arc::new(Fixed::new("a", "base-secret", None, "the settings"));
        let role = Arc::new(AssumeRole::new(base, "acs:ram::1:role/r"));
        let here = client_with(Settings { credentials: role, ..settings() }, &stub);
        describe(&here).await.expect("described");
        let there = here.in_region("cn-beijing").expect("a client");
        assert_eq!((here.region(), there.region()), ("cn-test", "cn-beijing"));
        assert_eq!(there.endpoint(), "https://ecs.cn-beijing.aliyuncs.com");
        describe(&there).await.expect("described");
        describe(&here).await.expect("described");
        let sent = stub.sent();
        assert_eq!(stub.actions().iter().filter(|action| *action == "AssumeRole").count(), 1);
        assert_eq!(sent.len(), 6, "{sent:?}");
        for (sent, region) in sent[4..].iter().zip(["cn-beijing", "cn-test"]) {
            assert_eq!((sent.param("RegionId"), sent.param("Status")), (region, EVERY_STATUS[1]));
            assert!(sent.header("x-acs-date").is_some_and(|date| date.starts_with("2026-11-22T01:20:0")));
            assert_eq!(sent.header("x-acs-security-token"), Some("sts-token"));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_endpoint_that_is_given_serves_every_region() {
        let setting = Settings { endpoint: Some("http://ecs.test:8080".to_owned()), ..settings() };
        let environment = environment().with_variable("ECS_ENDPOINT", "ecs.test:8080");
        for settings in [setting, Settings { environment, ..settings() }] {
            let stub = Stub::script(vec![ok(NONE)]);
            let there = client_with(settings, &stub).in_region("eu-central-1").expect("a client");
            describe(&there).await.expect("described");
            assert_eq!(hosts(&stub), ["ecs.test:8080"]);
            assert_eq!(stub.sent()[0].param("RegionId"), "eu-central-1");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_inside_a_vpc_serves_its_own_region_only() {
        let region = "cn-beijing".to_owned();
        let stub = Stub::script(vec![ok(NONE)]);
        let here = client_with(Settings { vpc: true, region, ..settings() }, &stub);
        for region in ["cn-beijing", "eu-central-1"] {
            describe(&here.in_region(region).expect("a client")).await.expect("described");
        }
        assert_eq!(hosts(&stub), ["ecs-vpc.cn-beijing.aliyuncs.com", "ecs.eu-central-1.aliyuncs.com"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stacks_host_and_headers_name_the_other_region() {
        let stack = StackSettings {
            popgw_domain: Some("pop.test".to_owned()),
            center_region: false,
            ..StackSettings::new(Flavour::AlibabaCloudStack)
        };
        let stub = Stub::script(vec![ok(NONE)]);
        let here = client_with(Settings { stack: Some(stack), ..settings() }, &stub);
        describe(&here.in_region("cn-other").expect("a client")).await.expect("described");
        assert_eq!(hosts(&stub), ["ecs-internal.cn-other.pop.test"]);
        assert_eq!(stub.sent()[0].header("x-acs-regionid"), Some("cn-other"));
    }

    #[tokio::test(start_paused = true)]
    async fn clients_of_one_region_share_its_pace_and_those_of_others_have_their_own() {
        let stub = Stub::new(|sent| match sent.param("RegionId") {
            "cn-other" => ok(NONE).after(Duration::from_secs(30)),
            _ => ok(NONE),
        });
        let here = client(&stub);
        let there = here.in_region("cn-other").expect("a client");
        let calls = futures::future::join_all((0..17).map(|_| describe(&there)));
        let again = here.in_region("cn-other").expect("a client");
        let back = there.in_region("cn-test").expect("a client");
        let later = async {
            sleep(Duration::from_secs(1)).await;
            describe(&back).await.expect("at once");
            describe(&again).await.expect("after the others");
        };
        let started = Instant::now();
        futures::future::join(calls, later).await;
        let sent = stub.sent();
        let at = |index: usize| sent[index].at.duration_since(started).as_secs();
        assert_eq!((sent[16].param("RegionId"), at(16)), ("cn-test", 1));
        for index in [17, 18] {
            assert_eq!((sent[index].param("RegionId"), at(index)), ("cn-other", 30));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_cannot_be_a_regions_is_refused() {
        let client = client(&Stub::script(vec![ok(NONE)]));
        for name in ["", "cn/test", "a.b"] {
            let error = client.in_region(name).expect_err("refused");
            assert_eq!(error.kind(), ErrorKind::Settings);
        }
        assert_eq!(client.in_region("cn-test").expect("its own").region(), "cn-test");
    }
}
