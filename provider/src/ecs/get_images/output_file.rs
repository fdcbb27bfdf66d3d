//! `outputFile`: the images as a file of JSON, as the Terraform provider writes it.

use std::io;
use std::path::{Path, PathBuf};

use pulumi::Failure;
use pulumi::value::quote;
use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};
use serde_json::{Map, Value as Json};

use crate::ecs::get_images::image::GetImagesImage;

/// Writes the images to a file in place of what was there. A path that is not absolute begins in the folder that the
/// process works in, which is the program's; `~` is the home folder.
///
/// # Errors
/// If the file cannot be written.
pub(super) async fn write(path: &str, home: Option<&Path>, images: &[GetImagesImage]) -> Result<(), Failure> {
    let text = text(images).map_err(|error| Failure::Bug(error.to_string()))?;
    let target = resolve(path, home);
    let written = tokio::task::spawn_blocking(move || replace(&target, text.as_bytes())).await;
    written.map_err(|error| Failure::Bug(error.to_string()))?.map_err(|error| {
        Failure::Refused(format!(
            "outputFile: the images cannot be written to {}: {error}. Name a file in a folder that exists and that can be \
             written to; a relative path begins in the program's folder",
            quote(path)
        ))
    })
}

fn resolve(path: &str, home: Option<&Path>) -> PathBuf {
    let in_home = path.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with(['/', '\\']));
    match (in_home, home) {
        (Some(rest), Some(home)) => home.join(rest.trim_start_matches(['/', '\\'])),
        _ => PathBuf::from(path),
    }
}

/// Puts a whole file where another may be, so that nobody ever reads half of one. A link is followed, and a file keeps who may
/// read it; what is neither a file nor a link to one stays as it is.
fn replace(target: &Path, contents: &[u8]) -> io::Result<()> {
    let is_there = match std::fs::symlink_metadata(target) {
        Ok(_) => true,
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(error),
    };
    // A link that leads nowhere fails here.
    let target = &if is_there { std::fs::canonicalize(target)? } else { target.to_owned() };
    let permissions = match is_there {
        true => {
            let found = std::fs::metadata(target)?;
            if !found.is_file() {
                return Err(io::Error::other(if found.is_dir() {
                    "it is a folder"
                } else {
                    "it is no file"
                }));
            }
            Some(found.permissions())
        }
        false => None,
    };
    let whole = target.with_file_name(format!(".{}", uuid::Uuid::new_v4().simple()));
    let written = std::fs::write(&whole, contents)
        .and_then(|()| {
            permissions.map_or(Ok(()), |permissions| std::fs::set_permissions(&whole, permissions))
        })
        .and_then(|()| std::fs::rename(&whole, target));
    if written.is_err() {
        // The reason is told; that there is nothing to remove is none.
        let _ = std::fs::remove_file(&whole);
    }
    written
}

/// The images with the names of the Terraform provider, in the order of the alphabet, indented by tabs.
fn text(images: &[GetImagesImage]) -> serde_json::Result<String> {
    let images = images.iter().map(serde_json::to_value).collect::<Result<Vec<Json>, _>>()?;
    let mut text = Vec::new();
    let formatter = PrettyFormatter::with_indent(b"\t");
    renamed(Json::Array(images)).serialize(&mut Serializer::with_formatter(&mut text, formatter))?;
    // Such characters stand in texts only.
    let text = String::from_utf8_lossy(&text)
        .replace('<', r"\u003c")
        .replace('>', r"\u003e")
        .replace('&', r"\u0026")
        .replace('\u{2028}', r"\u2028")
        .replace('\u{2029}', r"\u2029");
    Ok(text)
}

