//! For the tests of this folder: an ECS in memory behind the client's stub transport, and what a verb works with, on a paused
//! clock. It does what the cloud's documentation says and what a test tells it to do otherwise.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aliyun::testing::{Reply, START, Sent, Stub, client, json as reply, ok, refuse};
use jiff::{SignedDuration, Timestamp};
use pulumi::testing::TestContext;
use pulumi::value::Properties;
use pulumi::{Failure, Verb};
use serde_json::{Value as Json, json};
use tokio::time::Instant;

use crate::client::Client;
use crate::ecs::image::args::ImageArgs;
use crate::ecs::image::making::CreateImage;
use crate::ecs::images::memory::Memory;
use crate::ecs::images::verbs::Verbs;

pub(crate) const PROVIDER: &str = "6f7fbdb4-9e4c-4dc8-a7f4-2a3f0f4f6a5b";
pub(crate) const URN: &str = "urn:pulumi:prod::shop::alicloud:ecs/image:Image::web";

/// The region of the client, which has all images.
const REGION: &str = "cn-test";

const HTTP_DATE: &str = "%a, %d %b %Y %H:%M:%S GMT";

/// An image in memory.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) id: String,
    pub(crate) name: String,
    /// The attributes that DescribeImages reports as texts, by their names there.
    pub(crate) reported: BTreeMap<String, String>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) snapshots: Vec<String>,
    /// The files that it was imported from: bucket, object, format.
    pub(crate) files: Vec<(String, String, Option<String>)>,
    /// From when DescribeImages shows it.
    pub(crate) shown_from: Instant,
    /// Until when it waits for its turn.
    pub(crate) queued_until: Instant,
    /// From when it has its last status.
    pub(crate) ready_from: Instant,
    pub(crate) last_status: &'static str,
}

/// A task in memory.
#[derive(Debug, Clone)]
pub(crate) struct StoredTask {
    pub(crate) id: String,
    pub(crate) action: &'static str,
    pub(crate) image: String,
    pub(crate) began: Instant,
    pub(crate) ends_at: Instant,
    /// What it shows while it is under way, and at its end.
    pub(crate) running: &'static str,
    pub(crate) last: &'static str,
    /// Why it failed.
    pub(crate) reason: Option<(&'static str, &'static str)>,
    pub(crate) cancellable: bool,
    pub(crate) bucket: String,
    /// What it writes.
    pub(crate) objects: Vec<String>,
    pub(crate) format: String,
    /// Whether it names that.
    pub(crate) names_objects: bool,
}

/// What a test looks at and changes.
pub(crate) struct State {
    pub(crate) tasks: Vec<StoredTask>,
    /// The objects of all buckets, as `bucket/object`, with the second of this cloud's clock in which each was written.
    pub(crate) objects: BTreeMap<String, i64>,
    /// When its clock showed [`START`].
    start: Instant,
    /// How new exports end, and what they say of an error though they do not fail.
    pub(crate) exports_end: &'static str,
    pub(crate) exports_say: Option<(&'static str, &'static str)>,
    /// Whether new tasks can be cancelled, and name their objects.
    pub(crate) cancellable: bool,
    pub(crate) names_objects: bool,
    pub(crate) images: Vec<Stored>,
    /// The image that each token has made.
    pub(crate) tokens: HashMap<String, String>,
    /// How long a new image stays invisible, and how long it takes.
    pub(crate) shown_after: Duration,
    pub(crate) ready_after: Duration,
    /// How much of that a new copy waits for its turn.
    pub(crate) queued_for: Duration,
    /// The status that new images end in.
    pub(crate) last_status: &'static str,
    /// For a test that answers otherwise the first time only.
    pub(crate) was_asked: bool,
    next: u32,
}

/// What a test answers instead; `None` leaves the answer to the cloud.
type Otherwise = Box<dyn Fn(&Sent, &mut State) -> Option<Reply> + Send + Sync>;

/// The cloud, and a client of it.
pub(crate) struct Cloud {
    pub(crate) stub: Arc<Stub>,
    pub(crate) client: Client,
    pub(crate) memory: Memory,
    state: Arc<Mutex<State>>,
}

