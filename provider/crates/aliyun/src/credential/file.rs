//! Reading files that hold keys: what makes one unfit to be trusted or understood.

use std::path::Path;

use crate::environment::Environment;
use crate::error::Error;

/// A key file's text; `None` if there is no such file.
pub(crate) fn read_text(environment: &Environment, path: &Path) -> Result<Option<String>, Error> {
    let shown = path.display();
    let file = match environment.read(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::credential(format!("{shown} cannot be read: {error}"))),
    };
    if file.mode.is_some_and(|mode| mode & 0o002 != 0) {
        return Err(Error::credential(format!(
            "{shown} can be changed by everybody on this machine, so its keys are not used; run: chmod 600 {shown}"
        )));
    }
    let text = String::from_utf8(file.contents).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Error::credential(format!("{shown} is not UTF-8 text (byte {at})"))
    })?;
    Ok(Some(text.trim_start_matches('\u{feff}').to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(contents: &[u8], mode: u32, reason: &str) {
        let environment = Environment::default().with_file("/keys", contents, mode);
        let error = read_text(&environment, Path::new("/keys")).expect_err(reason).to_string();
        assert!(error.contains(reason) && error.contains("/keys"), "{error}");
    }

    #[test]
    fn a_file_that_anybody_can_change_is_not_trusted() {
        refused(b"{}", 0o666, "chmod 600 /keys");
        refused(b"{}", 0o602, "chmod 600 /keys");
        let environment = Environment::default().with_file("/keys", "{}", 0o644);
        assert_eq!(read_text(&environment, Path::new("/keys")).expect("trusted").as_deref(), Some("{}"));
    }

    #[test]
    fn a_file_that_is_no_text_is_refused() {
        refused(b"ab\xff", 0o600, "not UTF-8 text (byte 2)");
    }

    #[test]
    fn a_missing_file_is_none() {
        assert_eq!(read_text(&Environment::default(), Path::new("/keys")).expect("no error"), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_cannot_be_read_says_why() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = read_text(&Environment::from_process(), folder.path()).expect_err("a folder").to_string();
        assert!(error.contains("cannot be read: not a regular file"), "{error}");
    }
}
