//! The client: one method per action over one generic core.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::call::{Call, Caller, Clock, Keys, Method, Service};
use crate::credential::{Context, Store};
use crate::ecs::{self, Action};
use crate::endpoint::{self, Endpoint, Product};
use crate::error::{Error, ErrorKind};
use crate::settings::Settings;
use crate::stack;
use crate::throttle::Throttle;
use crate::transport::{Http, HttpSettings, Transport};

/// ECS in one region. Clones share connections, keys, the corrected clock and the pace at which calls are made.
///
/// Every method takes a deadline past which it never goes, attempts and waits included. Dropping a method's future cancels
/// the call; whether the cloud carries it out is then unknown.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    settings: Settings,
    endpoint: Endpoint,
    caller: Arc<Caller>,
    store: Store,
    throttle: Throttle,
    stack: Option<stack::Lookup>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("region", &self.0.settings.region)
            .field("endpoint", &self.0.endpoint.to_string())
            .finish_non_exhaustive()
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
        endpoint::check_region_syntax(&settings.region)?;
        let endpoint = match &settings.stack {
            Some(stack) => stack::endpoint(stack, &settings, stack::Product::Ecs)?,
            None => Endpoint::resolve(
                Product::Ecs,
                &settings.region,
                settings.endpoint.as_deref(),
                settings.protocol,
                settings.vpc,
                &settings.environment,
            )?,
        };
        let caller = Arc::new(Caller {
            transport,
            clock: Clock::new(settings.environment.clone()),
            policy: settings.retry.clone(),
            user_agent: user_agent(settings.user_agent.as_deref())?,
            read_timeout: settings.read_timeout,
        });
        let context = Context::new(&settings, Arc::clone(&caller))?;
        let store = Store::new(Arc::clone(&settings.credentials), context);
        let stack = match &settings.stack {
            Some(stack) => Some(stack::Lookup::new(stack.clone(), &settings)?),
            None => None,
        };
        Ok(Client(Arc::new(Inner {
            settings,
            endpoint,
            caller,
            store,
            throttle: Throttle::default(),
            stack,
        })))
    }

    /// The region.
    pub fn region(&self) -> &str {
        &self.0.settings.region
    }

    /// The endpoint's address, for messages.
    pub fn endpoint(&self) -> String {
        self.0.endpoint.to_string()
    }

    /// The cloud's time as its latest answer has it, to the second; the local clock's before there was one. For comparing
    /// with times that the cloud reports.
    pub fn cloud_time(&self) -> Timestamp {
        self.0.caller.clock.server_now()
    }

    /// Fetches a key if there is none yet, and says whose it is: to find out early whether there is one at all.
    pub async fn check_credentials(&self) -> Result<String, Error> {
        let credential = self.0.store.get().await?;
        Ok(format!("{} from {}", credential.masked_id(), credential.origin))
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

    /// Describes images.
    pub async fn describe_images(
        &self,
        request: &ecs::DescribeImagesRequest,
        deadline: Instant,
    ) -> Result<ecs::DescribeImagesResponse, Error> {
        self.call(request, deadline).await
    }

    /// Changes an image's attributes.
    pub async fn modify_image_attribute(
        &self,
        request: &ecs::ModifyImageAttributeRequest,
        deadline: Instant,
    ) -> Result<ecs::ModifyImageAttributeResponse, Error> {
        self.call(request, deadline).await
    }

    /// Starts deleting an image.
    pub async fn delete_image(
        &self,
        request: &ecs::DeleteImageRequest,
        deadline: Instant,
    ) -> Result<ecs::DeleteImageResponse, Error> {
        self.call(request, deadline).await
    }

    /// Puts tags on resources.
    pub async fn tag_resources(
        &self,
        request: &ecs::TagResourcesRequest,
        deadline: Instant,
    ) -> Result<ecs::TagResourcesResponse, Error> {
        self.call(request, deadline).await
    }

    /// Takes tags off resources.
    pub async fn untag_resources(
        &self,
        request: &ecs::UntagResourcesRequest,
        deadline: Instant,
    ) -> Result<ecs::UntagResourcesResponse, Error> {
        self.call(request, deadline).await
    }

    /// Moves a resource into a resource group. One that is there already counts as moved.
    pub async fn join_resource_group(
        &self,
        request: &ecs::JoinResourceGroupRequest,
        deadline: Instant,
    ) -> Result<ecs::JoinResourceGroupResponse, Error> {
        self.call(request, deadline).await
    }

    /// Describes snapshots.
    pub async fn describe_snapshots(
        &self,
        request: &ecs::DescribeSnapshotsRequest,
        deadline: Instant,
    ) -> Result<ecs::DescribeSnapshotsResponse, Error> {
        self.call(request, deadline).await
    }

    /// Deletes a snapshot.
    pub async fn delete_snapshot(
        &self,
        request: &ecs::DeleteSnapshotRequest,
        deadline: Instant,
    ) -> Result<ecs::DeleteSnapshotResponse, Error> {
        self.call(request, deadline).await
    }

    /// Describes instances.
    pub async fn describe_instances(
        &self,
        request: &ecs::DescribeInstancesRequest,
        deadline: Instant,
    ) -> Result<ecs::DescribeInstancesResponse, Error> {
        self.call(request, deadline).await
    }

    async fn call<A: Action + Sync>(&self, request: &A, deadline: Instant) -> Result<A::Response, Error> {
        let inner = &*self.0;
        let settings = &inner.settings;
        let deadline = match settings.max_retry_timeout {
            Some(longest) => Instant::now().checked_add(longest).map_or(deadline, |last| last.min(deadline)),
            None => deadline,
        };
        let mut params = request.params();
        let stacked = settings.stack.is_some();
        // The published private-cloud providers send it with every action.
        if A::HAS_REGION || stacked {
            params.push(("RegionId".to_owned(), settings.region.clone()));
        }
        let mut service = Service {
            product: "ecs",
            method: Method::Form,
            version: ecs::VERSION,
            region: &settings.region,
            endpoint: &inner.endpoint,
            scheme: if stacked { stack::SCHEME } else { settings.sign_version },
            query: Vec::new(),
            headers: Vec::new(),
            send_secret: settings.stack.as_ref().is_some_and(|stack| stack.send_secret),
            throttle: Some(&inner.throttle),
        };
        for (name, value) in
            [("SourceIp", &settings.source_ip), ("SecureTransport", &settings.secure_transport)]
        {
            if let Some(value) = value {
                service.query.push((name.to_owned(), value.clone()));
            }
        }
        if let Some(lookup) = &inner.stack {
            let place = Box::pin(lookup.place(&inner.caller, &inner.store, deadline)).await?;
            let extras = lookup.extras(&place, "ecs");
            service.query.extend(extras.query);
            service.headers.extend(extras.headers);
        }
        let call = Call {
            action: A::NAME,
            params,
            time_limit: A::TIME_LIMIT,
            rules: A::RULES,
            idempotent: request.is_idempotent(),
            secret: None,
            lacks: &|answer, request_id| request.lacks(answer, request_id),
            deadline,
        };
        // Boxed, so that what waits between its calls does not hold the room that one takes.
        match Box::pin(inner.caller.call(&service, Keys::Store(&inner.store), &call)).await {
            Ok(value) => ecs::decode::<A>(value),
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
