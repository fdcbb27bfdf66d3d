//! Looks at images: all looks that are wanted within a few milliseconds go out as one DescribeImages.
//!
//! That `ImageId` takes several ids is documented by an older help page only. So nothing is concluded from an image's
//! absence from such an answer: that image is asked for alone. A cloud that refuses lists, or answers about one of their images
//! at the most, is sent none from then on. One that answers about several of them is still sent lists, and what it leaves out is asked for alone
//! each time, or in a list of its own if the answer says that it is a part.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aliyun::ErrorKind;
use aliyun::ecs::{DescribeImagesRequest, DescribeImagesResponse, Image as Described, Status};
use pulumi::{Context, Failure};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::ecs::images::gather;
use crate::failure;

/// The most images that one DescribeImages answers about: its largest page.
const MOST_IDS: usize = 100;
/// How far apart two lists of images known to be visible must be that both leave one out, until lists are no longer sent: an
/// image may have been deleted meanwhile, or one replica of the cloud may lag behind.
const DOUBTS_APART: Duration = Duration::from_secs(1);
/// For how long such a list is waited for. Nobody waits for it.
const JUDGEMENT: Duration = Duration::from_secs(10);

/// What all looks of a client share. Clones are one.
#[derive(Debug, Clone)]
pub(crate) struct Looks(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    api: aliyun::Client,
    /// Looks in other regions, by region.
    elsewhere: Mutex<BTreeMap<String, Looks>>,
    queue: Mutex<Vec<Wanted>>,
    /// Whether the cloud is known to take lists, as one has shown two images.
    takes_lists: AtomicBool,
    /// Whether it is known not to.
    one_by_one: AtomicBool,
    /// When a list of images known to be visible has first left one out.
    doubted: Mutex<Option<Instant>>,
    /// When a glance was last turned into a look to learn of lists.
    probed: Mutex<Option<Instant>>,
    /// The images that the lists of the last round have left out, so that they were asked for alone.
    left_out: Mutex<HashSet<String>>,
    /// How many of them the round before had left out as well.
    left_out_again: AtomicUsize,
    waiting: AtomicUsize,
    /// How many calls those who wait make beside each look at their images.
    beside: AtomicUsize,
}

/// How much a look is to be relied on.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Care {
    /// An image that is missing from a list is asked for alone.
    Sure,
    /// It is not: a thousand new images that are not visible yet would be a thousand calls.
    Glance,
}

/// A look that is wanted.
#[derive(Debug)]
struct Wanted {
    id: String,
    care: Care,
    deadline: Instant,
    answer: oneshot::Sender<Look>,
}

impl Wanted {
    /// Whether the operation has not been interrupted, and its time is not up.
    fn is_awaited(&self) -> bool {
        !self.answer.is_closed()
    }
}

type Look = Result<Option<Described>, Unseen>;

/// Why a look says nothing about the image.
#[derive(Debug, Clone)]
enum Unseen {
    Error(aliyun::Error),
    /// The answer is about other images.
    Others,
    /// There was no answer in time.
    Late,
}

/// One operation that waits for an image, until it is dropped.
#[derive(Debug)]
pub(crate) struct Waiting {
    inner: Arc<Inner>,
    beside: usize,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.inner.waiting.fetch_sub(1, Ordering::Relaxed);
        self.inner.beside.fetch_sub(self.beside, Ordering::Relaxed);
    }
}

impl Looks {
    /// Looks through `api`, at images in every status.
    pub(crate) fn new(api: aliyun::Client) -> Looks {
        Looks(Arc::new(Inner {
            api,
            elsewhere: Mutex::default(),
            queue: Mutex::default(),
            takes_lists: AtomicBool::new(false),
            one_by_one: AtomicBool::new(false),
            doubted: Mutex::default(),
            probed: Mutex::default(),
            left_out: Mutex::default(),
            left_out_again: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            beside: AtomicUsize::new(0),
        }))
    }

    /// Looks at images in that region, which are shared with all others there.
    ///
    /// # Errors
    /// If there can be no such region.
    pub(crate) fn in_region(&self, region: &str) -> Result<Looks, aliyun::Error> {
        if region == self.0.api.region() {
            return Ok(self.clone());
        }
        let mut elsewhere = self.0.elsewhere.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(looks) = elsewhere.get(region) {
            return Ok(looks.clone());
        }
        let looks = Looks::new(self.0.api.in_region(region)?);
        elsewhere.insert(region.to_owned(), looks.clone());
        Ok(looks)
    }

    /// Notes that one more operation waits, and how many calls each of its looks takes beside the look at the image.
    pub(crate) fn wait(&self, beside: usize) -> Waiting {
        self.0.waiting.fetch_add(1, Ordering::Relaxed);
        self.0.beside.fetch_add(beside, Ordering::Relaxed);
        Waiting { inner: Arc::clone(&self.0), beside }
    }

