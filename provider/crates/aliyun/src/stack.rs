//! Private clouds, Apsara Stack and Alibaba Cloud Stack: what their requests carry besides, and how the organization and
//! its resource group are found by name.

use tokio::time::Instant;

use crate::call::Caller;
use crate::credential::Store;
use crate::error::Error;
use crate::settings::Settings;
use crate::sign::Scheme;

/// Which kind of private cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flavour {
    /// Apsara Stack: context in the query, `Product` among it.
    ApsaraStack,
    /// Alibaba Cloud Stack: context in the query and in headers.
    AlibabaCloudStack,
}

/// Settings of a private cloud. Signature V1 is used whatever else is set: they know no other.
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
            send_secret: false,
        }
    }
}

/// The organization and the resource group that requests are made for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) department: String,
    pub(crate) resource_group: String,
}

pub(crate) const SCHEME: Scheme = Scheme::V1;

/// The place as far as the settings name it.
pub(crate) fn given(settings: &StackSettings) -> Place {
    Place {
        department: settings.department.clone().unwrap_or_default(),
        resource_group: settings.resource_group.clone().unwrap_or_default(),
    }
}

/// What every request to a product carries besides, in the query and in headers.
pub(crate) fn extras(
    settings: &StackSettings,
    place: &Place,
    product: &str,
    region: &str,
) -> (Vec<(String, String)>, Vec<(String, String)>) {
    let own = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>()
    };
    let organization = settings.organization_id.as_deref().unwrap_or(&place.department);
    // The Go core SDK, through which both published providers talk, sends SignatureType empty and signs it.
    let mut query = own(&[
        ("SignatureType", ""),
        ("Product", product),
        ("Department", &place.department),
        ("ResourceGroup", &place.resource_group),
    ]);
    let mut headers = own(&[("regionid", region)]);
    match settings.flavour {
        Flavour::ApsaraStack => {}
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
    (query, headers)
}

/// Finds the organization and the resource group once and keeps them.
pub(crate) struct Lookup {
    settings: StackSettings,
    region: String,
}

impl Lookup {
    pub(crate) fn new(settings: StackSettings, client: &Settings) -> Result<Lookup, Error> {
        Ok(Lookup { settings, region: client.region.clone() })
    }

    pub(crate) async fn place(&self, _: &Caller, _: &Store, _: Instant) -> Result<Place, Error> {
        Ok(given(&self.settings))
    }

    pub(crate) fn extras(
        &self,
        place: &Place,
        product: &str,
    ) -> (Vec<(String, String)>, Vec<(String, String)>) {
        extras(&self.settings, place, product, &self.region)
    }
}
