//! What the cloud or the network said, sorted by what the user does next.
//!
//! The table [`CODES`] is the one place in which a code common to all actions gets its kind and class; a code that only one
//! action may wait for stands beside that action in [`crate::ecs`].

#![warn(clippy::wildcard_enum_match_arm)]

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub(crate) type Cause = Arc<dyn std::error::Error + Send + Sync>;

/// The most characters of a message that [`Display`](fmt::Display) shows: the cloud puts whole requests into some.
const SHOWN: usize = 240;

/// A failed call. [`Display`](fmt::Display) is one line; it leaves out the source, which
/// [`source`](std::error::Error::source) gives, and the rest of a long message, which [`message`](Error::message) gives.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    class: Class,
    action: &'static str,
    code: Option<String>,
    message: String,
    request_id: Option<String>,
    status: Option<u16>,
    ambiguous: bool,
    advice: Option<String>,
    retry_after: Option<Duration>,
    source: Option<Cause>,
}

/// What the user does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// What the call names does not exist: nothing to do when deleting, else name something that exists.
    NotFound,
    /// Something else stands in the way: a name already taken, a state that forbids the operation, an image in use. Wait for
    /// it, or remove it.
    Conflict,
    /// The request itself is wrong: change the program.
    InvalidRequest,
    /// The account may not do this: change the RAM policy, or use another key.
    Denied,
    /// A quota is used up: delete something, or ask for a higher quota.
    Quota,
    /// The key, the token, the signature, or the place they come from is wrong: correct the credentials.
    Credential,
    /// Too many calls: wait. The client has already slowed down and repeated the call.
    Throttled,
    /// The service has trouble: wait. The client has already repeated the call.
    Unavailable,
    /// The service could not be reached, or the connection broke: check endpoint, network, proxy and certificates.
    Transport,
    /// The time allowed ran out: allow more, or find out what the last error was about.
    TimedOut,
    /// The answer is not one of this API: check that the endpoint is the cloud's and not a proxy's or a portal's.
    UnexpectedResponse,
    /// A setting of the client is wrong: correct it.
    Settings,
}

/// What the client does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Slow the whole client down, then resend.
    Throttle,
    /// Resend after a growing delay.
    Backoff,
    /// Something else must finish first; resend at a steady pace.
    Wait,
    /// Resend once with the server's time, a new nonce and a new signature.
    Resign,
    /// Resend with a new nonce: this one was seen before, so the request may have been carried out already.
    Nonce,
    /// Resend once with new credentials.
    Refresh,
    /// Never connected: resend, but only for as long as a person would wait.
    Unreachable,
    /// The connection broke or the time for one attempt ran out: resend what may be resent.
    Broken,
    /// Not an answer of this API: resend a few times what may be resent.
    Garbage,
    /// Resending cannot help.
    Fatal,
}

/// One code's kind and class.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    pub(crate) code: &'static str,
    pub(crate) kind: ErrorKind,
    pub(crate) class: Class,
}

impl Rule {
    pub(crate) const fn new(code: &'static str, kind: ErrorKind, class: Class) -> Rule {
        Rule { code, kind, class }
    }

    /// A state that passes by itself.
    pub(crate) const fn wait(code: &'static str) -> Rule {
        Rule::new(code, ErrorKind::Conflict, Class::Wait)
    }

    /// A state that stays until somebody acts.
    pub(crate) const fn conflict(code: &'static str) -> Rule {
        Rule::new(code, ErrorKind::Conflict, Class::Fatal)
    }

    pub(crate) const fn not_found(code: &'static str) -> Rule {
        Rule::new(code, ErrorKind::NotFound, Class::Fatal)
    }
}

