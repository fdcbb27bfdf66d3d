//! Reading files that hold keys: what makes one unfit to be trusted or understood.

use std::path::Path;

use crate::environment::Environment;
use crate::error::Error;

/// A key file's text; `None` if there is no such file.
pub(super) fn read(environment: &Environment, path: &Path) -> Result<Option<String>, Error> {
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
