//! OSS: the buckets that images are imported from and exported to, as far as its own clients see them.
//!
//! A request is one of OSS if its Authorization header begins with `OSS`, if its host names a bucket, or if its path begins
//! with a bucket that exists. `<bucket>.oss-<region>.…` and `<bucket>.localhost` are such hosts; with any other host, an
//! address above all, the path is `/<bucket>/<object>`. An address tells no region, and need not: names of buckets are unique
//! in the world. A host that tells another region than the bucket's is refused.
//!
//! HeadObject, GetObjectMeta, GetObject, PutObject, DeleteObject, ListObjects and ListObjectsV2 are served, with signature
//! version 1 in the header. Everything else is `NotImplemented`: signed addresses, version 4, ranges that must be kept to,
//! delimiters, versions of objects, and making or removing a bucket. The limit of `--calls-per-second` is not OSS's.
//!
//! Of an object that an export wrote or that the stock has, only the size is known, so GetObject is `NotImplemented` for it.

mod access;
mod call;
mod objects;
mod shown;

pub(crate) use access::authenticate;
pub(crate) use call::{Call, serves};
pub(crate) use shown::refusal;

use crate::answer::{Answer, Failure};
use crate::world::World;

/// Whether the path begins with a bucket that exists.
pub(crate) fn has_bucket(world: &mut World, path: &str) -> bool {
    let bucket = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    world.state.bucket(bucket).is_some()
}

/// Carries out what the call asks for.
pub(crate) fn act(world: &mut World, call: &Call) -> Result<Answer, Failure> {
    let (now, at_once) = (world.now(), world.options.copies_at_once());
    world.state.settle(now, at_once);
    let answer = objects::carry_out(&mut world.state, call, now)?;
    if call.changes() {
        world.save().map_err(|error| crate::answer::failure(500, "InternalError", error.to_string()))?;
    }
    Ok(answer)
}