/// Codes of all actions, from the ECS common error table, the gateway's lists and the retry lists of the official SDKs.
/// Compared whole: many are misspelt in production, so a spelling that looks wrong here is right.
const CODES: &[Rule] = &[
    Rule::new("Throttling", ErrorKind::Throttled, Class::Throttle),
    Rule::new("Throttling.User", ErrorKind::Throttled, Class::Throttle),
    Rule::new("Throttling.Api", ErrorKind::Throttled, Class::Throttle),
    Rule::new("Rejected.Throttling", ErrorKind::Throttled, Class::Throttle),
    Rule::new("ServiceUnavailable", ErrorKind::Unavailable, Class::Backoff),
    Rule::new("ServiceUnavailable.RegionMaintaining", ErrorKind::Unavailable, Class::Backoff),
    Rule::new("InternalError", ErrorKind::Unavailable, Class::Backoff),
    Rule::new("UnknownError", ErrorKind::Unavailable, Class::Backoff),
    Rule::new("OperationConflict", ErrorKind::Conflict, Class::Backoff),
    Rule::new("InvalidOperation.Conflict", ErrorKind::Conflict, Class::Backoff),
    Rule::wait("LastTokenProcessing"),
    Rule::new("SignatureNonceUsed", ErrorKind::Credential, Class::Nonce),
    Rule::new("IllegalTimestamp", ErrorKind::Credential, Class::Resign),
    Rule::new("InvalidTimeStamp.Expired", ErrorKind::Credential, Class::Resign),
    Rule::new("InvalidTimeStamp.Format", ErrorKind::Credential, Class::Fatal),
    Rule::new("InvalidSecurityToken.Expired", ErrorKind::Credential, Class::Refresh),
    Rule::new("InvalidSecurityToken.Malformed", ErrorKind::Credential, Class::Fatal),
    Rule::new("InvalidSecurityToken.MismatchWithAccessKey", ErrorKind::Credential, Class::Fatal),
    Rule::new("MissingSecurityToken", ErrorKind::Credential, Class::Fatal),
    Rule::new("InvalidAccessKeyId.NotFound", ErrorKind::Credential, Class::Fatal),
    Rule::new("InvalidAccessKeyId.Inactive", ErrorKind::Credential, Class::Fatal),
    Rule::new("Forbidden.AccessKeyDisabled", ErrorKind::Credential, Class::Fatal),
    Rule::new("IncompleteSignature", ErrorKind::Credential, Class::Fatal),
    Rule::new("SignatureDoesNotMatch", ErrorKind::Credential, Class::Fatal),
    Rule::new("InvalidSignatureMethod", ErrorKind::Credential, Class::Fatal),
    Rule::not_found("InvalidImageId.NotFound"),
    Rule::not_found("InvalidInstanceId.NotFound"),
    Rule::not_found("InvalidSnapshotId.NotFound"),
    Rule::not_found("Forbidden.ImageNotFound"),
    Rule::not_found("Forbidden.InstanceNotFound"),
    Rule::not_found("Forbidden.SnapshotNotFound"),
    Rule::conflict("IdempotentParameterMismatch"),
    Rule::conflict("IdempotenceParamNotMatch"),
    Rule::conflict("InvalidParamter.Conflict"),
    Rule::conflict("InvalidIdempotenceParameter.Mismatch"),
    Rule::conflict("InvalidImageName.Duplicated"),
    Rule::new("RealNameAuthenticationError", ErrorKind::Denied, Class::Fatal),
    Rule::new("InsufficientBalance", ErrorKind::Denied, Class::Fatal),
    Rule::new("UserNotInTheWhiteList", ErrorKind::Denied, Class::Fatal),
    Rule::new("InvalidRegionId.NotFound", ErrorKind::InvalidRequest, Class::Fatal),
    Rule::new("InvalidProduct.NotFound", ErrorKind::Settings, Class::Fatal),
    Rule::new("InvalidApi.NotFound", ErrorKind::Settings, Class::Fatal),
    Rule::new("InvalidProtocol.NeedSsl", ErrorKind::Settings, Class::Fatal),
];

/// Kinds of the families of codes that are not listed one by one; none of these may be resent.
const FAMILIES: &[(&str, ErrorKind)] = &[
    ("InvalidAccessKeyId", ErrorKind::Credential),
    ("InvalidSecurityToken", ErrorKind::Credential),
    ("Forbidden", ErrorKind::Denied),
    // Misspelt like this in some tables of the cloud.
    ("Forbbiden", ErrorKind::Denied),
    ("NoPermission", ErrorKind::Denied),
    ("PermissionDenied", ErrorKind::Denied),
    ("UnauthorizedOperation", ErrorKind::Denied),
    ("AccountForbidden", ErrorKind::Denied),
    ("InvalidAccountStatus", ErrorKind::Denied),
    ("CurrentAccount", ErrorKind::Denied),
    ("Incorrect", ErrorKind::Conflict),
    ("ImageUs", ErrorKind::Conflict),
    ("ImageIs", ErrorKind::Conflict),
    ("ImageStatus", ErrorKind::Conflict),
    ("InvalidStatus", ErrorKind::Conflict),
];