impl Cloud {
    /// One in which nothing goes wrong.
    pub(crate) fn new() -> Cloud {
        Cloud::otherwise(|_, _| None)
    }

    /// One that answers otherwise if the closure says so.
    pub(crate) fn otherwise(
        otherwise: impl Fn(&Sent, &mut State) -> Option<Reply> + Send + Sync + 'static,
    ) -> Cloud {
        let otherwise: Otherwise = Box::new(otherwise);
        let state = Arc::new(Mutex::new(State {
            tasks: Vec::new(),
            objects: BTreeMap::new(),
            start: Instant::now(),
            exports_end: "Finished",
            exports_say: None,
            cancellable: true,
            names_objects: true,
            images: Vec::new(),
            tokens: HashMap::new(),
            shown_after: Duration::ZERO,
            ready_after: Duration::ZERO,
            queued_for: Duration::ZERO,
            last_status: "Available",
            was_asked: false,
            next: 1,
        }));
        let shared = Arc::clone(&state);
        let stub = Stub::new(move |sent| {
            let mut state = shared.lock().unwrap();
            let date = state.time(state.seconds(sent.at)).strftime(HTTP_DATE).to_string();
            otherwise(sent, &mut state).unwrap_or_else(|| state.answer(sent)).with_header("date", &date)
        });
        let client = Client::for_tests(client(&stub), Some(PROVIDER));
        Cloud { stub, client, memory: Memory::default(), state }
    }

