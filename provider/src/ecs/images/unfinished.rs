//! The name under which an image is made, until all of it is as wanted, and the ClientToken that makes it.
//!
//! The engine never tells a create after a crash from one that a user forces (`--replace`), or from one that follows a
//! `pulumi state delete`: it sends the same calls. So the cloud has to tell. An image is made under a name that says
//! "unfinished" and gets its own by the last call of the create. What bears the unfinished name was left behind by an
//! interrupted create of this resource in this state, and is taken up again; what bears another is not touched.
//!
//! The name and the token follow from the provider's id in the state, the URN, the region and the parameters as sent. So
//! the next `pulumi up` after a crash asks for the very same, while another state with the same program asks for something
//! else. A tag could carry the mark as well, but needs one more permission and counts among the twenty of an image; a clock
//! could not, as clocks differ.

use sha2::{Digest, Sha256};

use crate::ecs::images::names::{self, NAME_LENGTH};

/// Under which rules names and tokens are made. Another number makes another image for the same request, so it changes only
/// when the same parameters come to mean something else.
const VERSION: &str = "pulumi-alicloud image 1";
/// What stands between a name and the digits.
const MARK: &str = "-unfinished-";
/// Hexadecimal digits of the resource, and of the request.
const DIGITS: usize = 12;

/// Who gives an image its own name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Naming {
    /// The program: another name is another request.
    Given,
    /// The program, as a secret, of which the unfinished name shows nothing.
    Secret,
    /// Check: an automatic name is another one in each deployment.
    Automatic,
}

/// The unfinished image of one resource for one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unfinished {
    /// The name to make it under.
    pub(crate) name: String,
    /// The first ClientToken to make it with.
    pub(crate) token: String,
    /// What the names of all unfinished images of the resource contain.
    of_resource: String,
}

impl Unfinished {
    /// For a resource of the provider with this id, whose image gets `own_name` and is made by a call with the parameters
    /// `sent`, name and token left out.
    pub(crate) fn new(
        provider: &str,
        urn: &str,
        region: &str,
        own_name: &str,
        mut sent: Vec<(String, String)>,
        naming: Naming,
    ) -> Self {
        if naming != Naming::Automatic {
            sent.push(("ImageName".to_owned(), own_name.to_owned()));
        }
        sent.sort_unstable();
        let resource = digest([VERSION, urn]);
        let parts = [VERSION, provider, urn, region];
        let request =
            digest(parts.into_iter().chain(sent.iter().flat_map(|(name, value)| [name.as_str(), value])));
        let of_resource = format!("{MARK}{}-", &resource[..DIGITS]);
        let stem = match naming {
            Naming::Given => own_name.to_owned(),
            Naming::Secret | Naming::Automatic => names::stem_of(pulumi::urn_name(urn)),
        };
        let ending = format!("{of_resource}{}", &request[..DIGITS]);
        let stem: String = stem.chars().take(NAME_LENGTH - ending.len()).collect();
        Unfinished { name: stem + &ending, token: token(&request), of_resource }
    }

    /// The token that follows one which was answered with an image that is not wanted.
    pub(crate) fn token_after(previous: &str, image_id: &str) -> String {
        token(&digest([VERSION, previous, image_id]))
    }

    /// Whether an image was made for a resource of the same URN and is not finished. It may be another state's: the engine
    /// gives a provider another id with a new version of the SDK, so the id is no part of these digits.
    pub(crate) fn is_of_resource(&self, name: &str) -> bool {
        name.contains(&self.of_resource)
    }
}

/// Whether a name says that its image is unfinished.
pub(crate) fn is_unfinished(name: &str) -> bool {
    let is_digits = |part: &str| {
        part.len() == DIGITS && part.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c))
    };
    name.rsplit_once(MARK)
        .and_then(|(_, digits)| digits.split_once('-'))
        .is_some_and(|(resource, request)| is_digits(resource) && is_digits(request))
}

fn token(digest: &str) -> String {
    format!("pulumi-{}", &digest[..56])
}