/// Kind and class of a code: the action's own rules first, then the common ones, then what the status says.
pub(crate) fn classify(rules: &[Rule], code: &str, status: u16) -> (ErrorKind, Class) {
    if let Some(rule) = rules.iter().chain(CODES).find(|rule| rule.code == code) {
        return (rule.kind, rule.class);
    }
    if code.contains("Throttling") || status == 429 {
        return (ErrorKind::Throttled, Class::Throttle);
    }
    if status >= 500 || code.starts_with("ServiceUnavailable") {
        return (ErrorKind::Unavailable, Class::Backoff);
    }
    if code.contains("Quota") {
        return (ErrorKind::Quota, Class::Fatal);
    }
    let family = FAMILIES.iter().find(|(prefix, _)| code.starts_with(prefix));
    (family.map_or(ErrorKind::InvalidRequest, |(_, kind)| *kind), Class::Fatal)
}

impl Class {
    /// Whether the call may have been carried out although it failed like this, at an HTTP status if there was one.
    pub(crate) fn is_ambiguous(self, status: Option<u16>) -> bool {
        match self {
            Class::Broken | Class::Nonce => true,
            Class::Backoff | Class::Fatal => status.is_some_and(|status| status >= 500),
            Class::Garbage => status.is_none_or(|status| !(300..500).contains(&status)),
            Class::Throttle | Class::Wait | Class::Resign | Class::Refresh | Class::Unreachable => false,
        }
    }
}

impl Error {
    pub(crate) fn new(
        kind: ErrorKind,
        class: Class,
        action: &'static str,
        message: impl Into<String>,
    ) -> Error {
        Error(Box::new(Inner {
            kind,
            class,
            action,
            code: None,
            message: message.into(),
            request_id: None,
            status: None,
            ambiguous: false,
            advice: None,
            retry_after: None,
            source: None,
        }))
    }

    /// Several answers of the cloud that do not go together, though each alone is one of the action's.
    pub fn contradiction(action: &'static str, message: impl Into<String>) -> Error {
        Error::new(ErrorKind::UnexpectedResponse, Class::Fatal, action, message)
    }