    /// How many calls it takes to look at everything that is waited for.
    pub(crate) fn calls(&self) -> usize {
        let images = self.0.waiting.load(Ordering::Relaxed);
        let calls = match self.0.one_by_one.load(Ordering::Relaxed) {
            true => images,
            false => images.div_ceil(MOST_IDS) + self.0.left_out_again.load(Ordering::Relaxed).min(images),
        };
        calls + self.0.beside.load(Ordering::Relaxed)
    }

    /// The image as DescribeImages has it, or `None` if the answer is that there is none.
    ///
    /// # Errors
    /// What the cloud answers instead, an answer about other images, none within the operation's time, or an interruption.
    pub(crate) async fn describe(&self, context: &Context, id: &str) -> Result<Option<Described>, Failure> {
        self.look(context, id, Care::Sure, None).await
    }

    /// As [`describe`](Self::describe), with less time than the operation has.
    ///
    /// # Errors
    /// As of [`describe`](Self::describe).
    pub(crate) async fn describe_within(
        &self,
        context: &Context,
        id: &str,
        limit: Duration,
    ) -> Result<Option<Described>, Failure> {
        self.look(context, id, Care::Sure, Some(limit)).await
    }

    /// As [`describe`](Self::describe), for those who conclude nothing from `None`: it may also be that a list left the image
    /// out.
    ///
    /// # Errors
    /// As of [`describe`](Self::describe).
    pub(crate) async fn glance(&self, context: &Context, id: &str) -> Result<Option<Described>, Failure> {
        self.look(context, id, Care::Glance, None).await
    }

    async fn look(
        &self,
        context: &Context,
        id: &str,
        care: Care,
        limit: Option<Duration>,
    ) -> Result<Option<Described>, Failure> {
        let ends = context.deadline();
        let deadline = limit.map_or(ends, |limit| ends.min(Instant::now() + limit));
        match context.unless_cancelled(self.answer(id, deadline, care)).await? {
            Ok(seen) => Ok(seen),
            Err(Unseen::Error(error)) => Err(failure::cloud(error)),
            Err(Unseen::Others) => Err(Failure::Refused(format!(
                "DescribeImages was asked for image {id} and answered with others"
            ))),
            Err(Unseen::Late) => Err(Failure::Refused(match limit {
                Some(limit) => {
                    format!("DescribeImages did not answer about image {id} within {} s", limit.as_secs())
                }
                None => format!(
                    "DescribeImages did not answer about image {id} within the {} s of this operation",
                    context.time_limit().as_secs()
                ),
            })),
        }
    }

    async fn answer(&self, id: &str, deadline: Instant, care: Care) -> Look {
        let answered = self.join_queue(id, deadline, care);
        gather::answer(answered, deadline).await.unwrap_or(Err(Unseen::Late))
    }

    /// Not async itself: every look would have room for a round, though one of them spawns it.
    fn join_queue(&self, id: &str, deadline: Instant, care: Care) -> oneshot::Receiver<Look> {
        let (answer, answered) = oneshot::channel();
        let queued = {
            let mut queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.push(Wanted { id: id.to_owned(), care, deadline, answer });
            queue.len()
        };
        // The first look of a round sends the round; the last that fits hastens it.
        let inner = Arc::clone(&self.0);
        let round = async move { inner.answer_queue().await };
        match queued {
            1 => gather::begin(round),
            MOST_IDS => gather::hasten(round),
            _ => {}
        }
        answered
    }
}

impl Inner {
    async fn answer_queue(&self) {
        let round = std::mem::take(&mut *self.queue.lock().unwrap_or_else(PoisonError::into_inner));
        let mut wanted: BTreeMap<String, Vec<Wanted>> = BTreeMap::new();
        for look in round.into_iter().filter(Wanted::is_awaited) {
            wanted.entry(look.id.clone()).or_default().push(look);
        }
        let mut lists = Vec::new();
        while !wanted.is_empty() {
            let rest = match wanted.keys().nth(MOST_IDS).cloned() {
                Some(first) => wanted.split_off(&first),
                None => BTreeMap::new(),
            };
            lists.push(self.answer(std::mem::replace(&mut wanted, rest)));
        }
        let listed: Vec<Outcome> = futures::future::join_all(lists).await.into_iter().flatten().collect();
        let mut doubts = Vec::new();
        if !listed.is_empty() {
            let mut left_out = HashSet::new();
            for outcome in listed {
                left_out.extend(outcome.left_out);
                doubts.extend(outcome.doubt);
            }
            self.note_left_out(left_out);
        }
        // Once all have their answers.
        if let Some(doubt) = doubts.into_iter().next() {
            self.judge(doubt).await;
        }
    }

    /// Counts the images that two rounds in a row have left out: each costs a call of its own every time. What is left out once
    /// was most likely deleted, or has become visible since.
    fn note_left_out(&self, now: HashSet<String>) {
        let mut left_out = self.left_out.lock().unwrap_or_else(PoisonError::into_inner);
        self.left_out_again.store(now.intersection(&left_out).count(), Ordering::Relaxed);
        *left_out = now;
    }

