//! What the metadata server knows: how it is set up, its tokens, and the credentials that it gave out.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::clock::Millis;
use crate::id;
use crate::session::{ACCOUNT, Session};
use crate::state::State;

#[derive(Debug, Default)]
pub(crate) struct Metadata {
    pub(crate) settings: Settings,
    /// Until when each token is good.
    tokens: HashMap<String, Millis>,
    /// When credentials were last given out, and their key id, by the kind of source.
    issued: HashMap<&'static str, (Millis, String)>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// Whether requests without a token are served.
    pub(crate) v1: bool,
    /// The role of the instance that the caller seems to run on.
    pub(crate) role: Option<String>,
    pub(crate) region: String,
    pub(crate) lifetime_s: u32,
}

impl Default for Settings {
    fn default() -> Self {
        let role = Some("emulator-role".to_owned());
        Settings { v1: true, role, region: "cn-hangzhou".to_owned(), lifetime_s: 21_600 }
    }
}

impl Metadata {
    pub(crate) fn set(&mut self, settings: Settings) {
        self.settings = settings;
        self.issued.clear();
    }

    pub(crate) fn new_token(&mut self, now: Millis, lifetime: Millis) -> String {
        self.tokens.retain(|_, until| now < *until);
        let token = id::opaque(56);
        self.tokens.insert(token.clone(), now + lifetime);
        token
    }

    pub(crate) fn knows_token(&self, token: &str, now: Millis) -> bool {
        self.tokens.get(token).is_some_and(|until| now < *until)
    }

    /// The credentials that this kind of source gave out last, unless half their life is over.
    pub(crate) fn last_session(
        &self,
        state: &State,
        kind: &'static str,
        lifetime: Millis,
        now: Millis,
    ) -> Option<Session> {
        let (at, key_id) = self.issued.get(kind)?;
        state.sessions.get(key_id).filter(|_| now - at < lifetime / 2).cloned()
    }

    /// New credentials for `role` from this kind of source.
    pub(crate) fn new_session(
        &mut self,
        state: &mut State,
        kind: &'static str,
        role: &str,
        lifetime: Millis,
        now: Millis,
    ) -> Session {
        let session = state.issue(&format!("acs:ram::{ACCOUNT}:role/{role}"), role, now + lifetime);
        self.issued.insert(kind, (now, session.key_id.clone()));
        session
    }
}