fn renamed(json: Json) -> Json {
    match json {
        Json::Array(items) => items.into_iter().map(renamed).collect(),
        Json::Object(map) => {
            let mut entries: Vec<(String, Json)> = map
                .into_iter()
                .map(|(name, value)| {
                    // Their keys are the user's.
                    let value = if name == "tags" { value } else { renamed(value) };
                    (snake_case(&name), value)
                })
                .collect();
            entries.sort_by(|(one, _), (other, _)| one.cmp(other));
            Json::Object(Map::from_iter(entries))
        }
        other => other,
    }
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;
    use aliyun::ecs::{Image, ImageDiskDeviceMapping, Tag};

    fn images() -> Vec<GetImagesImage> {
        let disk = ImageDiskDeviceMapping { size: Some(40), ..ImageDiskDeviceMapping::default() };
        let image = Image {
            image_id: Some("m-1".to_owned()),
            image_name: Some("a<b>&c\u{2028}".to_owned()),
            size: Some(40),
            tags: vec![Tag::new("theTeam", "web")],
            disk_device_mappings: vec![disk],
            ..Image::default()
        };
        vec![GetImagesImage::from(&image)]
    }

    #[test]
    fn the_text_is_that_of_the_terraform_provider() {
        let expected = "[
\t{
\t\t\"architecture\": \"\",
\t\t\"creation_time\": \"\",
\t\t\"description\": \"\",
\t\t\"disk_device_mappings\": [
\t\t\t{
\t\t\t\t\"device\": \"\",
\t\t\t\t\"size\": \"40\",
\t\t\t\t\"snapshot_id\": \"\"
\t\t\t}
\t\t],
\t\t\"id\": \"m-1\",
\t\t\"image_id\": \"m-1\",
\t\t\"image_owner_alias\": \"\",
\t\t\"image_version\": \"\",
\t\t\"is_copied\": false,
\t\t\"is_self_shared\": \"\",
\t\t\"is_subscribed\": false,
\t\t\"is_support_io_optimized\": false,
\t\t\"name\": \"a\\u003cb\\u003e\\u0026c\\u2028\",
\t\t\"os_name\": \"\",
\t\t\"os_name_en\": \"\",
\t\t\"os_type\": \"\",
\t\t\"platform\": \"\",
\t\t\"product_code\": \"\",
\t\t\"progress\": \"\",
\t\t\"size\": 40,
\t\t\"state\": \"\",
\t\t\"status\": \"\",
\t\t\"tags\": {
\t\t\t\"theTeam\": \"web\"
\t\t},
\t\t\"usage\": \"\"
\t}
]";
        assert_eq!(text(&images()).unwrap(), expected);
        assert_eq!(text(&[]).unwrap(), "[]");
    }

    #[tokio::test]
    async fn a_file_is_replaced_and_nothing_else_is_left() {
        let folder = std::env::temp_dir().join(uuid::Uuid::new_v4().simple().to_string());
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("images.json"), "an older and much longer text".repeat(100)).unwrap();
        write("~/images.json", Some(&folder), &images()).await.unwrap();
        let written = std::fs::read_to_string(folder.join("images.json")).unwrap();
        assert_eq!(written, text(&images()).unwrap());
        let left: Vec<_> = std::fs::read_dir(&folder).unwrap().collect();
        assert_eq!(left.len(), 1);

        std::fs::create_dir(folder.join("folder")).unwrap();
        for path in ["folder", "none/images.json"] {
            let absolute = folder.join(path).to_string_lossy().into_owned();
            let failed = write(&absolute, None, &images()).await.unwrap_err().to_string();
            assert!(
                failed.starts_with(&format!("outputFile: the images cannot be written to \"{absolute}\": ")),
                "{failed}"
            );
            assert!(failed.contains("a relative path begins in the program's folder"), "{failed}");
        }
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn links_are_followed_files_stay_as_secret_as_they_are_and_devices_stay_devices() {
        use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};

        let folder = std::env::temp_dir().join(uuid::Uuid::new_v4().simple().to_string());
        std::fs::create_dir(&folder).unwrap();
        let (file, link) = (folder.join("secret.json"), folder.join("link.json"));
        std::fs::write(&file, "").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        symlink(&file, &link).unwrap();
        write(&link.to_string_lossy(), None, &images()).await.unwrap();
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text(&images()).unwrap());
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

        let nowhere = folder.join("nowhere.json");
        symlink(folder.join("none/file.json"), &nowhere).unwrap();
        let socket = folder.join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for path in [&nowhere, &socket] {
            write(&path.to_string_lossy(), None, &images()).await.unwrap_err();
        }
        assert!(std::fs::symlink_metadata(&nowhere).unwrap().is_symlink());
        assert!(std::fs::symlink_metadata(&socket).unwrap().file_type().is_socket());
        let long = folder.join("x".repeat(250));
        write(&long.to_string_lossy(), None, &images()).await.unwrap();
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 5);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn only_the_home_folder_has_a_short_name() {
        let home = Some(Path::new("/home/dev"));
        assert_eq!(resolve("~/a.json", home), Path::new("/home/dev/a.json"));
        assert_eq!(resolve("~a.json", home), Path::new("~a.json"));
        assert_eq!(resolve("~/a.json", None), Path::new("~/a.json"));
        assert_eq!(resolve("out/a.json", home), Path::new("out/a.json"));
    }
}
