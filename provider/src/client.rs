//! What the resources' verbs work with: the cloud's client, and what of it differs from cloud to cloud.

use std::time::Duration;

use pulumi::value::quote;
use pulumi::{Failure, Pace};

use crate::ecs::images::account::Account;
use crate::ecs::images::looks::Looks;
use crate::ecs::images::share_changes::ShareChanges;
use crate::ecs::images::shares::Shares;

/// A configured connection to the cloud.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    /// The API.
    pub(crate) api: aliyun::Client,
    /// Whether the setting `region` names the region, rather than a variable or a profile.
    pub(crate) region_named: bool,
    /// Whether regions are taken that this version does not know.
    pub(crate) any_region: bool,
    /// Where the region comes from, for messages.
    pub(crate) region_origin: String,
    /// The provider resource's name, if it is the program that makes it and gives it its settings.
    pub(crate) explicit: Option<String>,
    /// How often to look while waiting.
    pub(crate) pace: Pace,
    /// How long to wait for what is not shown.
    pub(crate) patience: Patience,
    /// Looks at images.
    pub(crate) looks: Looks,
    /// Looks at whom images are shared with.
    pub(crate) shares: Shares,
    /// Sharing images with accounts, and ending it.
    pub(crate) share_changes: ShareChanges,
    /// The images that there were when this process made its first one.
    pub(crate) account: Account,
    /// The provider resource's id in the state, if the engine tells it.
    pub(crate) provider_id: Option<String>,
}

#[cfg(test)]
impl Client {
    /// A client in a named region, at the real cloud's pace.
    pub(crate) fn for_tests(api: aliyun::Client, provider_id: Option<&str>) -> Client {
        Client {
            looks: Looks::new(api.clone()),
            shares: Shares::new(api.clone()),
            share_changes: ShareChanges::new(api.clone()),
            account: Account::new(api.clone()),
            region_named: true,
            any_region: false,
            region_origin: "the setting alicloud:region".to_owned(),
            explicit: None,
            pace: cloud_pace(),
            patience: Patience::default(),
            provider_id: provider_id.map(str::to_owned),
            api,
        }
    }
}

impl Client {
    /// Refuses what is asked of an image in another region: it would look deleted here.
    pub(crate) fn check_region(&self, id: &str, recorded: Option<&str>) -> Result<(), Failure> {
        let here = self.api.region();
        match recorded.filter(|recorded| !recorded.is_empty() && *recorded != here) {
            None => Ok(()),
            Some(recorded) => Err(Failure::Refused(format!(
                "image {id} is in the region {recorded}, and the provider works in {here} (from {}). To go on with this image: {}, \
                 and run the command again (refresh and destroy with --run-program, as they take the settings of the last \
                 `pulumi up` otherwise). To make it anew in {here}, run `pulumi up` with that setting first, and then change it \
                 to {here}",
                self.region_origin,
                self.to_name_region(recorded)
            ))),
        }
    }

    /// What is wrong with the name of a region, by the rule that holds for the provider's own.
    pub(crate) fn region_mistake(&self, region: &str) -> Option<String> {
        let checked = match self.any_region {
            true => self.api.in_region(region).map(drop),
            false => aliyun::endpoint::validate_region(region),
        };
        checked.err().map(|error| error.message().to_owned())
    }

    /// Whether an image that is not found is gone. It may be in another region, if the state does not say where it is and the
    /// region here comes from a variable or a profile.
    pub(crate) fn prove_absence(&self, id: &str, recorded: Option<&str>) -> Result<(), Failure> {
        if recorded.is_some() || self.region_named {
            return Ok(());
        }
        let here = self.api.region();
        Err(Failure::Refused(format!(
            "image {id} is not in the region {here} (from {}), and the state does not say in which region it is. If it was in \
             {here} and is gone, name the region: {}, and run the command again (refresh and destroy with --run-program). If it \
             is in another region, name that one",
            self.region_origin,
            self.to_name_region(here)
        )))
    }

    /// What is to be done for the setting `region` to have this value.
    fn to_name_region(&self, region: &str) -> String {
        match &self.explicit {
            Some(provider) => {
                format!("give the provider {} the argument region: {}", quote(provider), quote(region))
            }
            None => format!("pulumi config set alicloud:region {region}"),
        }
    }
}

/// How often to look at the real cloud: first after 0.1, 0.3 and 1 s, or after a second alone once an early look has found
/// something that was not ready. The last looks of a long wait are 12 s apart. [`Pace`] has the details.
pub(crate) fn cloud_pace() -> Pace {
    Pace::new(Duration::from_secs(1), Duration::from_secs(12))
}

/// How long DescribeImages may lag behind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// How long to wait before a second look that is to confirm an absence.
    pub(crate) again: Duration,
    /// How long a new image may be missing before that means something.
    pub(crate) unseen: Duration,
    /// How long an image may be missing before the wait for it ends.
    pub(crate) invisible: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            again: Duration::from_secs(1),
            unseen: Duration::from_secs(2),
            invisible: Duration::from_secs(60),
        }
    }
}
