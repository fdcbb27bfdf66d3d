//! ClientToken: what makes a call that creates something safe to send again.

use sha2::{Digest, Sha256};

use crate::answer::{Failure, failure};
use crate::params::Params;
use crate::state::{State, UsedToken};

/// The token of one call, if it has one.
#[derive(Debug)]
pub(crate) struct ClientToken {
    /// The key that it is remembered by, and a digest of the call's other parameters.
    used: Option<(String, String)>,
}

impl ClientToken {
    pub(crate) fn read(params: &Params, region: &str, action: &str) -> Result<ClientToken, Failure> {
        let Some(token) = params.text("ClientToken") else { return Ok(ClientToken { used: None }) };
        if token.len() > 64 || !token.is_ascii() {
            let message = "The specified ClientToken is not valid: it must have at most 64 ASCII characters.";
            return Err(failure(400, "InvalidClientToken.Malformed", message));
        }
        let mut digest = Sha256::new();
        for (name, value) in params.map().iter().filter(|(name, _)| *name != "ClientToken") {
            digest.update(format!("{}:{name}={}:{value};", name.len(), value.len()));
        }
        Ok(ClientToken { used: Some((format!("{region}/{action}/{token}"), hex::encode(digest.finalize()))) })
    }

    /// The image that this token has made already, whether or not it is still there.
    pub(crate) fn replay(&self, state: &State) -> Result<Option<String>, Failure> {
        let Some((key, fingerprint)) = &self.used else { return Ok(None) };
        match state.client_tokens.get(key) {
            None => Ok(None),
            Some(used) if used.fingerprint == *fingerprint => Ok(Some(used.image_id.clone())),
            Some(_) => {
                let message = "The specified ClientToken was used before with other parameters.";
                Err(failure(400, "IdempotenceParamNotMatch", message))
            }
        }
    }

    pub(crate) fn remember(self, state: &mut State, image_id: &str) {
        if let Some((key, fingerprint)) = self.used {
            let used = UsedToken { fingerprint, image_id: image_id.to_owned() };
            state.client_tokens.insert(key, used);
        }
    }
}
