//! What every image's inputs must obey beyond what the types say, and what an update may not do. Nothing here does I/O.

use pulumi::path::Path;
use pulumi::value::quote;
use pulumi::{CheckContext, Findings};

use crate::ecs::images::attributes::{
    ATTRIBUTES, Attribute, Attributes, NAME, NO_WAY_BACK, goes_back_in_imds,
};
use crate::ecs::images::inputs::Inputs;
use crate::ecs::images::names::{self, WEB_PREFIXES, has_prefix};
use crate::ecs::images::tags;

/// Checks names, texts and tags. The inputs that are filled in: the name that the program leaves out.
pub(crate) fn check<A: Inputs>(
    args: &A,
    olds: Option<&A>,
    context: &CheckContext<'_>,
    findings: &mut Findings,
) -> A {
    // What is not known yet passes every rule, and is given all the same.
    let Attributes { name, family, description, .. } = args.attributes_with(Some(UNKNOWN));
    for (property, value) in [(NAME, &name), ("imageFamily", &family)] {
        if let Some(name) = value {
            names::check(property, name, findings);
        }
    }
    if let Some(description) = &description
        && let Some(prefix) = WEB_PREFIXES.iter().find(|prefix| has_prefix(description, prefix))
    {
        let reason = format!("must not start with {prefix}");
        findings.fail_got(Path::property("description"), reason, quote(description));
    }
    if let Some(given) = args.tags() {
        tags::check(given, findings);
    }
    let name = match (name, olds) {
        (Some(_), _) => None,
        // An image that exists keeps its name, whoever gave it; one that an older provider left nameless stays so.
        (None, Some(olds)) => olds.attributes().name,
        (None, None) if context.is_empty => None,
        (None, None) => names::automatic(context, findings),
    };
    let mut filled = A::default();
    filled.set_attributes(Attributes { name, ..Attributes::default() });
    filled
}

/// Checks what an update may not do, and warns of what it cannot.
pub(crate) fn check_update<A: Inputs>(olds: &A, news: &A, findings: &mut Findings) {
    let olds = olds.attributes();
    if goes_back_in_imds(&olds, &news.attributes()) {
        findings.fail(path_of("features.imdsSupport"), NO_WAY_BACK);
    }
    // What is not known yet may turn out to be given.
    let news = news.attributes_with(Some(UNKNOWN));
    // A name that is left out is filled in with the one that the image has.
    let kept = |attribute: &&Attribute| !attribute.clears && attribute.property != NAME;
    for attribute in ATTRIBUTES.iter().filter(kept) {
        let old = (attribute.of)(&olds).as_ref().filter(|old| !old.is_empty());
        if let (Some(old), None) = (old, (attribute.of)(&news)) {
            let reason = match attribute.usual {
                Some(usual) if usual == old => continue,
                Some(usual) => format!(
                    "is left out, and the image keeps what it has; to set it back, give {} instead",
                    quote(usual)
                ),
                None => "cannot be cleared in the cloud: the image keeps what it has".to_owned(),
            };
            findings.warn_got(path_of(attribute.property), reason, quote(old));
        }
    }
}

/// What stands for a text that is given and not known yet. It breaks no rule.
const UNKNOWN: &str = "unknown";

fn path_of(property: &str) -> Path {
    property.split('.').fold(Path::root(), |path, key| path.key(key))
}

#[cfg(test)]
mod tests {
    use pulumi::Input;

    use super::*;
    use crate::ecs::image::args::ImageArgs;

    fn text(text: &str) -> Option<Input<String>> {
        Some(Input::Known(text.to_owned()))
    }

    fn warned(olds: &ImageArgs, news: &ImageArgs) -> Vec<String> {
        let mut findings = Findings::default();
        check_update(olds, news, &mut findings);
        assert!(findings.failures.is_empty());
        findings.warnings.iter().map(|warning| warning.path.to_string()).collect()
    }

    #[test]
    fn what_cannot_be_cleared_is_warned_of_and_a_name_can_be_left_out() {
        let olds = ImageArgs {
            boot_mode: text("UEFI"),
            description: text("a text"),
            image_name: text("golden"),
            license_type: text("BYOL"),
            status: text("Deprecated"),
            ..ImageArgs::default()
        };
        assert_eq!(warned(&olds, &ImageArgs::default()), ["bootMode", "licenseType", "status"]);
        let unknown = ImageArgs {
            boot_mode: Some(Input::Unknown),
            license_type: Some(Input::Unknown),
            status: Some(Input::Unknown),
            ..ImageArgs::default()
        };
        assert_eq!(warned(&olds, &unknown), [""; 0]);
        assert_eq!(warned(&olds, &olds), [""; 0]);
    }

    #[test]
    fn an_image_that_stays_deprecated_says_how_it_comes_back() {
        let of = |status| ImageArgs { status: text(status), ..ImageArgs::default() };
        let mut findings = Findings::default();
        check_update(&of("Deprecated"), &ImageArgs::default(), &mut findings);
        let text = findings.warnings[0].text();
        assert_eq!(findings.warnings[0].path.to_string(), "status");
        assert!(
            text.contains("the image keeps what it has; to set it back, give \"Available\" instead"),
            "{text}"
        );
        assert_eq!(warned(&of("Available"), &ImageArgs::default()), [""; 0]);
    }
}