    /// The same cloud, as a process sees it that has just started.
    pub(crate) fn of_another_process(&self) -> Cloud {
        Cloud {
            stub: Arc::clone(&self.stub),
            client: Client::for_tests(client(&self.stub), Some(PROVIDER)),
            memory: Memory::default(),
            state: Arc::clone(&self.state),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// An image that is there already.
    pub(crate) fn holds(&self, id: &str, name: &str) {
        self.state().images.push(Stored {
            id: id.to_owned(),
            name: name.to_owned(),
            reported: BTreeMap::new(),
            tags: BTreeMap::new(),
            snapshots: Vec::new(),
            files: Vec::new(),
            shown_from: Instant::now(),
            queued_until: Instant::now(),
            ready_from: Instant::now(),
            last_status: "Available",
        });
    }

    /// The verbs in this context.
    pub(crate) fn verbs<'a>(&'a self, context: &'a TestContext) -> Verbs<'a> {
        Verbs { client: &self.client, context, memory: &self.memory }
    }

    /// How often an action was sent.
    pub(crate) fn count(&self, action: &str) -> usize {
        self.stub.actions().iter().filter(|sent| *sent == action).count()
    }

    /// The ids and names of the images that there are.
    pub(crate) fn names(&self) -> Vec<(String, String)> {
        self.state().images.iter().map(|image| (image.id.clone(), image.name.clone())).collect()
    }
}

/// A create of so many seconds.
pub(crate) fn within(seconds: u64) -> TestContext {
    TestContext::new(Verb::Create, URN, Duration::from_secs(seconds))
}

/// An image of a snapshot, with a name that the program gives.
pub(crate) fn golden() -> ImageArgs {
    ImageArgs {
        snapshot_id: Some("s-1".to_owned().into()),
        image_name: Some("golden".to_owned().into()),
        ..ImageArgs::default()
    }
}

/// The call that makes it.
pub(crate) fn making(args: &ImageArgs) -> CreateImage {
    CreateImage::of(args).unwrap()
}

/// The parts of a partial failure: id, state, what is not in effect, and the text.
#[track_caller]
pub(crate) fn partial(failure: Failure) -> (String, Properties, Vec<String>, String) {
    let text = failure.to_string();
    match failure {
        Failure::Partial { id, state, unapplied, .. } => (id, state, unapplied, text),
        other => panic!("not partial: {other}"),
    }
}

impl State {
    /// How many seconds its clock has gone.
    pub(crate) fn seconds(&self, at: Instant) -> i64 {
        at.duration_since(self.start).as_secs().try_into().expect("a short test")
    }

    /// What its clock shows in such a second.
    fn time(&self, second: i64) -> Timestamp {
        let start: Timestamp = START.parse().expect("a time");
        start.checked_add(SignedDuration::from_secs(second)).expect("a short test")
    }

    fn answer(&mut self, sent: &Sent) -> Reply {
        match sent.action() {
            "" => self.object(sent),
            "CreateImage" | "CopyImage" => self.create(sent),
            "ImportImage" => self.import(sent),
            "ExportImage" => self.export(sent),
            "DescribeTasks" => self.list_tasks(sent),
            "DescribeTaskAttribute" => self.describe_task(sent),
            "CancelTask" => self.cancel_task(sent),
            "DescribeImages" => ok(&self.describe(sent).to_string()),
            "ModifyImageAttribute" => self.modify(sent),
            "DeleteImage" | "CancelCopyImage" => self.delete(sent),
            "TagResources" => self.tag(sent),
            "UntagResources" => self.untag(sent),
            "JoinResourceGroup" => self.join(sent),
            "DeleteSnapshot" => done(),
            other => refuse(404, &format!("NoSuchAction.{other}")),
        }
    }

    pub(crate) fn create(&mut self, sent: &Sent) -> Reply {
        let is_copy = sent.action() == "CopyImage";
        let param = |name: &str| match is_copy && ["ImageName", "Description"].contains(&name) {
            true => sent.param(&format!("Destination{name}")),
            false => sent.param(name),
        };
        let (name, token) = (param("ImageName"), sent.param("ClientToken"));
        if let Some(id) = self.tokens.get(token) {
            return made(id);
        }
        if self.images.iter().any(|image| image.name == name) {
            return refuse(400, "InvalidImageName.Duplicated");
        }
        let id = format!("m-{}", self.next);
        self.next += 1;
        let reported = ["Description", "ImageFamily", "BootMode", "ResourceGroupId"]
            .into_iter()
            .filter(|field| !param(field).is_empty())
            .map(|field| (field.to_owned(), param(field).to_owned()))
            .chain([("IsCopied".to_owned(), is_copy.to_string())]);
        self.images.push(Stored {
            id: id.clone(),
            name: name.to_owned(),
            reported: reported.collect(),
            tags: tags_of(sent),
            snapshots: vec![if is_copy { format!("s-of-{id}") } else { sent.param("SnapshotId").to_owned() }],
            files: Vec::new(),
            shown_from: sent.at + self.shown_after,
            queued_until: sent.at + if is_copy { self.queued_for } else { Duration::ZERO },
            ready_from: sent.at + self.ready_after,
            last_status: self.last_status,
        });
        self.tokens.insert(token.to_owned(), id.clone());
        made(&id)
    }

    /// An import: an image like any other, with a task that ends when the image is ready.
    pub(crate) fn import(&mut self, sent: &Sent) -> Reply {
        let is_known = self.tokens.contains_key(sent.param("ClientToken"));
        let answer = self.create(sent);
        let Some(id) = self.tokens.get(sent.param("ClientToken")).cloned() else { return answer };
        if !is_known {
            if let Some(image) = self.images.iter_mut().find(|image| image.id == id) {
                image.snapshots = vec![format!("s-of-{id}")];
                for (field, param) in [
                    ("LicenseType", "LicenseType"),
                    ("Architecture", "Architecture"),
                    ("OSType", "OSType"),
                    ("Platform", "Platform"),
                ] {
                    image.reported.insert(field.to_owned(), sent.param(param).to_owned());
                }
                image.files = (1..=17)
                    .map_while(|index| {
                        let param = |name: &str| {
                            sent.params.get(&format!("DiskDeviceMapping.{index}.{name}")).cloned()
                        };
                        Some((param("OSSBucket")?, param("OSSObject").unwrap_or_default(), param("Format")))
                    })
                    .collect();
            }
            let task = self.task("ImportImage", &id, sent.at);
            self.tasks.push(task);
        }
        let task = self.tasks.iter().find(|task| task.image == id).map(|task| task.id.clone());
        ok(&json!({ "RequestId": "R", "ImageId": id, "TaskId": task }).to_string())
    }

    pub(crate) fn task(&mut self, action: &'static str, image: &str, at: Instant) -> StoredTask {
        let id = format!("t-{}", self.next);
        self.next += 1;
        StoredTask {
            id,
            action,
            image: image.to_owned(),
            began: at,
            ends_at: at + self.ready_after,
            running: "Processing",
            last: "Finished",
            reason: None,
            cancellable: self.cancellable,
            bucket: String::new(),
            objects: Vec::new(),
            format: String::new(),
            names_objects: self.names_objects,
        }
    }

    pub(crate) fn export(&mut self, sent: &Sent) -> Reply {
        let (image, bucket) = (sent.param("ImageId").to_owned(), sent.param("OSSBucket").to_owned());
        if self.image(&image).is_none() {
            return refuse(404, "InvalidImageId.NotFound");
        }
        let is_running =
            |task: &StoredTask| task.action == "ExportImage" && task.image == image && sent.at < task.ends_at;
        if self.tasks.iter().any(is_running) {
            return refuse(403, "ImageIsExporting");
        }
        let prefix = match sent.param("OSSPrefix") {
            "" => String::new(),
            prefix => format!("{prefix}_"),
        };
        let format = match sent.param("ImageFormat") {
            "" => "raw",
            format => format,
        };
        let mut task = self.task("ExportImage", &image, sent.at);
        task.objects = vec![format!("{prefix}{image}_system.{format}.tar.gz")];
        (task.bucket, task.format, task.last) = (bucket, format.to_owned(), self.exports_end);
        task.reason = match task.last {
            "Failed" => Some(("E.Disk", "no space")),
            _ => self.exports_say,
        };
        let id = task.id.clone();
        self.tasks.push(task);
        ok(&json!({ "RequestId": "R", "TaskId": id }).to_string())
    }

    /// What exports that have ended have written.
    fn write(&mut self, at: Instant) {
        let start = self.start;
        for task in self.tasks.iter_mut().filter(|task| at >= task.ends_at && task.last == "Finished") {
            let second = task.ends_at.duration_since(start).as_secs().try_into().expect("a short test");
            for object in &task.objects {
                self.objects.insert(format!("{}/{object}", task.bucket), second);
            }
            // Once: what is deleted stays so.
            task.last = "Finished ";
        }
    }

    fn list_tasks(&mut self, sent: &Sent) -> Reply {
        self.write(sent.at);
        let tasks: Vec<Json> = self
            .tasks
            .iter()
            .filter(|task| task.action == sent.param("TaskAction"))
            .filter(|task| task.image == sent.param("ResourceIds.1"))
            .map(|task| self.show(task, sent.at))
            .collect();
        ok(&json!({ "RequestId": "R", "TotalCount": tasks.len(), "TaskSet": { "Task": tasks } }).to_string())
    }

    fn describe_task(&mut self, sent: &Sent) -> Reply {
        self.write(sent.at);
        match self.tasks.iter().find(|task| task.id == sent.param("TaskId")) {
            Some(task) => ok(&self.show(task, sent.at).to_string()),
            None => refuse(400, "InvalidTaskId.NotFound"),
        }
    }

    /// A task, with its time to the minute.
    fn show(&self, task: &StoredTask, at: Instant) -> Json {
        let mut shown = task.json(at);
        let began = self.time(self.seconds(task.began));
        shown["CreationTime"] = began.strftime("%Y-%m-%dT%H:%MZ").to_string().into();
        shown
    }

    fn cancel_task(&mut self, sent: &Sent) -> Reply {
        let Some(task) = self.tasks.iter_mut().find(|task| task.id == sent.param("TaskId")) else {
            return refuse(400, "InvalidTaskId.NotFound");
        };
        if sent.at >= task.ends_at {
            return refuse(403, "InvalidTaskId.IncorrectTaskStatus");
        }
        if !task.cancellable {
            return refuse(403, "InvalidTaskId.TaskActionNotSupport");
        }
        (task.ends_at, task.last) = (sent.at + Duration::from_secs(2), "Cancelled");
        done()
    }

    /// OSS: whether an object is there, and its end.
    fn object(&mut self, sent: &Sent) -> Reply {
        self.write(sent.at);
        let bucket = sent.host().split('.').next().unwrap_or_default();
        let name = format!("{bucket}/{}", sent.path());
        let answer = |status| reply(status, "").with_header("x-oss-request-id", "R");
        match (sent.method(), self.objects.get(&name)) {
            ("HEAD", Some(second)) => {
                let written = self.time(*second).strftime(HTTP_DATE).to_string();
                answer(200).with_header("etag", "\"E\"").with_header("last-modified", &written)
            }
            ("HEAD", None) => answer(404),
            _ => {
                self.objects.remove(&name);
                answer(204)
            }
        }
    }

    /// An image of somebody else that has just got the name "golden".
    pub(crate) fn rival(&mut self, at: Instant) {
        if self.images.is_empty() {
            let rival = Stored {
                id: "m-rival".to_owned(),
                name: "golden".to_owned(),
                reported: BTreeMap::new(),
                tags: BTreeMap::new(),
                snapshots: Vec::new(),
                files: Vec::new(),
                shown_from: at,
                queued_until: at,
                ready_from: at,
                last_status: "Available",
            };
            self.images.push(rival);
        }
    }

    /// DescribeImages' answer.
    pub(crate) fn describe(&self, sent: &Sent) -> Json {
        let ids: Vec<&str> = sent.param("ImageId").split(',').filter(|id| !id.is_empty()).collect();
        let (name, snapshot) = (sent.param("ImageName"), sent.param("SnapshotId"));
        let found: Vec<Json> = self
            .images
            .iter()
            .filter(|image| sent.param("RegionId") == REGION && image.shown_from <= sent.at)
            .filter(|image| ids.is_empty() || ids.contains(&image.id.as_str()))
            .filter(|image| image.name.contains(name))
            .filter(|image| snapshot.is_empty() || image.snapshots.iter().any(|made_of| made_of == snapshot))
            .map(|image| image.json(sent.at))
            .collect();
        json!({ "RequestId": "R", "TotalCount": found.len(), "Images": { "Image": found } })
    }

    fn image(&mut self, id: &str) -> Option<&mut Stored> {
        self.images.iter_mut().find(|image| image.id == id)
    }

    fn modify(&mut self, sent: &Sent) -> Reply {
        let name = sent.param("ImageName").to_owned();
        let id = sent.param("ImageId");
        if self.images.iter().any(|image| image.name == name && image.id != id) {
            return refuse(400, "InvalidImageName.Duplicated");
        }
        let Some(image) = self.image(id) else { return refuse(404, "InvalidImageId.NotFound") };
        match (sent.param("Status"), image.last_status) {
            ("Deprecated", "Available") => image.last_status = "Deprecated",
            ("Available", "Deprecated") => image.last_status = "Available",
            ("Deprecated", _) => return refuse(403, "ImageStatus.NotAvailable"),
            ("Available", _) => return refuse(403, "ImageStatus.NotDeprecated"),
            _ => {}
        }
        if !name.is_empty() {
            image.name = name;
        }
        for field in ["Description", "ImageFamily", "BootMode", "LicenseType"] {
            if let Some(value) = sent.params.get(field) {
                image.reported.insert(field.to_owned(), value.clone());
            }
        }
        done()
    }

    fn delete(&mut self, sent: &Sent) -> Reply {
        let id = sent.param("ImageId");
        if self.image(id).is_none() {
            return refuse(404, "InvalidImageId.NotFound");
        }
        self.images.retain(|image| image.id != id);
        done()
    }

    fn tag(&mut self, sent: &Sent) -> Reply {
        let tags = tags_of(sent);
        match self.image(sent.param("ResourceId.1")) {
            Some(image) => image.tags.extend(tags),
            None => return refuse(404, "InvalidResourceId.NotFound"),
        }
        done()
    }

    fn untag(&mut self, sent: &Sent) -> Reply {
        let keys: Vec<&String> =
            sent.params.iter().filter(|(name, _)| name.starts_with("TagKey.")).map(|(_, key)| key).collect();
        match self.image(sent.param("ResourceId.1")) {
            Some(image) => image.tags.retain(|key, _| !keys.contains(&key)),
            None => return refuse(404, "InvalidResourceId.NotFound"),
        }
        done()
    }

    fn join(&mut self, sent: &Sent) -> Reply {
        let group = sent.param("ResourceGroupId").to_owned();
        match self.image(sent.param("ResourceId")) {
            Some(image) => image.reported.insert("ResourceGroupId".to_owned(), group),
            None => return refuse(404, "InvalidResourceId.NotFound"),
        };
        done()
    }
}

impl Stored {
    fn json(&self, at: Instant) -> Json {
        let ready = at >= self.ready_from;
        let (status, progress) = match ready {
            true => (self.last_status, "100%"),
            false if at < self.queued_until => ("Waiting", "0%"),
            false => ("Creating", "50%"),
        };
        let tags: Vec<Json> =
            self.tags.iter().map(|(key, value)| json!({ "TagKey": key, "TagValue": value })).collect();
        let mut disks: Vec<Json> = self
            .snapshots
            .iter()
            .map(|snapshot| json!({ "Device": "/dev/xvda", "Type": "system", "SnapshotId": snapshot, "Size": 40 }))
            .collect();
        for (disk, (bucket, object, format)) in disks.iter_mut().zip(&self.files) {
            disk["ImportOSSBucket"] = bucket.as_str().into();
            disk["ImportOSSObject"] = object.as_str().into();
            disk["Format"] = format.as_deref().unwrap_or("RAW").into();
        }
        let mut image = json!({
            "ImageId": self.id,
            "ImageName": self.name,
            "ImageOwnerAlias": "self",
            "Status": status,
            "Progress": progress,
            "Usable": ready && self.last_status == "Available",
            "Tags": { "Tag": tags },
            "DiskDeviceMappings": { "DiskDeviceMapping": disks },
        });
        for (field, text) in &self.reported {
            image[field] = text.as_str().into();
        }
        image
    }
}

impl StoredTask {
    fn json(&self, at: Instant) -> Json {
        let (status, progress) = match at >= self.ends_at {
            true => (self.last.trim_end(), "100%"),
            false => (self.running, "45%"),
        };
        let reason = self.reason.filter(|_| at >= self.ends_at);
        let (code, text) = reason.unwrap_or_default();
        let items: Vec<Json> = self
            .objects
            .iter()
            .filter(|_| self.names_objects)
            .flat_map(|object| {
                [("OSSBucket", &self.bucket), ("OSSObject", object), ("ImageFormat", &self.format)]
            })
            .map(|(name, value)| json!({ "Name": name, "Value": value }))
            .collect();
        json!({
            "RequestId": "R",
            "TaskId": self.id,
            "TaskAction": self.action,
            "ResourceId": self.image,
            "TaskStatus": status,
            "TaskProcess": progress,
            "SupportCancel": self.cancellable.to_string(),
            "OperationProgressSet": { "OperationProgress": [{
                "ErrorCode": code, "ErrorMsg": text, "RelatedItemSet": { "RelatedItem": items },
            }] },
        })
    }
}

fn tags_of(sent: &Sent) -> BTreeMap<String, String> {
    (1..=20)
        .filter_map(|index| {
            let key = sent.params.get(&format!("Tag.{index}.Key"))?;
            Some((key.clone(), sent.param(&format!("Tag.{index}.Value")).to_owned()))
        })
        .collect()
}

fn made(id: &str) -> Reply {
    ok(&json!({ "RequestId": "R", "ImageId": id }).to_string())
}

/// DescribeImages' answer that there are none.
pub(crate) fn no_images() -> Reply {
    ok(r#"{"RequestId":"R","TotalCount":0,"Images":{"Image":[]}}"#)
}

pub(crate) fn done() -> Reply {
    ok(r#"{"RequestId":"R"}"#)
}
