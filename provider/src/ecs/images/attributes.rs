//! What can be changed of an image that exists: one table, by which create, update, refresh, Check, Diff and the question
//! whether a change is in effect all go.

use std::collections::{BTreeMap, BTreeSet};

use aliyun::ecs::{Image as Described, ModifyImageAttributeRequest};
use pulumi::Failure;

use crate::ecs::images::status::{AVAILABLE, DEPRECATED};
use crate::ecs::images::tags;

/// The license type that any other one satisfies.
pub(crate) const ANY_LICENSE: &str = "Auto";
/// The property that holds the tags, the one attribute that is no text.
pub(crate) const TAGS: &str = "tags";
/// The property that the last call of a create sets.
pub(crate) const NAME: &str = "imageName";
/// The property that makes others find the image.
const FAMILY: &str = "imageFamily";

/// The attributes of an image, as a program wants them, a state holds them or the cloud reports them. `None` is said by
/// nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Attributes {
    pub(crate) name: Option<String>,
    pub(crate) family: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) boot_mode: Option<String>,
    pub(crate) license_type: Option<String>,
    pub(crate) imds: Option<String>,
    pub(crate) nvme: Option<String>,
    pub(crate) resource_group: Option<String>,
    /// Of an image that a look has shown always there, and then also a status that no program can ask for.
    pub(crate) status: Option<String>,
    pub(crate) tags: Option<BTreeMap<String, String>>,
}

/// The call that sets an attribute.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Call {
    /// ModifyImageAttribute, in this field.
    Modify(fn(&mut ModifyImageAttributeRequest) -> &mut Option<String>),
    /// ModifyImageAttribute with nothing but this field: the cloud refuses the whole call if the image has the value already.
    ModifyAlone(fn(&mut ModifyImageAttributeRequest) -> &mut Option<String>),
    /// JoinResourceGroup.
    Join,
}

/// One attribute that is a text.
#[derive(Debug)]
pub(crate) struct Attribute {
    /// The property's path in the inputs.
    pub(crate) property: &'static str,
    /// The field that holds it.
    pub(crate) of: fn(&Attributes) -> &Option<String>,
    /// The same field, to be changed.
    pub(crate) of_mut: fn(&mut Attributes) -> &mut Option<String>,
    /// Which call sets it.
    pub(crate) call: Call,
    /// Whether an empty text clears it in the cloud, so that a program that leaves it out asks for that. Of the others the
    /// image keeps what it has.
    pub(crate) clears: bool,
    /// Whether an answer that leaves it out says nothing of it: it may be reported only once it has been set, or never on a
    /// stack that does not know it. Of the others such an answer says that the image has none. This decides what follows from a
    /// look. What SDKs and previews promise of the output is decided by the declaration's `x-always-reported`, which the same
    /// property may have.
    may_be_silent: bool,
    /// What a program says that is content with whatever the cloud makes of it.
    pub(crate) any: Option<&'static str>,
    /// Whether the cloud reports it just as it was sent.
    echoes: bool,
    /// The values that a program may give, if the cloud reports others as well; empty if it may give what is reported. The
    /// others are no drift, and no `pulumi import` writes them.
    sayable: &'static [&'static str],
    /// The value that an image has unless somebody changes it: no `pulumi import` writes it, and a program that takes
    /// it out loses nothing.
    pub(crate) usual: Option<&'static str>,
}