    /// Answers looks at a hundred images at the most. `None` if there was nothing to learn of lists.
    async fn answer(&self, mut wanted: BTreeMap<String, Vec<Wanted>>) -> Option<Outcome> {
        if wanted.len() < 2 || self.one_by_one.load(Ordering::Relaxed) {
            self.answer_alone(wanted).await;
            return None;
        }
        let ids: Vec<String> = wanted.keys().cloned().collect();
        let listed = self.answer_by_lists(&mut wanted).await;
        let found: Vec<String> = ids.into_iter().filter(|id| !wanted.contains_key(id)).collect();
        let other = wanted.keys().next_back().cloned();
        if listed == Listed::Answered {
            self.answer_glances(&mut wanted);
        }
        let alone = self.answer_alone(wanted).await;
        let left_out: Vec<String> = alone.iter().map(|look| look.id.clone()).collect();
        let mut doubt = None;
        match listed {
            Listed::Failed => return None,
            // Those that were asked for alone have shown nothing of lists either.
            Listed::Refused { .. } if !alone.iter().any(|look| look.answered) => return None,
            // It is about one of these images, as lists are taken.
            Listed::Refused { .. } if self.takes_lists.load(Ordering::Relaxed) => {}
            Listed::Refused { is_clear: true } => self.look_one_by_one(),
            Listed::Refused { is_clear: false } => self.doubt(),
            Listed::Answered if found.len() > 1 || !alone.iter().any(|look| look.seen) => {}
            Listed::Answered => {
                let (seen, absent): (Vec<Alone>, Vec<Alone>) = alone.into_iter().partition(|look| look.seen);
                doubt = Some(Doubt {
                    visible: found.into_iter().chain(seen.into_iter().map(|look| look.id)).collect(),
                    other: absent.into_iter().next().map(|look| look.id).or(other),
                });
            }
        }
        Some(Outcome { left_out, doubt })
    }

    /// Answers what a call for all of them shows. What is left in `wanted` is to be asked for alone.
    async fn answer_by_lists(&self, wanted: &mut BTreeMap<String, Vec<Wanted>>) -> Listed {
        let deadline = wanted.values().map(|looks| latest(looks)).max().unwrap_or_else(Instant::now);
        loop {
            let ids: Vec<&str> = wanted.keys().map(String::as_str).collect();
            let answer = match self.ask(&ids, deadline).await {
                Ok(answer) => answer,
                Err(error) if is_about_the_list(&error) => {
                    return Listed::Refused { is_clear: error.kind() != ErrorKind::UnexpectedResponse };
                }
                Err(error) => {
                    for looks in std::mem::take(wanted).into_values() {
                        reply(looks, &Err(Unseen::Error(error.clone())));
                    }
                    return Listed::Failed;
                }
            };
            let asked = wanted.len();
            let is_part = answer.total_count.is_some_and(|total| total > answer.images.len() as i64);
            for image in answer.images {
                if let Some(looks) = image.image_id.as_ref().and_then(|id| wanted.remove(id)) {
                    reply(looks, &Ok(Some(image)));
                }
            }
            let shown = asked - wanted.len();
            if shown > 1 {
                self.takes_lists.store(true, Ordering::Relaxed);
            }
            // A page may be shorter than was asked for.
            if !is_part || shown < 2 || wanted.len() < 2 {
                return Listed::Answered;
            }
        }
    }

    /// Answers glances at images that a list has left out. One of them is asked for all the same if that is to show whether
    /// lists can be relied on.
    fn answer_glances(&self, wanted: &mut BTreeMap<String, Vec<Wanted>>) {
        let is_glance = |looks: &[Wanted]| looks.iter().all(|look| look.care == Care::Glance);
        let is_known =
            self.takes_lists.load(Ordering::Relaxed) || !wanted.values().all(|looks| is_glance(looks));
        let probes = usize::from(!is_known && self.may_probe());
        let unsure: Vec<String> = wanted
            .iter()
            .filter(|(_, looks)| is_glance(looks))
            .map(|(id, _)| id.clone())
            .skip(probes)
            .collect();
        for id in unsure {
            reply(wanted.remove(&id).unwrap_or_default(), &Ok(None));
        }
    }

    /// At most one probe a second, as doubts closer together count as one: the first looks at new images all come within the
    /// first second.
    fn may_probe(&self) -> bool {
        let mut probed = self.probed.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = probed.is_none_or(|last| last.elapsed() >= DOUBTS_APART);
        if is_due {
            *probed = Some(Instant::now());
        }
        is_due
    }

    async fn answer_alone(&self, mut wanted: BTreeMap<String, Vec<Wanted>>) -> Vec<Alone> {
        for looks in wanted.values_mut() {
            looks.retain(Wanted::is_awaited);
        }
        wanted.retain(|_, looks| !looks.is_empty());
        let alone = wanted.into_iter().map(async |(id, looks)| {
            let look = self.look_alone(&id, latest(&looks)).await;
            let (seen, answered) = (matches!(look, Ok(Some(_))), look.is_ok());
            reply(looks, &look);
            Alone { id, seen, answered }
        });
        futures::future::join_all(alone).await
    }

