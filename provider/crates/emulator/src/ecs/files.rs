//! What ImportImage and ExportImage have in common: their region, their role, their bucket, and why they fail later.

use crate::action::Context;
use crate::answer::{Failure, failure};
use crate::fault::Kind;
use crate::params::Params;
use crate::state::State;
use crate::state::bucket::Bucket;
use crate::state::task::Reason;

/// The one role that the account does not have.
const MISSING_ROLE: &str = "missing-role";

/// What has to do with tasks says 400 for an unknown region; the other actions say 404.
pub(super) fn region_id<'a>(context: &Context<'a>) -> Result<&'a str, Failure> {
    context.region_id().map_err(|failure| Failure { status: 400, ..failure })
}

pub(super) fn check_role(params: &Params, default: &str) -> Result<(), Failure> {
    let role = params.text("RoleName").unwrap_or(default);
    if role == MISSING_ROLE {
        let message =
            format!("ECS may not assume the RAM role \"{role}\", which is needed to use the bucket.");
        // The cloud spells it so.
        return Err(failure(403, "NoSetRoletoECSServiceAcount", message));
    }
    Ok(())
}

/// A bucket that ECS may use from that region.
pub(super) fn usable_bucket<'s>(
    state: &'s mut State,
    name: &str,
    region: &str,
) -> Result<&'s mut Bucket, Failure> {
    let bucket = state.bucket(name).filter(|bucket| bucket.is_in(region)).ok_or_else(|| {
        let message = format!("The specified OSSBucket \"{name}\" does not exist in the region {region}.");
        failure(400, "InvalidOSSBucket.NotFound", message)
    })?;
    if bucket.forbidden {
        let message = format!("ECS has no right to the bucket \"{name}\".");
        return Err(failure(403, "InvalidOSS.NotAuthorized", message));
    }
    if bucket.encrypted {
        let message = format!("The bucket \"{name}\" is encrypted, which is not supported.");
        return Err(failure(403, "InvalidOSSBucket.EncryptUnsupported", message));
    }
    Ok(bucket)
}

pub(super) fn needs_restore(bucket: &str, object: &str) -> Failure {
    let message = format!("The object \"{object}\" in \"{bucket}\" is archived and must be restored first.");
    failure(400, "InvalidOSSObject.NeedRestore", message)
}

/// Why a task that starts now is to fail, if a fault says that it does: for the fault's reason, or for this one.
pub(super) fn fails_later(context: &Context<'_>, code: &str, message: &str) -> Option<Reason> {
    let (given_code, given_message) = context.fault_of(Kind::FailLater)?.reason();
    Some(Reason {
        code: given_code.unwrap_or(code).to_owned(),
        message: given_message.unwrap_or(message).to_owned(),
    })
}