/// Every attribute that is a text. Tags are the one that is not.
pub(crate) const ATTRIBUTES: &[Attribute] = &[
    Attribute {
        property: NAME,
        of: |attributes| &attributes.name,
        of_mut: |attributes| &mut attributes.name,
        call: Call::Modify(|request| &mut request.image_name),
        clears: false,
        may_be_silent: false,
        any: None,
        echoes: true,
        sayable: &[],
        usual: None,
    },
    Attribute {
        property: FAMILY,
        of: |attributes| &attributes.family,
        of_mut: |attributes| &mut attributes.family,
        call: Call::Modify(|request| &mut request.image_family),
        clears: true,
        may_be_silent: true,
        any: None,
        echoes: true,
        sayable: &[],
        usual: None,
    },
    Attribute {
        property: "description",
        of: |attributes| &attributes.description,
        of_mut: |attributes| &mut attributes.description,
        call: Call::Modify(|request| &mut request.description),
        clears: true,
        may_be_silent: false,
        any: None,
        echoes: true,
        sayable: &[],
        usual: None,
    },
    Attribute {
        property: "bootMode",
        of: |attributes| &attributes.boot_mode,
        of_mut: |attributes| &mut attributes.boot_mode,
        call: Call::Modify(|request| &mut request.boot_mode),
        clears: false,
        may_be_silent: true,
        any: None,
        echoes: true,
        sayable: &[],
        usual: None,
    },
    Attribute {
        property: "licenseType",
        of: |attributes| &attributes.license_type,
        of_mut: |attributes| &mut attributes.license_type,
        call: Call::Modify(|request| &mut request.license_type),
        clears: false,
        may_be_silent: true,
        any: Some(ANY_LICENSE),
        echoes: false,
        sayable: &[],
        usual: None,
    },
    Attribute {
        property: "features.imdsSupport",
        of: |attributes| &attributes.imds,
        of_mut: |attributes| &mut attributes.imds,
        call: Call::Modify(|request| &mut request.features_imds_support),
        clears: false,
        may_be_silent: true,
        any: None,
        echoes: true,
        sayable: &[],
        usual: None,
    },
    Attribute {
        property: "features.nvmeSupport",
        of: |attributes| &attributes.nvme,
        of_mut: |attributes| &mut attributes.nvme,
        call: Call::Modify(|request| &mut request.features_nvme_support),
        clears: false,
        may_be_silent: true,
        any: None,
        echoes: true,
        sayable: &[],
        usual: None,
    },
    Attribute {
        property: "resourceGroupId",
        of: |attributes| &attributes.resource_group,
        of_mut: |attributes| &mut attributes.resource_group,
        call: Call::Join,
        clears: false,
        may_be_silent: false,
        any: None,
        echoes: true,
        sayable: &[],
        usual: None,
    },
    Attribute {
        property: "status",
        of: |attributes| &attributes.status,
        of_mut: |attributes| &mut attributes.status,
        call: Call::ModifyAlone(|request| &mut request.status),
        clears: false,
        may_be_silent: false,
        any: None,
        echoes: true,
        sayable: &[AVAILABLE, DEPRECATED],
        usual: Some(AVAILABLE),
    },
];

/// What the cloud reports of a property, compared with what the program says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The same.
    Shown,
    /// Something else.
    Missing,
    /// Nothing at all, of an attribute that `may_be_silent`.
    Silent,
}

