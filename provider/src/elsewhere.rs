//! What to do about a resource or a function that this plugin does not have and the published one does.
//!
//! The engine runs one plugin for each version that it is asked for, so it depends on that version whether the wrong one
//! was asked for or the wrong one was found.

use std::path::Path;

use pulumi::Asked;

/// `own` is this plugin's version, `runs` the file that the engine has started.
pub(crate) fn elsewhere(asked: &Asked, own: &str, runs: Option<&Path>) -> String {
    let Asked { provider, version } = asked;
    let file = in_a_command(&runs.map_or_else(|| "pulumi-resource-alicloud".into(), Path::to_string_lossy));
    let is_chosen = version.as_deref() == Some(own) || runs.is_some_and(|runs| is_in_cache(runs, own));
    match version.as_deref() {
        Some(version) if !is_chosen => {
            format!(
                "Version {version} of the plugin was asked for, and the engine found this one, {own}, at {file}, which serves \
                 every version where it is. If that is on PATH, run `pulumi plugin install resource alicloud v{own} --file \
                 {file}` and take it out of PATH. If it is under `plugins:` in Pulumi.yaml, give that entry `version: {own}`. \
                 Images then choose it by the option `version: \"{own}\"`"
            )
        }
        Some(_) if asked.explicit().is_some() => format!(
            "The provider \"{provider}\" has the option `version: \"{own}\"`, which is this plugin: use that provider for images \
             only, and for this one another provider, or none"
        ),
        Some(_) => format!(
            "Version {own} was asked for, which is this plugin. If the option `version: \"{own}\"` is here, take it away, and the \
             published plugin of the SDK's version serves it. If the program uses this plugin's own SDK, use the published one. In a YAML program the version of one resource holds for all \
             that name none: give this one the option `version` with a version of the published plugin"
        ),
        None => format!(
            "No version of the plugin was asked for, and the engine found this one, {own}, at {file}: give the option `version` \
             with a version of the published plugin, after `pulumi plugin install resource alicloud`. If that file is on PATH or \
             under `plugins:` in Pulumi.yaml, take it out there, as it serves every version"
        ),
    }
}

/// Whether the engine has taken this plugin from its cache, where it looks for versions. An explicit provider whose option has
/// just changed is configured with the version that its state holds.
fn is_in_cache(runs: &Path, own: &str) -> bool {
    runs.parent()
        .and_then(Path::file_name)
        .is_some_and(|folder| *folder == *format!("resource-alicloud-v{own}"))
}

/// As a shell reads it as one word.
fn in_a_command(file: &str) -> String {
    if file.contains(char::is_whitespace) { format!("\"{file}\"") } else { file.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(provider: &str, version: Option<&str>) -> String {
        let asked = Asked { provider: provider.to_owned(), version: version.map(ToOwned::to_owned) };
        elsewhere(&asked, "0.1.0", Some(Path::new("/opt/bin/pulumi-resource-alicloud")))
    }

    #[test]
    fn a_plugin_that_serves_every_version_is_told_with_its_file() {
        let said = said("default_4_0_0", Some("4.0.0"));
        assert!(said.contains("PATH") && said.contains("`plugins:` in Pulumi.yaml"), "{said}");
        let command =
            "`pulumi plugin install resource alicloud v0.1.0 --file /opt/bin/pulumi-resource-alicloud`";
        assert!(said.contains(command) && said.contains("4.0.0"), "{said}");
    }

    #[test]
    fn a_file_in_a_command_is_one_word() {
        let asked = Asked { provider: "default_4_0_0".to_owned(), version: Some("4.0.0".to_owned()) };
        let said = elsewhere(&asked, "0.1.0", Some(Path::new("/home/me/my bin/pulumi-resource-alicloud")));
        assert!(said.contains("v0.1.0 --file \"/home/me/my bin/pulumi-resource-alicloud\"`"), "{said}");
    }

    #[test]
    fn a_provider_whose_option_has_just_changed_is_told_of_the_option() {
        let cached = "/home/me/.pulumi/plugins/resource-alicloud-v0.1.0/pulumi-resource-alicloud";
        let asked = Asked { provider: "images".to_owned(), version: Some("4.0.0".to_owned()) };
        let said = elsewhere(&asked, "0.1.0", Some(Path::new(cached)));
        assert!(said.starts_with("The provider \"images\" has the option `version: \"0.1.0\"`"), "{said}");
        let on_path = elsewhere(&asked, "0.1.0", Some(Path::new("/opt/bin/pulumi-resource-alicloud")));
        assert!(on_path.starts_with("Version 4.0.0 of the plugin was asked for"), "{on_path}");
    }

    #[test]
    fn the_option_that_chose_this_plugin_is_told_with_its_place() {
        let of_provider = said("images", Some("0.1.0"));
        assert!(
            of_provider.starts_with("The provider \"images\" has the option `version: \"0.1.0\"`"),
            "{of_provider}"
        );
        for provider in ["default", "default_0_1_0", ""] {
            let of_resource = said(provider, Some("0.1.0"));
            assert!(
                of_resource.starts_with("Version 0.1.0 was asked for, which is this plugin"),
                "{of_resource}"
            );
            assert!(of_resource.contains("the option `version: \"0.1.0\"`"), "{of_resource}");
        }
        let of_none = said("default", None);
        assert!(of_none.starts_with("No version of the plugin was asked for"), "{of_none}");
        assert!(of_none.contains("at /opt/bin/pulumi-resource-alicloud"), "{of_none}");
    }
}