    /// Decides whether the cloud takes lists, by one of images that are known to be visible. What another list left out and was
    /// seen alone may have become visible in between, so nothing follows from that one.
    async fn judge(&self, doubt: Doubt) {
        if self.takes_lists.load(Ordering::Relaxed) || self.one_by_one.load(Ordering::Relaxed) {
            return;
        }
        let known: Vec<&str> = doubt.visible.iter().map(String::as_str).take(2).collect();
        // Before those that have to be in the answer: it may be about the first of a list alone, or about none if it does not
        // know one of them.
        let other = doubt.other.as_deref().filter(|other| !known.contains(other));
        let list: Vec<&str> = other.into_iter().chain(known.iter().copied()).collect();
        match self.ask(&list, Instant::now() + JUDGEMENT).await {
            Ok(answer) => {
                let shown =
                    |id: &&&str| answer.images.iter().any(|image| image.image_id.as_deref() == Some(**id));
                match known.iter().filter(shown).count() {
                    2 => self.takes_lists.store(true, Ordering::Relaxed),
                    shown if shown == known.len() => {}
                    _ => self.doubt(),
                }
            }
            Err(error) if error.kind() == ErrorKind::UnexpectedResponse => self.doubt(),
            Err(error) if is_about_the_list(&error) => self.look_one_by_one(),
            // It says nothing about lists.
            Err(_) => {}
        }
    }

    /// Notes a reason to think that the cloud takes no lists. The second one that is not of the same moment decides it.
    fn doubt(&self) {
        let now = Instant::now();
        let first = *self.doubted.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(now);
        if now.duration_since(first) >= DOUBTS_APART {
            self.look_one_by_one();
        }
    }

    fn look_one_by_one(&self) {
        // A list may have shown two images since the doubt.
        let is_proven = self.takes_lists.load(Ordering::Relaxed);
        if !is_proven && !self.one_by_one.swap(true, Ordering::Relaxed) {
            tracing::debug!(
                "DescribeImages takes one ImageId at a time here: images are looked at one by one"
            );
        }
    }

    async fn look_alone(&self, id: &str, deadline: Instant) -> Look {
        match self.ask(&[id], deadline).await {
            Ok(answer) if answer.images.is_empty() => Ok(None),
            Ok(answer) => {
                let image = answer.images.into_iter().find(|image| image.image_id.as_deref() == Some(id));
                // An answer about other images says nothing about this one.
                image.map(Some).ok_or(Unseen::Others)
            }
            Err(error) if error.is_image_not_found() => Ok(None),
            Err(error) => Err(Unseen::Error(error)),
        }
    }

    async fn ask(&self, ids: &[&str], deadline: Instant) -> Result<DescribeImagesResponse, aliyun::Error> {
        let request = DescribeImagesRequest {
            image_id: Some(ids.join(",")),
            status: Status::Every,
            // One image has room on any page.
            page_size: (ids.len() > 1).then_some(MOST_IDS as u32),
            ..DescribeImagesRequest::default()
        };
        self.api.describe_images(&request, deadline).await
    }
}

/// What came of asking for several images at once.
#[derive(Debug, PartialEq)]
enum Listed {
    Answered,
    /// Whether in the words of the API.
    Refused {
        is_clear: bool,
    },
    /// All of them have the error.
    Failed,
}

/// What a list of several images has come to.
#[derive(Debug)]
struct Outcome {
    /// The images that it has left out and that were asked for alone.
    left_out: Vec<String>,
    doubt: Option<Doubt>,
}

/// A list has shown one image at the most, though others are there.
#[derive(Debug)]
struct Doubt {
    visible: Vec<String>,
    /// Of the same list.
    other: Option<String>,
}

/// What came of asking for an image alone.
#[derive(Debug)]
struct Alone {
    id: String,
    seen: bool,
    answered: bool,
}

/// Whether an error may be about there being several ids, or about one of them, rather than about any call.
fn is_about_the_list(error: &aliyun::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound
            | ErrorKind::Conflict
            | ErrorKind::InvalidRequest
            | ErrorKind::Denied
            | ErrorKind::UnexpectedResponse
    )
}

fn latest(looks: &[Wanted]) -> Instant {
    looks.iter().map(|look| look.deadline).max().unwrap_or_else(Instant::now)
}

fn reply(looks: Vec<Wanted>, look: &Look) {
    for wanted in looks {
        // Who has been interrupted no longer listens.
        let _ = wanted.answer.send(look.clone());
    }
}

#[cfg(test)]
mod tests {
    use aliyun::testing::{Reply, Sent, Stub, client, hang, ok, refuse};
    use futures::future::join_all;
    use serde_json::Value as Json;
    use tokio::time::sleep;