impl Attribute {
    /// The property of the inputs in which the attribute is, and by which the engine's differences go.
    pub(crate) fn top(&self) -> &'static str {
        self.property.split('.').next().unwrap_or(self.property)
    }

    /// Whether it is one of several in its property, so that a difference in the property may be another's.
    fn is_nested(&self) -> bool {
        self.property.contains('.')
    }

    /// Whether the call that makes the image must not set it: an image that is made deprecated would be found by its family
    /// until it is.
    pub(crate) fn is_held_back(&self, wanted: &Attributes) -> bool {
        self.property == FAMILY && wanted.is_withdrawn()
    }

    /// Whether the program asks for a certain value.
    pub(crate) fn is_asked_for(&self, wanted: &Attributes) -> bool {
        (self.of)(wanted).as_deref().is_some_and(|wanted| self.any != Some(wanted))
    }

    /// Whether a program may give this value, as far as the table knows.
    fn may_be_said(&self, value: &str) -> bool {
        self.sayable.is_empty() || self.sayable.contains(&value)
    }

    /// Whether `pulumi import` writes this value.
    fn is_adopted(&self, value: &str) -> bool {
        !value.is_empty() && self.may_be_said(value) && self.usual != Some(value)
    }

    /// What brings the attribute to what the program wants, if its property is known to differ; `None` if nothing is to be
    /// sent. `doubtful` says that an earlier call may have set what `now` does not show.
    pub(crate) fn to_send(&self, wanted: &Attributes, now: &Attributes, doubtful: bool) -> Option<String> {
        match ((self.of)(wanted), (self.of)(now)) {
            (Some(wanted), now) => {
                let differs = !self.is_nested() || doubtful || now.as_ref() != Some(wanted);
                differs.then(|| wanted.clone())
            }
            (None, now) => {
                let something = doubtful || now.as_ref().is_some_and(|now| !now.is_empty());
                (self.clears && something).then(String::new)
            }
        }
    }

    /// How the cloud shows what the program wants.
    pub(crate) fn effect(&self, wanted: &Attributes, now: &Attributes) -> Effect {
        match ((self.of)(wanted), (self.of)(now)) {
            (_, None) if self.may_be_silent => Effect::Silent,
            (Some(wanted), _) if self.any == Some(wanted) => Effect::Shown,
            (Some(wanted), Some(now)) if wanted == now => Effect::Shown,
            (Some(wanted), None) if wanted.is_empty() => Effect::Shown,
            (Some(_), _) => Effect::Missing,
            (None, Some(now)) if self.clears && !now.is_empty() => Effect::Missing,
            (None, _) => Effect::Shown,
        }
    }

    /// Notes in `now` what the cloud will report, if that is known without a look; otherwise `None`.
    pub(crate) fn foretell(&self, wanted: &Attributes, now: &mut Attributes) -> Option<()> {
        let now = (self.of_mut)(now);
        match (self.of)(wanted) {
            _ if !self.echoes => None,
            Some(wanted) => {
                now.as_mut()?.clone_from(wanted);
                Some(())
            }
            // Whether a cleared text is reported as empty or not at all differs.
            None => (!self.clears).then_some(()),
        }
    }

    /// The attribute of inputs that a refresh brings up to date: what is gone in the cloud stays as an empty text, so that
    /// the program's wish for it is remembered.
    fn refreshed(&self, given: &str, now: Option<&String>) -> String {
        match now {
            _ if self.any == Some(given) => given.to_owned(),
            Some(now) if !self.may_be_said(now) => given.to_owned(),
            None if self.clears && !self.may_be_silent => String::new(),
            Some(now) if self.clears || !now.is_empty() => now.clone(),
            None | Some(_) => given.to_owned(),
        }
    }
}

impl Attributes {
    /// Whether the image is to be there and not to be found by its family.
    pub(crate) fn is_withdrawn(&self) -> bool {
        self.status.as_deref() == Some(DEPRECATED)
    }

    /// Of an image as DescribeImages shows it, without the tags that are the cloud's own.
    pub(crate) fn seen(seen: &Described) -> Attributes {
        let feature = |of: fn(&aliyun::ecs::ImageFeatures) -> &Option<String>| {
            seen.features.as_ref().and_then(|features| of(features).clone())
        };
        Attributes {
            name: seen.image_name.clone(),
            family: seen.image_family.clone(),
            description: seen.description.clone(),
            boot_mode: seen.boot_mode.clone(),
            license_type: seen.license_type.clone(),
            imds: feature(|features| &features.imds_support),
            nvme: feature(|features| &features.nvme_support),
            resource_group: seen.resource_group_id.clone(),
            status: seen.status.clone(),
            tags: Some(tags::of_program(&seen.tags)),
        }
    }