    pub(crate) fn settings(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Settings, Class::Fatal, "settings", message)
    }

    pub(crate) fn credential(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Credential, Class::Fatal, "credentials", message)
    }

    pub(crate) fn with_code(mut self, code: impl Into<String>) -> Error {
        self.0.code = Some(code.into());
        self
    }

    pub(crate) fn with_status(mut self, status: u16) -> Error {
        self.0.status = Some(status);
        self
    }

    pub(crate) fn with_request_id(mut self, request_id: Option<String>) -> Error {
        self.0.request_id = request_id;
        self
    }

    pub(crate) fn with_ambiguous(mut self, ambiguous: bool) -> Error {
        self.0.ambiguous = ambiguous;
        self
    }

    pub(crate) fn with_advice(mut self, advice: Option<String>) -> Error {
        self.0.advice = advice;
        self
    }

    pub(crate) fn with_retry_after(mut self, retry_after: Option<Duration>) -> Error {
        self.0.retry_after = retry_after;
        self
    }

    pub(crate) fn with_source(mut self, source: Cause) -> Error {
        self.0.source = Some(source);
        self
    }

    /// Adds half a sentence to the message.
    pub(crate) fn with_note(mut self, note: impl fmt::Display) -> Error {
        self.0.message = format!("{} ({note})", self.0.message);
        self
    }

    /// The end of a call's time: keeps what the last answer said, so that callers need not dig for it.
    pub(crate) fn timed_out(
        action: &'static str,
        after: Duration,
        attempts: u32,
        last: Option<Error>,
    ) -> Error {
        let attempts = match attempts {
            1 => "1 attempt".to_owned(),
            attempts => format!("{attempts} attempts"),
        };
        let seconds = after.as_secs_f64();
        let Some(last) = last else {
            let message = format!("time ran out after {seconds:.1} s, {attempts}, with no answer");
            return Error::new(ErrorKind::TimedOut, Class::Fatal, action, message);
        };
        let said = match &last.0.code {
            Some(code) => format!("the last answer was {code}"),
            None => "the last one failed".to_owned(),
        };
        let message = format!("time ran out after {seconds:.1} s and {attempts}; {said}");
        let mut error = Error::new(ErrorKind::TimedOut, Class::Fatal, action, message)
            .with_request_id(last.0.request_id.clone())
            .with_ambiguous(last.0.ambiguous)
            .with_advice(last.0.advice.clone());
        error.0.code.clone_from(&last.0.code);
        error.0.status = last.0.status;
        error.with_source(Arc::new(last))
    }

    /// What the user does next.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    pub(crate) fn class(&self) -> Class {
        self.0.class
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The action that failed, e.g. `CreateImage`; `settings` or `credentials` if it was none.
    pub fn action(&self) -> &'static str {
        self.0.action
    }

    /// The cloud's code, e.g. `InvalidImageId.NotFound`; of a time-out, that of the last answer.
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// The cloud's words, or ours if the cloud said nothing. One line.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The id by which Alibaba Cloud's support finds the call.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// The whole message, if [`Display`](fmt::Display) shows only its beginning.
    pub fn long_message(&self) -> Option<&str> {
        (self.shown_message().len() < self.0.message.len()).then_some(&self.0.message)
    }

    fn shown_message(&self) -> &str {
        let message = &self.0.message;
        message.char_indices().nth(SHOWN).map_or(message, |(end, _)| &message[..end])
    }

    /// The HTTP status, if there was an answer.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// What the user can do about it, if there is more to say than the kind says.
    pub fn advice(&self) -> Option<String> {
        self.0.advice.clone()
    }

    /// Whether the cloud says that the image which the call names is not there. A code about a snapshot or an instance says
    /// nothing of the image.
    pub fn is_image_not_found(&self) -> bool {
        self.is_not_found()
            && matches!(self.code(), Some("InvalidImageId.NotFound" | "Forbidden.ImageNotFound"))
    }

    /// Whether the thing that the call names is proven absent. Nothing but the cloud's own word is a proof.
    pub fn is_not_found(&self) -> bool {
        match self.0.kind {
            ErrorKind::NotFound => true,
            ErrorKind::Conflict
            | ErrorKind::InvalidRequest
            | ErrorKind::Denied
            | ErrorKind::Quota
            | ErrorKind::Credential
            | ErrorKind::Throttled
            | ErrorKind::Unavailable
            | ErrorKind::Transport
            | ErrorKind::TimedOut
            | ErrorKind::UnexpectedResponse
            | ErrorKind::Settings => false,
        }
    }

    /// Whether the call may have been carried out although it failed: one of its attempts, not only the last, may have
    /// reached the cloud and its answer been lost, or been none of this API. Look before making the thing anew. False if
    /// every attempt was refused or never sent.
    pub fn is_ambiguous(&self) -> bool {
        self.0.ambiguous
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        write!(f, "{}: ", inner.action)?;
        // A time-out's message names the last answer's code already.
        if let Some(code) = inner.code.as_ref().filter(|_| inner.kind != ErrorKind::TimedOut) {
            write!(f, "{code}: ")?;
        }
        let cut = if self.long_message().is_some() { "…" } else { "" };
        write!(f, "{}{cut}", self.shown_message())?;
        if let Some(request_id) = &inner.request_id {
            write!(f, " (request id {request_id})")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        f.debug_struct("Error")
            .field("kind", &inner.kind)
            .field("action", &inner.action)
            .field("code", &inner.code)
            .field("message", &inner.message)
            .field("request_id", &inner.request_id)
            .field("status", &inner.status)
            .field("ambiguous", &inner.ambiguous)
            .field("source", &inner.source)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// A text on one line, without control characters, cut to a number of characters.
pub(crate) fn one_line(text: &str, longest: usize) -> String {
    let mut line = String::new();
    for (index, word) in text
        .split(|character: char| character.is_whitespace() || character.is_control())
        .filter(|word| !word.is_empty())
        .enumerate()
    {
        if index > 0 {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > longest * 4 {
            break;
        }
    }
    match line.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: &str, status: u16, kind: ErrorKind, class: Class) {
        assert_eq!(classify(&[], code, status), (kind, class), "{code} {status}");
    }

    #[test]
    fn any_code_with_throttling_in_it_slows_down() {
        check("Throttling.Something.New", 400, ErrorKind::Throttled, Class::Throttle);
        check("Rejected.Throttling", 503, ErrorKind::Throttled, Class::Throttle);
    }

    #[test]
    fn an_unknown_code_at_5xx_is_resent_and_at_4xx_is_not() {
        check("Brand.New", 502, ErrorKind::Unavailable, Class::Backoff);
        check("Brand.New", 404, ErrorKind::InvalidRequest, Class::Fatal);
    }

    #[test]
    fn the_code_counts_and_not_the_status() {
        check("InvalidAccessKeyId.NotFound", 404, ErrorKind::Credential, Class::Fatal);
        check("InvalidAccessKeyId.NotFound", 400, ErrorKind::Credential, Class::Fatal);
        check("InvalidResourceGroup.NotFound", 404, ErrorKind::InvalidRequest, Class::Fatal);
        check("ServiceUnavailable", 500, ErrorKind::Unavailable, Class::Backoff);
        check("InvalidImageId.NotFound", 400, ErrorKind::NotFound, Class::Fatal);
    }

    #[test]
    fn families_have_their_kind() {
        check("Forbidden.Whatever", 403, ErrorKind::Denied, Class::Fatal);
        check("QuotaExceed.Image", 403, ErrorKind::Quota, Class::Fatal);
        check("ImageFamilyQuotaFull", 400, ErrorKind::Quota, Class::Fatal);
        check("ImageUsingByInstance", 403, ErrorKind::Conflict, Class::Fatal);
        check("MissingParameter.RegionId", 404, ErrorKind::InvalidRequest, Class::Fatal);
        check("OperationDeined.ImageUsingByInstance", 403, ErrorKind::InvalidRequest, Class::Fatal);
    }

    #[test]
    fn an_action_may_wait_for_what_others_may_not() {
        let rules = [Rule::wait("IncorrectInstanceStatus")];
        assert_eq!(classify(&rules, "IncorrectInstanceStatus", 400), (ErrorKind::Conflict, Class::Wait));
        check("IncorrectInstanceStatus", 400, ErrorKind::Conflict, Class::Fatal);
    }

    #[test]
    fn no_code_has_two_rules() {
        for (index, rule) in CODES.iter().enumerate() {
            assert!(CODES[..index].iter().all(|other| other.code != rule.code), "{}", rule.code);
        }
    }

    #[test]
    fn display_is_one_line_without_the_source() {
        let error = Error::new(ErrorKind::Denied, Class::Fatal, "CreateImage", "not authorized")
            .with_code("Forbidden.RAM")
            .with_request_id(Some("4C46".to_owned()))
            .with_source(Arc::new(Error::settings("inner")));
        assert_eq!(error.to_string(), "CreateImage: Forbidden.RAM: not authorized (request id 4C46)");
    }

    #[test]
    fn a_long_message_is_cut_and_kept() {
        let said = format!("not matched; server string to sign is: {}", "POST&%2F&".repeat(100));
        let error = Error::new(ErrorKind::Credential, Class::Fatal, "CreateImage", said.clone());
        let line = error.to_string();
        assert!(line.starts_with("CreateImage: not matched; server string") && line.ends_with('…'), "{line}");
        assert_eq!(line.chars().count(), "CreateImage: ".len() + SHOWN + 1);
        assert_eq!(error.long_message(), Some(said.as_str()));
    }

    #[test]
    fn a_time_out_names_duration_attempts_and_the_last_answer() {
        let last = Error::new(ErrorKind::Throttled, Class::Throttle, "CreateImage", "slow down")
            .with_code("Throttling.User")
            .with_request_id(Some("ID".to_owned()));
        let error = Error::timed_out("CreateImage", Duration::from_secs(600), 37, Some(last));
        assert_eq!(
            error.to_string(),
            "CreateImage: time ran out after 600.0 s and 37 attempts; the last answer was Throttling.User (request id ID)"
        );
        assert_eq!(error.code(), Some("Throttling.User"));
        assert!(std::error::Error::source(&error).is_some());
    }
}
