//! What a client is made of: a plain structure with everything that can be set.

use std::path::PathBuf;
use std::time::Duration;

use crate::call::Caller;
use crate::credential::{Means, Source, Sts};
use crate::endpoint::{Hosts, Protocol};
use crate::environment::Environment;
use crate::error::Error;
use crate::proxy::Proxy;
use crate::retry::RetryPolicy;
use crate::sign::Scheme;
use crate::stack::{self, StackSettings};

/// Settings of a [`Client`](crate::Client). [`Settings::new`] gives the defaults, every field can then be changed.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The region, e.g. `cn-hangzhou`. Only its syntax is checked by the client; see
    /// [`validate_region`](crate::endpoint::validate_region).
    pub region: String,
    /// Where keys come from.
    pub credentials: Source,
    /// Variables, files and clock. The process's own by default.
    pub environment: Environment,
    /// The ECS host: host, host:port, or URL. Without it `ALIBABA_CLOUD_ENDPOINT_ECS`, `ECS_ENDPOINT`, then the region
    /// decide.
    pub endpoint: Option<String>,
    /// The OSS host, in the same forms. Without it `ALIBABA_CLOUD_ENDPOINT_OSS`, `OSS_ENDPOINT`, then the region decide.
    pub oss_endpoint: Option<String>,
    /// The STS host, in the same forms. Without it `ALIBABA_CLOUD_ENDPOINT_STS`, `STS_ENDPOINT`, then the STS region decide.
    pub sts_endpoint: Option<String>,
    /// The scheme for endpoints that do not name one.
    pub protocol: Protocol,
    /// Uses the hosts that are reached from inside a VPC.
    pub vpc: bool,
    /// For one connection, TLS included. 8 s by default; zero is the default too, here and below. With more than 25 s an
    /// unreachable endpoint takes longer than half a minute to be reported.
    pub connect_timeout: Option<Duration>,
    /// For one attempt, from sending to the answer's last byte. By default 10 s to 60 s, depending on the action.
    pub read_timeout: Option<Duration>,
    /// No call goes on for longer than this, even if its deadline allows it. No such limit by default.
    pub max_retry_timeout: Option<Duration>,
    /// How calls are repeated.
    pub retry: RetryPolicy,
    /// Added to the `User-Agent`: what the calls are made for.
    pub user_agent: Option<String>,
    /// How requests are signed; private clouds always get V1.
    pub sign_version: Scheme,
    /// Sent as `SourceIp`.
    pub source_ip: Option<String>,
    /// Sent as `SecureTransport`: `true` or `false`.
    pub secure_transport: Option<String>,
    /// Which proxy to use.
    pub proxy: Proxy,
    /// Accepts any certificate. For private clouds without a certificate authority, and for nothing else.
    pub insecure: bool,
    /// A PEM file with certificate authorities to trust besides the system's (those of `SSL_CERT_FILE`, if it is set).
    pub ca_file: Option<PathBuf>,
    /// Talks to a private cloud.
    pub stack: Option<StackSettings>,
}

impl Settings {
    /// The public cloud's defaults: HTTPS, signature V3, endpoint by region, proxy by the process's environment.
    pub fn new(region: impl Into<String>, credentials: Source) -> Settings {
        Settings {
            region: region.into(),
            credentials,
            environment: Environment::from_process(),
            endpoint: None,
            oss_endpoint: None,
            sts_endpoint: None,
            protocol: Protocol::Https,
            vpc: false,
            connect_timeout: None,
            read_timeout: None,
            max_retry_timeout: None,
            retry: RetryPolicy::default(),
            user_agent: None,
            sign_version: Scheme::V3,
            source_ip: None,
            secure_transport: None,
            proxy: Proxy::Environment,
            insecure: false,
            ca_file: None,
            stack: None,
        }
    }

    /// What they say of hosts.
    pub(crate) fn hosts(&self) -> Hosts {
        Hosts {
            ecs: self.endpoint.clone(),
            oss: self.oss_endpoint.clone(),
            sts: self.sts_endpoint.clone(),
            protocol: self.protocol,
            vpc: self.vpc,
            region: self.region.clone(),
        }
    }

    /// How requests are signed.
    pub(crate) fn scheme(&self) -> Scheme {
        if self.stack.is_some() { stack::SCHEME } else { self.sign_version }
    }

    /// What sources of keys find them with.
    pub(crate) fn means(&self, caller: Caller) -> Result<Means, Error> {
        let environment = self.environment.clone();
        let sts = Sts::new(
            self.hosts(),
            self.scheme(),
            self.stack.as_ref(),
            &self.proxy,
            environment.clone(),
            caller.clone(),
        )?;
        Ok(Means { environment, caller, sts })
    }
}