    /// How the cloud shows all of a property. `given` are the keys of the tags that the program has given so far.
    pub(crate) fn effect(&self, property: &str, now: &Attributes, given: &BTreeSet<String>) -> Effect {
        if property == TAGS {
            let shown = tags::are_shown(self.tags.as_ref(), now.tags.as_ref(), given);
            return if shown { Effect::Shown } else { Effect::Missing };
        }
        let effects: Vec<Effect> = ATTRIBUTES
            .iter()
            .filter(|attribute| attribute.top() == property)
            .filter(|attribute| !attribute.is_nested() || (attribute.of)(self).is_some())
            .map(|attribute| attribute.effect(self, now))
            .collect();
        [Effect::Missing, Effect::Silent]
            .into_iter()
            .find(|effect| effects.contains(effect))
            .unwrap_or(Effect::Shown)
    }

    /// The attributes of inputs after a refresh. What the program does not give is not invented.
    pub(crate) fn refreshed(&self, now: &Attributes) -> Attributes {
        let mut refreshed = Attributes {
            tags: self.tags.as_ref().map(|_| now.tags.clone().unwrap_or_default()),
            ..Attributes::default()
        };
        for attribute in ATTRIBUTES {
            let given = (attribute.of)(self).as_ref();
            *(attribute.of_mut)(&mut refreshed) =
                given.map(|given| attribute.refreshed(given, (attribute.of)(now).as_ref()));
        }
        refreshed
    }

    /// The attributes of inputs that `pulumi import` writes: only what a program may say.
    pub(crate) fn adopted(&self) -> Attributes {
        let mut adopted =
            Attributes { tags: self.tags.clone().filter(|tags| !tags.is_empty()), ..Attributes::default() };
        for attribute in ATTRIBUTES {
            *(attribute.of_mut)(&mut adopted) =
                (attribute.of)(self).clone().filter(|text| attribute.is_adopted(text));
        }
        adopted
    }
}

/// The older of the two access modes of the metadata service.
pub(crate) const OLDER_IMDS: &str = "v1";
const NEWER_IMDS: &str = "v2";
/// What is wrong with going back to the older one.
pub(crate) const NO_WAY_BACK: &str =
    "the cloud refuses to go from \"v2\" back to \"v1\"; keep \"v2\", or replace the image";

/// The cloud never goes back from `v2` to `v1`, whoever has set it.
pub(crate) fn goes_back_in_imds(now: &Attributes, wanted: &Attributes) -> bool {
    (now.imds.as_deref(), wanted.imds.as_deref()) == (Some(NEWER_IMDS), Some(OLDER_IMDS))
}

