//! A role's keys, asked from STS with another source's key.

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::sts::{self, Place};
use super::{Context, Credential, Provide, Source};
use crate::call::Keys;
use crate::error::Error;

/// A role that another source's key may assume.
#[derive(Clone, Debug)]
pub struct AssumeRole {
    /// Where the key comes from that assumes the role.
    pub base: Source,
    /// `acs:ram::<account>:role/<name>`.
    pub role_arn: String,
    /// 2 to 64 characters; shown in the audit log. `aliyun-rust` if absent.
    pub session_name: Option<String>,
    /// Seconds, 900 to 43200 and no more than the role allows; 3600 if absent.
    pub duration: Option<u32>,
    /// Narrows what the keys may do. JSON, at most 2048 characters.
    pub policy: Option<String>,
    /// What the role's owner agreed on with those who assume it.
    pub external_id: Option<String>,
    /// The STS host for this role alone.
    pub sts_endpoint: Option<String>,
    /// The region whose STS is asked.
    pub sts_region: Option<String>,
    /// Asks STS from inside a VPC.
    pub vpc: bool,
}

/// What sessions are called if nobody says.
pub(super) const SESSION_NAME: &str = "aliyun-rust";

impl AssumeRole {
    /// A role with everything else left to the defaults.
    pub fn new(base: Source, role_arn: impl Into<String>) -> AssumeRole {
        AssumeRole {
            base,
            role_arn: role_arn.into(),
            session_name: None,
            duration: None,
            policy: None,
            external_id: None,
            sts_endpoint: None,
            sts_region: None,
            vpc: false,
        }
    }

    async fn assume(&self, context: &Context) -> Result<Option<Credential>, Error> {
        let origin = self.name();
        let session_name = self.session_name.as_deref().unwrap_or(SESSION_NAME);
        let duration = self.duration.unwrap_or(sts::DURATION);
        sts::check_role(&origin, &self.role_arn, session_name, duration)?;
        let Some(base) = self.base.fetch(context).await? else {
            return Err(Error::credential(format!(
                "{origin}: there is no key to assume the role with: {} gives none",
                self.base.name()
            )));
        };
        let mut params = vec![
            ("RoleArn".to_owned(), self.role_arn.clone()),
            ("RoleSessionName".to_owned(), session_name.to_owned()),
            ("DurationSeconds".to_owned(), duration.to_string()),
        ];
        for (name, value) in [("Policy", &self.policy), ("ExternalId", &self.external_id)] {
            params.extend(value.iter().map(|value| (name.to_owned(), value.clone())));
        }
        let place = Place {
            endpoint: self.sts_endpoint.clone(),
            region: self.sts_region.clone(),
            vpc: self.vpc,
            secure: false,
        };
        let keys = Keys::Fixed(&base);
        let mut credential =
            context.sts.credentials(context, &place, "AssumeRole", params, keys, None).await?;
        credential.origin = format!("{origin}, assumed with {}", base.origin);
        Ok(Some(credential))
    }
}

impl Provide for AssumeRole {
    fn name(&self) -> String {
        format!("the role {}", self.role_arn)
    }

    fn fetch<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Result<Option<Credential>, Error>> {
        self.assume(context).boxed()
    }
}