    use super::*;
    use crate::ecs::images::test_cloud::{Cloud, State, no_images, within};

    fn ids_of(sent: &Sent) -> Vec<String> {
        sent.param("ImageId").split(',').map(str::to_owned).collect()
    }

    /// A cloud with so many images, which answers lists of ids otherwise.
    fn cloud(images: usize, of_a_list: fn(&Sent, &mut State) -> Option<Reply>) -> Cloud {
        let cloud = Cloud::otherwise(move |sent, state| {
            (ids_of(sent).len() > 1).then(|| of_a_list(sent, state)).flatten()
        });
        for index in 1..=images {
            cloud.holds(&format!("m-{index}"), &format!("name-{index}"));
        }
        cloud
    }

    /// What looks at all of these at once show: which of the images are there.
    async fn look(cloud: &Cloud, ids: &[&str], care: Care) -> Vec<Result<bool, String>> {
        let context = within(60);
        let looks = ids.iter().map(|id| cloud.client.looks.look(&context, id, care, None));
        let seen = join_all(looks).await.into_iter();
        seen.map(|look| look.map(|seen| seen.is_some()).map_err(|failure| failure.to_string())).collect()
    }

    fn asked(cloud: &Cloud) -> Vec<String> {
        cloud.stub.sent().iter().map(|sent| sent.param("ImageId").to_owned()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn looks_of_one_moment_are_one_call() {
        let cloud = cloud(3, |_, _| None);
        let seen = look(&cloud, &["m-1", "m-2", "m-3", "m-2"], Care::Sure).await;
        assert_eq!(seen, vec![Ok(true); 4]);
        assert_eq!(asked(&cloud), ["m-1,m-2,m-3"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_waits_a_moment_for_others() {
        let cloud = cloud(2, |_, _| None);
        let later = async {
            sleep(Duration::from_millis(2)).await;
            look(&cloud, &["m-2"], Care::Sure).await
        };
        tokio::join!(look(&cloud, &["m-1"], Care::Sure), later);
        assert_eq!(asked(&cloud), ["m-1,m-2"]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_comes_too_late_for_one_is_not_waited_for() {
        let cloud = cloud(2, |sent, state| {
            Some(ok(&state.describe(sent).to_string()).after(Duration::from_secs(35)))
        });
        let (began, short, long) = (Instant::now(), within(30), within(600));
        let ended = async {
            let look = cloud.client.looks.describe(&short, "m-1").await;
            (look, began.elapsed())
        };
        let ((look, took), other) = tokio::join!(ended, cloud.client.looks.describe(&long, "m-2"));
        assert_eq!(
            look.unwrap_err().to_string(),
            "DescribeImages did not answer about image m-1 within the 30 s of this operation"
        );
        assert_eq!(took.as_secs(), 30);
        assert!(other.unwrap().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_asks_for_a_hundred_images_at_most() {
        let cloud = cloud(101, |_, _| None);
        let ids: Vec<String> = (1..=101).map(|index| format!("m-{index}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        assert_eq!(look(&cloud, &ids, Care::Sure).await, vec![Ok(true); 101]);
        let sizes: Vec<usize> = cloud.stub.sent().iter().map(|sent| ids_of(sent).len()).collect();
        assert_eq!(sizes, [100, 1]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_nothing_is_answered_to_delays_none_of_another_list() {
        let cloud = Cloud::otherwise(|sent, _| (sent.param("ImageId") == "m-101").then(hang));
        // Of which the last list has m-200 alone.
        let ids: Vec<String> = (100..=200).map(|index| format!("m-{index}")).collect();
        for id in ids.iter().filter(|id| *id != "m-101") {
            cloud.holds(id, id);
        }
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let seen = look(&cloud, &ids, Care::Sure).await;
        let unseen: Vec<&str> =
            ids.iter().zip(seen).filter(|(_, seen)| *seen != Ok(true)).map(|(id, _)| *id).collect();
        assert_eq!(unseen, ["m-101"]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_been_interrupted_is_looked_for_no_more() {
        let cloud = cloud(3, |_, _| None);
        let interrupted = within(60);
        let (gone, seen) = tokio::join!(cloud.client.looks.describe(&interrupted, "m-3"), async {
            tokio::task::yield_now().await;
            interrupted.cancel();
            look(&cloud, &["m-1", "m-2"], Care::Sure).await
        },);
        assert!(matches!(gone, Err(Failure::Cancelled(_))), "{gone:?}");
        assert_eq!((seen, asked(&cloud)), (vec![Ok(true); 2], vec!["m-1,m-2".to_owned()]));
    }

    #[tokio::test(start_paused = true)]
    async fn looks_in_another_region_are_shared_there() {
        let cloud = Cloud::otherwise(|_, _| {
            let images = r#"{"Image":[{"ImageId":"m-1"},{"ImageId":"m-2"}]}"#;
            Some(ok(&format!(r#"{{"RequestId":"R","TotalCount":2,"Images":{images}}}"#)))
        });
        let here = &cloud.client.looks;
        let context = within(60);
        let there = [here.in_region("cn-beijing").unwrap(), here.in_region("cn-beijing").unwrap()];
        let (one, other) =
            tokio::join!(there[0].describe(&context, "m-1"), there[1].describe(&context, "m-2"));
        assert!(one.unwrap().is_some() && other.unwrap().is_some());
        let sent = cloud.stub.sent();
        assert_eq!(
            (sent.len(), sent[0].param("RegionId"), sent[0].param("ImageId")),
            (1, "cn-beijing", "m-1,m-2")
        );
        let own = here.in_region(cloud.client.api.region()).unwrap();
        assert!(Arc::ptr_eq(&own.0, &here.0));
    }

    #[tokio::test(start_paused = true)]
    async fn an_image_missing_from_a_list_is_asked_for_alone() {
        let cloud = cloud(2, |_, _| None);
        let seen = look(&cloud, &["m-1", "m-2", "m-9"], Care::Sure).await;
        assert_eq!(seen, [Ok(true), Ok(true), Ok(false)]);
        assert_eq!(asked(&cloud), ["m-1,m-2,m-9", "m-9"]);
    }

    #[tokio::test(start_paused = true)]
    async fn of_glances_at_images_missing_from_a_list_one_is_asked_for_alone() {
        let cloud = cloud(1, |_, _| None);
        let seen = look(&cloud, &["m-1", "m-7", "m-8", "m-9"], Care::Glance).await;
        assert_eq!(seen, [Ok(true), Ok(false), Ok(false), Ok(false)]);
        assert_eq!(asked(&cloud), ["m-1,m-7,m-8,m-9", "m-7"]);
    }

    #[tokio::test(start_paused = true)]
    async fn no_glance_is_asked_for_alone_if_that_tells_nothing_of_lists() {
        let cloud = cloud(3, |_, _| None);
        look(&cloud, &["m-1", "m-2"], Care::Sure).await;
        look(&cloud, &["m-3", "m-8", "m-9"], Care::Glance).await;
        assert_eq!(asked(&cloud), ["m-1,m-2", "m-3,m-8,m-9"]);
        let cloud = self::cloud(1, |_, _| None);
        let (sure, glances) = tokio::join!(
            look(&cloud, &["m-7"], Care::Sure),
            look(&cloud, &["m-1", "m-8", "m-9"], Care::Glance)
        );
        assert_eq!((sure, glances), (vec![Ok(false)], vec![Ok(true), Ok(false), Ok(false)]));
        assert_eq!(asked(&cloud), ["m-1,m-7,m-8,m-9", "m-7"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_cloud_that_refuses_lists_is_sent_no_second_one() {
        let cloud = cloud(2, |_, _| Some(refuse(400, "InvalidImageId.Malformed")));
        assert_eq!(look(&cloud, &["m-1", "m-2"], Care::Sure).await, [Ok(true), Ok(true)]);
        assert_eq!(look(&cloud, &["m-1", "m-2"], Care::Sure).await, [Ok(true), Ok(true)]);
        assert_eq!(asked(&cloud), ["m-1,m-2", "m-1", "m-2", "m-1", "m-2"]);
    }

    /// Looks at these again and again; how many lists are sent until none is, or all of them.
    async fn lists_sent(cloud: &Cloud, ids: &[&str], care: Care) -> usize {
        for _ in 0..6 {
            look(cloud, ids, care).await;
            // For what is asked beside the looks.
            sleep(JUDGEMENT).await;
        }
        cloud.stub.sent().iter().filter(|sent| ids_of(sent).len() > 1).count()
    }

    #[tokio::test(start_paused = true)]
    async fn a_cloud_that_leaves_out_what_is_there_is_soon_sent_no_lists() {
        fn cut(sent: &Sent, state: &mut State, cut: impl Fn(&mut Vec<Json>)) -> Option<Reply> {
            let mut answer = state.describe(sent);
            let images = answer["Images"]["Image"].as_array_mut().unwrap();
            cut(images);
            answer["TotalCount"] = images.len().into();
            Some(ok(&answer.to_string()))
        }
        let first_alone = |sent: &Sent, state: &mut State| {
            let first = ids_of(sent).remove(0);
            cut(sent, state, |images| images.retain(|image| image["ImageId"] == *first))
        };
        let one_of_them = |sent: &Sent, state: &mut State| cut(sent, state, |images| images.truncate(1));
        let none_if_one_is_unknown =
            |sent: &Sent, _: &mut State| ids_of(sent).contains(&"m-9".to_owned()).then(no_images);
        let refused_later = |sent: &Sent, _: &mut State| {
            Some(if ids_of(sent).len() > 3 { no_images() } else { refuse(400, "InvalidImageId.Malformed") })
        };
        let page_later = |sent: &Sent, _: &mut State| {
            Some(if ids_of(sent).len() > 3 { no_images() } else { ok("<html>A moment, please</html>") })
        };
        let ids = ["m-1", "m-2", "m-3", "m-9"];
        for care in [Care::Sure, Care::Glance] {
            // Two doubts, each of a list and of another one.
            assert_eq!(lists_sent(&cloud(3, first_alone), &ids, care).await, 4, "{care:?}");
            assert_eq!(lists_sent(&cloud(3, one_of_them), &ids, care).await, 4, "{care:?}");
            assert_eq!(lists_sent(&cloud(3, |_, _| Some(no_images())), &ids, care).await, 4, "{care:?}");
            assert_eq!(lists_sent(&cloud(3, none_if_one_is_unknown), &ids, care).await, 4, "{care:?}");
            assert_eq!(lists_sent(&cloud(3, refused_later), &ids, care).await, 2, "{care:?}");
            let one_a_page = cloud(3, |sent, state| clipped(1, true)(sent, state));
            assert_eq!(lists_sent(&one_a_page, &ids, care).await, 4, "{care:?}");
            // Each of these pages is asked for three times.
            assert_eq!(lists_sent(&cloud(3, page_later), &ids, care).await, 8, "{care:?}");
        }
    }

    fn clipped(most: usize, tells: bool) -> impl Fn(&Sent, &mut State) -> Option<Reply> {
        move |sent, state| {
            let mut answer = state.describe(sent);
            answer["Images"]["Image"].as_array_mut().unwrap().truncate(most);
            if !tells {
                answer["TotalCount"] = answer["Images"]["Image"].as_array().unwrap().len().into();
            }
            Some(ok(&answer.to_string()))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_short_page_has_no_room_for_is_asked_for_in_another_list() {
        let cloud = cloud(5, |sent, state| clipped(2, true)(sent, state));
        let seen = look(&cloud, &["m-1", "m-2", "m-3", "m-4", "m-5", "m-9"], Care::Sure).await;
        assert_eq!(seen, [Ok(true), Ok(true), Ok(true), Ok(true), Ok(true), Ok(false)]);
        let lists = ["m-1,m-2,m-3,m-4,m-5,m-9", "m-3,m-4,m-5,m-9", "m-5,m-9", "m-9"];
        assert_eq!(asked(&cloud), lists);
    }

    #[tokio::test(start_paused = true)]
    async fn what_lists_leave_out_time_and_again_counts_as_calls() {
        let cloud = cloud(9, |sent, state| clipped(4, false)(sent, state));
        let ids = ["m-1", "m-2", "m-3", "m-4", "m-5", "m-6", "m-7", "m-8", "m-9"];
        let waiting: Vec<Waiting> = ids.iter().map(|_| cloud.client.looks.wait(0)).collect();
        assert_eq!(cloud.client.looks.calls(), 1);
        assert_eq!(look(&cloud, &ids, Care::Sure).await, vec![Ok(true); 9]);
        // Once may be because they were just deleted, or have just become visible.
        assert_eq!((asked(&cloud).len(), cloud.client.looks.calls()), (6, 1));
        look(&cloud, &ids, Care::Sure).await;
        assert_eq!((asked(&cloud).len(), cloud.client.looks.calls()), (12, 6));
        look(&cloud, &ids[..3], Care::Sure).await;
        assert_eq!(cloud.client.looks.calls(), 1);
        drop(waiting);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_of_one_list_is_not_one_of_all() {
        // As where a policy allows a look at some images only.
        let cloud = cloud(4, |sent, _| {
            ids_of(sent).contains(&"m-4".to_owned()).then(|| refuse(403, "Forbidden.RAM"))
        });
        assert_eq!(lists_sent(&cloud, &["m-1", "m-2"], Care::Sure).await, 6);
        assert_eq!(lists_sent(&cloud, &["m-3", "m-4"], Care::Sure).await, 12);
    }

    #[tokio::test(start_paused = true)]
    async fn glances_at_new_images_ask_beside_their_list_once_a_second() {
        let cloud = cloud(0, |_, _| None);
        let mut sent = Vec::new();
        for pause in [100, 200, 600, 150, 0] {
            assert_eq!(look(&cloud, &["m-1", "m-2", "m-3"], Care::Glance).await, vec![Ok(false); 3]);
            sent.push(asked(&cloud).len());
            sleep(Duration::from_millis(pause)).await;
        }
        assert_eq!(sent, [2, 3, 4, 5, 7]);
    }

    #[tokio::test(start_paused = true)]
    async fn answers_that_are_none_must_come_twice() {
        let cloud = cloud(3, |_, _| Some(ok("<html>A moment, please</html>")));
        // Each is asked for three times.
        assert_eq!(lists_sent(&cloud, &["m-1", "m-2"], Care::Sure).await, 6);
    }

    #[tokio::test(start_paused = true)]
    async fn doubts_of_one_moment_are_one() {
        let cloud = cloud(6, |_, _| Some(no_images()));
        for ids in [["m-1", "m-2"], ["m-3", "m-4"], ["m-5", "m-6"]] {
            look(&cloud, &ids, Care::Sure).await;
        }
        let lists = || cloud.stub.sent().iter().filter(|sent| ids_of(sent).len() > 1).count();
        assert_eq!(lists(), 6);
        sleep(Duration::from_secs(1)).await;
        look(&cloud, &["m-1", "m-2"], Care::Sure).await;
        sleep(Duration::from_secs(1)).await;
        assert_eq!(lists(), 8);
        look(&cloud, &["m-1", "m-2"], Care::Sure).await;
        assert_eq!(lists(), 8);
    }

    #[tokio::test(start_paused = true)]
    async fn images_that_become_visible_between_a_list_and_a_look_alone_are_no_reason_to_send_no_lists() {
        // Once a second list has shown two of them, no other follows a list. It takes two that are known to be visible.
        for (care, lists) in [(Care::Sure, 7), (Care::Glance, 12)] {
            // As of the moment before.
            let cloud = cloud(4, |sent, _| (ids_of(sent).len() > 3).then(no_images));
            assert_eq!(lists_sent(&cloud, &["m-1", "m-2", "m-3", "m-4"], care).await, lists, "{care:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_cloud_that_has_shown_two_images_of_a_list_is_doubted_no_more() {
        let cloud = cloud(4, |sent, _| ids_of(sent).contains(&"m-4".to_owned()).then(no_images));
        assert_eq!(lists_sent(&cloud, &["m-1", "m-2"], Care::Sure).await, 6);
        assert_eq!(lists_sent(&cloud, &["m-3", "m-4"], Care::Sure).await, 12);
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_that_meets_an_error_of_another_kind_decides_nothing() {
        let cloud = cloud(3, |sent, _| {
            Some(if ids_of(sent).len() > 3 {
                no_images()
            } else {
                refuse(403, "InvalidAccessKeyId.Inactive")
            })
        });
        assert!(lists_sent(&cloud, &["m-1", "m-2", "m-3", "m-9"], Care::Sure).await >= 6);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_about_other_images_says_nothing() {
        let cloud = Cloud::otherwise(|_, _| {
            Some(ok(r#"{"RequestId":"R","TotalCount":1,"Images":{"Image":[{"ImageId":"m-2"}]}}"#))
        });
        let seen = look(&cloud, &["m-1"], Care::Sure).await;
        assert_eq!(seen, [Err("DescribeImages was asked for image m-1 and answered with others".to_owned())]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_image_not_found_is_an_absence_and_no_other_error_is() {
        let cloud = Cloud::otherwise(|sent, _| {
            Some(match sent.param("ImageId") {
                "m-gone" => refuse(404, "InvalidImageId.NotFound"),
                "m-other" => refuse(404, "InvalidSnapshotId.NotFound"),
                _ => refuse(403, "Forbidden.RAM"),
            })
        });
        assert_eq!(look(&cloud, &["m-gone"], Care::Sure).await, [Ok(false)]);
        let other = look(&cloud, &["m-other"], Care::Sure).await.remove(0).unwrap_err();
        assert!(other.contains("InvalidSnapshotId.NotFound"), "{other}");
        let denied = look(&cloud, &["m-1"], Care::Sure).await.remove(0).unwrap_err();
        assert!(denied.contains("Forbidden.RAM"), "{denied}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_that_is_about_no_image_is_everybodys() {
        let cloud = cloud(3, |_, _| Some(refuse(403, "InvalidAccessKeyId.Inactive")));
        let seen = look(&cloud, &["m-1", "m-2", "m-3"], Care::Sure).await;
        assert!(
            seen.iter().all(|look| look.as_ref().is_err_and(|text| text.contains("Inactive"))),
            "{seen:?}"
        );
        assert_eq!(asked(&cloud).len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_ends_with_the_time_of_its_operation() {
        let stub = Stub::new(|_| hang());
        let looks = Looks::new(client(&stub));
        let (began, context) = (Instant::now(), within(30));
        let text = looks.describe(&context, "m-1").await.unwrap_err().to_string();
        assert!(text.starts_with("DescribeImages: time ran out after 30.0 s and 1 attempt"), "{text}");
        assert_eq!(began.elapsed().as_secs(), 30);
    }

    #[tokio::test(start_paused = true)]
    async fn an_interruption_ends_a_look_at_once() {
        let stub = Stub::new(|_| hang());
        let looks = Looks::new(client(&stub));
        let (began, context) = (Instant::now(), within(30));
        let interrupted = async {
            sleep(Duration::from_secs(3)).await;
            context.cancel();
        };
        let (look, ()) = tokio::join!(looks.describe(&context, "m-1"), interrupted);
        assert!(matches!(look, Err(Failure::Cancelled(_))), "{look:?}");
        assert_eq!(began.elapsed().as_secs(), 3);
    }
}