/// As [`goes_back_in_imds`], as a failure.
pub(crate) fn refuse_older_imds(now: &Attributes, wanted: &Attributes) -> Result<(), Failure> {
    match goes_back_in_imds(now, wanted) {
        true => Err(Failure::Refused(format!("features.imdsSupport: {NO_WAY_BACK}"))),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(property: &str) -> &'static Attribute {
        ATTRIBUTES.iter().find(|attribute| attribute.property == property).unwrap()
    }

    fn with(property: &str, text: Option<&str>) -> Attributes {
        let mut attributes = Attributes::default();
        *(attribute(property).of_mut)(&mut attributes) = text.map(str::to_owned);
        attributes
    }

    fn tags(tags: &[(&str, &str)]) -> Attributes {
        let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Attributes { tags: Some(tags), ..Attributes::default() }
    }

    /// What is sent, and how the cloud shows it, for each pair of what is wanted and what is there.
    #[test]
    fn what_is_sent_and_what_counts_as_shown() {
        use Effect::{Missing, Shown, Silent};
        for (property, wanted, now, sent, effect) in [
            ("description", Some("a"), None, Some("a"), Missing),
            ("description", Some("a"), Some("b"), Some("a"), Missing),
            ("description", Some("a"), Some("a"), Some("a"), Shown),
            ("description", None, Some("b"), Some(""), Missing),
            ("description", None, Some(""), None, Shown),
            ("description", None, None, None, Shown),
            ("description", Some(""), None, Some(""), Shown),
            ("imageFamily", None, Some("b"), Some(""), Missing),
            ("imageFamily", Some("a"), None, Some("a"), Silent),
            ("imageName", Some("a"), None, Some("a"), Missing),
            ("imageName", None, Some("b"), None, Shown),
            ("bootMode", Some("UEFI"), None, Some("UEFI"), Silent),
            ("bootMode", Some("UEFI"), Some("BIOS"), Some("UEFI"), Missing),
            ("bootMode", None, Some("BIOS"), None, Shown),
            ("licenseType", Some("Auto"), Some("Aliyun"), Some("Auto"), Shown),
            ("licenseType", Some("BYOL"), Some("Aliyun"), Some("BYOL"), Missing),
            ("licenseType", Some("BYOL"), None, Some("BYOL"), Silent),
            ("resourceGroupId", Some("rg-1"), None, Some("rg-1"), Missing),
            ("resourceGroupId", None, Some("rg-1"), None, Shown),
            ("features.imdsSupport", Some("v2"), Some("v2"), None, Shown),
            ("features.imdsSupport", Some("v2"), Some("v1"), Some("v2"), Missing),
            ("features.nvmeSupport", Some("supported"), None, Some("supported"), Silent),
            ("status", Some("Deprecated"), Some("Available"), Some("Deprecated"), Missing),
            ("status", Some("Deprecated"), Some("Deprecated"), Some("Deprecated"), Shown),
            ("status", Some("Available"), None, Some("Available"), Missing),
            ("status", None, Some("Deprecated"), None, Shown),
        ] {
            let (wanted, now) = (with(property, wanted), with(property, now));
            let attribute = attribute(property);
            assert_eq!(
                attribute.to_send(&wanted, &now, false).as_deref(),
                sent,
                "{property} {wanted:?} {now:?}"
            );
            let shown = wanted.effect(attribute.top(), &now, &BTreeSet::new());
            assert_eq!(shown, effect, "{property} {wanted:?} {now:?}");
        }
    }

    #[test]
    fn in_doubt_everything_that_may_be_there_is_sent() {
        let nothing = Attributes::default();
        for (property, wanted, sent) in [
            ("description", None, Some("")),
            ("imageFamily", None, Some("")),
            ("bootMode", None, None),
            ("features.imdsSupport", Some("v2"), Some("v2")),
        ] {
            let wanted = with(property, wanted);
            let now = if property.contains("imds") { wanted.clone() } else { nothing.clone() };
            assert_eq!(attribute(property).to_send(&wanted, &now, true).as_deref(), sent, "{property}");
        }
    }

    #[test]
    fn a_refresh_takes_over_what_the_program_gives() {
        for (property, given, now, expected) in [
            ("description", Some("a"), None, Some("")),
            ("description", Some("a"), Some("b"), Some("b")),
            ("description", None, Some("b"), None),
            ("imageFamily", Some("a"), None, Some("a")),
            ("imageFamily", Some("a"), Some(""), Some("")),
            ("bootMode", Some("UEFI"), Some(""), Some("UEFI")),
            ("bootMode", Some("UEFI"), Some("BIOS"), Some("BIOS")),
            ("licenseType", Some("Auto"), Some("Aliyun"), Some("Auto")),
            ("licenseType", Some("BYOL"), Some("Aliyun"), Some("Aliyun")),
            ("imageName", Some("a"), Some("b"), Some("b")),
            ("status", Some("Available"), Some("Deprecated"), Some("Deprecated")),
            ("status", Some("Deprecated"), Some("Available"), Some("Available")),
            ("status", None, Some("Deprecated"), None),
            // What no program can ask for is nobody's drift.
            ("status", Some("Deprecated"), Some("Creating"), Some("Deprecated")),
            ("status", Some("Available"), Some("UnAvailable"), Some("Available")),
            ("status", Some("Deprecated"), None, Some("Deprecated")),
        ] {
            let refreshed = with(property, given).refreshed(&with(property, now));
            assert_eq!(
                (attribute(property).of)(&refreshed).as_deref(),
                expected,
                "{property} {given:?} {now:?}"
            );
        }
        assert_eq!(tags(&[("a", "1")]).refreshed(&tags(&[("b", "2")])).tags, tags(&[("b", "2")]).tags);
        assert_eq!(tags(&[("a", "1")]).refreshed(&Attributes::default()).tags, tags(&[]).tags);
        assert_eq!(Attributes::default().refreshed(&tags(&[("b", "2")])).tags, None);
    }

    #[test]
    fn an_import_writes_what_a_program_may_say_and_would_not_have_anyway() {
        for (property, now, expected) in [
            ("description", Some("a"), Some("a")),
            ("description", Some(""), None),
            ("bootMode", Some("BIOS"), Some("BIOS")),
            ("status", Some("Deprecated"), Some("Deprecated")),
            ("status", Some("Available"), None),
            ("status", Some("Creating"), None),
            ("status", Some("UnAvailable"), None),
            ("status", None, None),
        ] {
            let adopted = with(property, now).adopted();
            assert_eq!((attribute(property).of)(&adopted).as_deref(), expected, "{property} {now:?}");
        }
    }

    #[test]
    fn tags_of_others_are_none_of_the_programs_business() {
        let given = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<BTreeSet<String>>();
        let now = tags(&[("a", "1"), ("of others", "x")]);
        let effect = |wanted: &Attributes, keys: &[&str]| wanted.effect(TAGS, &now, &given(keys));
        assert_eq!(effect(&tags(&[("a", "1")]), &["a"]), Effect::Shown);
        assert_eq!(effect(&tags(&[("a", "2")]), &["a"]), Effect::Missing);
        assert_eq!(effect(&Attributes::default(), &["a"]), Effect::Missing);
        assert_eq!(effect(&Attributes::default(), &["gone"]), Effect::Shown);
    }

    #[test]
    fn tags_that_the_cloud_keeps_for_itself_are_not_seen() {
        let seen = Described {
            tags: [("acs:ecs:x", "1"), ("aliyun.y", "2"), ("z", "3")]
                .map(|(key, value)| aliyun::ecs::Tag::new(key, value))
                .into(),
            ..Described::default()
        };
        assert_eq!(Attributes::seen(&seen).tags, tags(&[("z", "3")]).tags);
    }

    #[test]
    fn what_the_cloud_reports_is_foretold_only_if_it_was_reported_before() {
        for (property, wanted, now, foretold) in [
            ("imageName", Some("a"), Some("b"), Some("a")),
            ("bootMode", Some("UEFI"), None, None),
            ("description", Some("a"), Some("b"), Some("a")),
            // Whether a cleared text is reported as empty or not at all differs.
            ("description", None, Some("b"), None),
            // The cloud makes something of its own of it.
            ("licenseType", Some("BYOL"), Some("Aliyun"), None),
            ("status", Some("Deprecated"), Some("Available"), Some("Deprecated")),
        ] {
            let mut then = with(property, now);
            let known = attribute(property).foretell(&with(property, wanted), &mut then);
            assert_eq!(
                known.and_then(|()| (attribute(property).of)(&then).as_deref()),
                foretold,
                "{property}"
            );
        }
    }

    #[test]
    fn the_readme_names_what_changes_in_place() {
        let readme = include_str!("../../../../README.md");
        let list =
            readme.split("- **Updates.** ").nth(1).and_then(|rest| rest.split(" change in place").next());
        let told = list.expect("the list").split('`').skip(1).step_by(2);
        let properties = ATTRIBUTES.iter().map(Attribute::top).chain([TAGS]);
        assert_eq!(told.collect::<BTreeSet<_>>(), properties.collect());
    }

    #[test]
    fn the_metadata_service_never_goes_back() {
        let imds = |version| with("features.imdsSupport", version);
        assert!(refuse_older_imds(&imds(Some("v2")), &imds(Some("v1"))).is_err());
        for (now, wanted) in [(Some("v1"), Some("v2")), (Some("v2"), None), (None, Some("v1"))] {
            assert!(refuse_older_imds(&imds(now), &imds(wanted)).is_ok(), "{now:?} {wanted:?}");
        }
    }
}