fn digest<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        digest.update(part.as_bytes());
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROVIDER: &str = "6f7fbdb4-9e4c-4dc8-a7f4-2a3f0f4f6a5b";
    const URN: &str = "urn:pulumi:prod::shop::alicloud:ecs/image:Image::web";

    /// The parameters of a CreateImage, without name and token.
    fn sent() -> Vec<(String, String)> {
        pairs(&[("SnapshotId", "s-1"), ("Tag.1.Key", "a"), ("Tag.1.Value", "b")])
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn unfinished(naming: Naming) -> Unfinished {
        Unfinished::new(PROVIDER, URN, "cn-hangzhou", "golden", sent(), naming)
    }

    /// A newer plugin must ask for the same image as the one that was killed.
    #[test]
    fn name_and_token_are_those_of_every_version() {
        let made = unfinished(Naming::Given);
        assert_eq!(made.name, "golden-unfinished-4ad01085e63d-b613b27a0c9b");
        assert_eq!(made.token, "pulumi-b613b27a0c9b3c3a814a68cbb46fd380941697444fbf66d9aeafa895");
        assert_eq!(
            Unfinished::token_after(&made.token, "m-1"),
            "pulumi-abe6800a5f62e6344dea605ec1afd631ef64a5d9572ec81037e67131"
        );
    }

    #[test]
    fn a_secret_name_is_not_shown_by_the_unfinished_one() {
        assert!(!unfinished(Naming::Secret).name.contains("golden"));
    }

    #[test]
    fn a_token_has_as_many_characters_as_the_cloud_takes() {
        let made = unfinished(Naming::Given);
        assert!(made.token.len() <= 64 && made.token.is_ascii());
        assert!(Unfinished::token_after(&made.token, "m-1").len() <= 64);
    }

    #[test]
    fn everything_that_tells_one_image_from_another_is_in_the_token() {
        let first = unfinished(Naming::Given);
        let dev = "urn:pulumi:dev::shop::alicloud:ecs/image:Image::web";
        let made = |provider, urn, region, name, sent| {
            Unfinished::new(provider, urn, region, name, sent, Naming::Given)
        };
        let others = [
            made("another", URN, "cn-hangzhou", "golden", sent()),
            made(PROVIDER, dev, "cn-hangzhou", "golden", sent()),
            made(PROVIDER, URN, "cn-beijing", "golden", sent()),
            made(PROVIDER, URN, "cn-hangzhou", "other", sent()),
            made(PROVIDER, URN, "cn-hangzhou", "golden", pairs(&[("SnapshotId", "s-1")])),
            made(PROVIDER, URN, "cn-hangzhou", "golden", pairs(&[("SnapshotId", "s-2")])),
            unfinished(Naming::Automatic),
        ];
        for other in others {
            assert!(other.token != first.token && other.name != first.name, "{other:?}");
        }
    }

    #[test]
    fn an_automatic_name_is_no_part_of_it() {
        let named = |name| Unfinished::new(PROVIDER, URN, "cn-hangzhou", name, sent(), Naming::Automatic);
        assert_eq!(named("web-1111111"), named("web-2222222"));
        assert!(named("web-1111111").name.starts_with("web-unfinished-"));
    }

    #[test]
    fn unfinished_names_are_told_from_others_and_fit() {
        let long = format!("{URN}{}", "镜".repeat(128));
        let made = Unfinished::new(PROVIDER, &long, "cn-hangzhou", "", sent(), Naming::Automatic);
        assert_eq!(made.name.chars().count(), 128);
        assert!(is_unfinished(&made.name) && made.is_of_resource(&made.name));
        let other = Unfinished::new(PROVIDER, "another", "cn-hangzhou", "golden", sent(), Naming::Given);
        assert!(!made.is_of_resource(&other.name));
        let upgraded = Unfinished::new("another", &long, "cn-hangzhou", "", sent(), Naming::Automatic);
        assert!(made.is_of_resource(&upgraded.name) && made.name != upgraded.name);
        for name in
            ["web", "web-unfinished-", "web-unfinished-business-2024", "web-unfinished-0123456789ab-x"]
        {
            assert!(!is_unfinished(name), "{name}");
        }
    }
}
