//! What exports leave in buckets once they are done.

use std::collections::BTreeMap;

use crate::clock::Millis;
use crate::state::bucket::{Bucket, Object};
use crate::state::region::Region;
use crate::state::task::{Reason, Task};

/// Writes what every export that is over has to write. An export whose bucket is gone by then fails.
pub(super) fn write(
    regions: &mut BTreeMap<String, Region>,
    buckets: &mut BTreeMap<String, Bucket>,
    now: Millis,
) {
    let due = |task: &&mut Task| {
        task.is_over(now) && !task.is_written && task.failure.is_none() && !task.exports.is_empty()
    };
    for task in regions.values_mut().flat_map(|region| &mut region.tasks).filter(due) {
        task.is_written = true;
        let modified = task.ends_at();
        for export in &task.exports {
            match buckets.get_mut(&export.bucket).filter(|bucket| !bucket.gone) {
                Some(bucket) => {
                    bucket.objects.insert(export.object.clone(), Object::of_size(export.size, modified));
                }
                None => {
                    task.failure = Some(Reason {
                        code: "InvalidOSSBucket.NotFound".to_owned(),
                        message: format!("The bucket \"{}\" does not exist.", export.bucket),
                    });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::task::Export;

    fn export() -> Task {
        let export =
            Export { bucket: "b".to_owned(), object: "o".to_owned(), format: "raw".to_owned(), size: 9 };
        Task { created: 0, build: 10, exports: vec![export], ..Task::default() }
    }

    /// The bucket, and whether the task is Finished, at `now`.
    fn at(now: Millis, task: Task, bucket: Bucket) -> (Bucket, &'static str) {
        let mut regions =
            BTreeMap::from([("r".to_owned(), Region { tasks: vec![task], ..Region::default() })]);
        let mut buckets = BTreeMap::from([("b".to_owned(), bucket)]);
        write(&mut regions, &mut buckets, now);
        (buckets.remove("b").expect("there"), regions["r"].tasks[0].status(now))
    }

    #[test]
    fn an_export_writes_once_it_is_done_and_only_once() {
        assert!(at(9, export(), Bucket::default()).0.objects.is_empty());
        let (bucket, status) = at(15, export(), Bucket::default());
        assert_eq!(bucket.objects["o"].modified, 10);
        assert_eq!((bucket.objects["o"].size, status), (9, "Finished"));
        let region = Region { tasks: vec![export()], ..Region::default() };
        let mut regions = BTreeMap::from([("r".to_owned(), region)]);
        let mut buckets = BTreeMap::from([("b".to_owned(), Bucket::default())]);
        write(&mut regions, &mut buckets, 15);
        let objects = |bucket: &mut Bucket| std::mem::take(&mut bucket.objects).len();
        assert_eq!(buckets.get_mut("b").map(objects), Some(1));
        write(&mut regions, &mut buckets, 16);
        assert_eq!(buckets.get_mut("b").map(objects), Some(0), "what was deleted stays so");
    }

    #[test]
    fn an_export_that_failed_or_has_no_bucket_writes_nothing() {
        let reason = Reason { code: "X".to_owned(), message: String::new() };
        let failed = Task { failure: Some(reason), ..export() };
        assert!(at(15, failed, Bucket::default()).0.objects.is_empty());
        let (bucket, status) = at(15, export(), Bucket { gone: true, ..Bucket::default() });
        assert!(bucket.objects.is_empty());
        assert_eq!(status, "Failed");
    }
}
