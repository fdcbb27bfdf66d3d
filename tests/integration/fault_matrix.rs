//! Each fault at each place where the life of an image, of a copy, of an import, of an export or of a share calls the cloud. What
//! passes changes nothing; what lasts ends in an error that says so, loses nothing, and the same commands put everything right
//! once it is over.

use std::time::Duration;

use emulator::{Emulator, Options};
use serde_json::{Value as Json, json};
use tokio::task::JoinSet;

use crate::harness::{
    Failed, IMAGE, IMAGE_COPY, IMAGE_EXPORT, IMAGE_IMPORT, IMAGE_SHARE, Plan, Plugin, SOURCE_REGION, Stack,
    World, advance, every_test_is_asked_for, make_source, settings, start, text, urn,
};

/// Of an operation that meets a fault which lasts, in seconds: long enough to get there on a machine that is busy.
const TIME_LIMIT: f64 = 8.0;
/// For an answer, in milliseconds, beside the eight seconds for a connection: what ends a call that is never answered.
const PATIENCE: u32 = 2000;
/// More often than any call is repeated.
const ALWAYS: u32 = 100_000;

/// The operation during which the fault strikes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum During {
    Create,
    Update,
    Refresh,
    Delete,
}

/// A call of a life: which operation makes it, and how many of its like the operation makes before.
#[derive(Clone, Copy, Debug)]
struct Place {
    what: &'static str,
    during: During,
    action: &'static str,
    after: u32,
    /// Whether the image is still being made when the operation looks at it.
    slow: bool,
    /// The type of the resource.
    of: &'static str,
}

impl Place {
    const fn new(what: &'static str, during: During, action: &'static str, after: u32) -> Place {
        Place { what, during, action, after, slow: false, of: IMAGE }
    }

    const fn of_a_copy(self) -> Place {
        Place { of: IMAGE_COPY, ..self }
    }

    const fn of_an_import(self) -> Place {
        Place { of: IMAGE_IMPORT, ..self }
    }

    const fn of_an_export(self) -> Place {
        Place { of: IMAGE_EXPORT, ..self }
    }

    const fn of_a_share(self) -> Place {
        Place { of: IMAGE_SHARE, ..self }
    }

    const fn slow(self) -> Place {
        Place { slow: true, ..self }
    }
}

/// The look at what the account has, before anything is made.
const ACCOUNT: &str = "the account's images";
/// The look at what is being exported, before anything is.
const TASKS: &str = "the image's tasks";
/// The last call of a create.
const OWN_NAME: &str = "the image's own name";

const CHANGE_SHARES: &str = "ModifyImageSharePermission";
const SEE_SHARES: &str = "DescribeImageSharePermission";

/// A test for each place. Beside its cells, it shows them: a point for each that is as it should be.
macro_rules! rows {
    ($($test:ident: $place:expr;)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                check_row($place).await;
            }
        )+
    };
}

rows! {
    create_account: Place::new(ACCOUNT, During::Create, "DescribeImages", 0);
    create_call: Place::new("CreateImage", During::Create, "CreateImage", 0);
    create_first_look: Place::new("first look", During::Create, "DescribeImages", 1);
    create_look_while_waiting: Place::new("look while waiting", During::Create, "DescribeImages", 2).slow();
    create_attributes:
        Place::new("ModifyImageAttribute after creation", During::Create, "ModifyImageAttribute", 0);
    create_read_back: Place::new("read-back after creation", During::Create, "DescribeImages", 2);
    create_own_name: Place::new(OWN_NAME, During::Create, "ModifyImageAttribute", 1);
    copy_call: Place::new("CopyImage", During::Create, "CopyImage", 0).of_a_copy();
    copy_first_look: Place::new("copy's first look", During::Create, "DescribeImages", 1).of_a_copy();
    copy_look_while_waiting:
        Place::new("copy's look while waiting", During::Create, "DescribeImages", 2).of_a_copy().slow();
    copy_own_name: Place::new(OWN_NAME, During::Create, "ModifyImageAttribute", 0).of_a_copy();
    copy_delete_call: Place::new("copy's DeleteImage", During::Delete, "DeleteImage", 0).of_a_copy();
    import_call: Place::new("ImportImage", During::Create, "ImportImage", 0).of_an_import();
    import_first_look: Place::new("import's first look", During::Create, "DescribeImages", 1).of_an_import();
    import_look_while_waiting:
        Place::new("import's look while waiting", During::Create, "DescribeImages", 2).of_an_import().slow();
    import_own_name: Place::new(OWN_NAME, During::Create, "ModifyImageAttribute", 0).of_an_import();
    import_delete_call: Place::new("import's DeleteImage", During::Delete, "DeleteImage", 0).of_an_import();
    export_look: Place::new(TASKS, During::Create, "DescribeTasks", 0).of_an_export();
    export_call: Place::new("ExportImage", During::Create, "ExportImage", 0).of_an_export();
    export_wait: Place::new("look at the task", During::Create, "DescribeTaskAttribute", 0).of_an_export();
    export_anew_ends: Place::new("end of the old export", During::Update, "DeleteObject", 0).of_an_export();
    export_anew_begins: Place::new("export anew", During::Update, "ExportImage", 0).of_an_export();
    export_delete_call: Place::new("DeleteObject", During::Delete, "DeleteObject", 0).of_an_export();
    share_call: Place::new("share", During::Create, CHANGE_SHARES, 0).of_a_share();
    share_look: Place::new("share's look", During::Create, SEE_SHARES, 0).of_a_share();
    share_exchange_ends: Place::new("end of the old share", During::Update, CHANGE_SHARES, 0).of_a_share();
    share_exchange_begins: Place::new("share anew", During::Update, CHANGE_SHARES, 1).of_a_share();
    share_refresh_look: Place::new("share's refresh", During::Refresh, SEE_SHARES, 0).of_a_share();
    share_delete_call: Place::new("end of the share", During::Delete, CHANGE_SHARES, 0).of_a_share();
    share_delete_look: Place::new("look until the share is gone", During::Delete, SEE_SHARES, 0).of_a_share();
    update_attributes: Place::new("ModifyImageAttribute", During::Update, "ModifyImageAttribute", 0);
    update_resource_group: Place::new("JoinResourceGroup", During::Update, "JoinResourceGroup", 0);
    update_tags_removed: Place::new("UntagResources", During::Update, "UntagResources", 0);
    update_tags_added: Place::new("TagResources", During::Update, "TagResources", 0);
    update_read_back: Place::new("read-back", During::Update, "DescribeImages", 0);
    refresh_look: Place::new("refresh", During::Refresh, "DescribeImages", 0);
    delete_call: Place::new("DeleteImage", During::Delete, "DeleteImage", 0);
    delete_look_until_gone: Place::new("look until gone", During::Delete, "DescribeImages", 0);
    delete_snapshot: Place::new("DeleteSnapshot", During::Delete, "DeleteSnapshot", 0);
}

/// Where the plugin's key comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Keys {
    Fixed,
    /// A temporary key among the settings.
    Temporary,
    /// An address that answers with the next temporary key.
    Renewable,
}

#[derive(Clone, Copy, Debug)]
struct Fault {
    what: &'static str,
    fault: fn() -> Json,
    keys: Keys,
    /// What the error says beside the action or the image, where the fault lasts.
    error: Option<&'static str>,
}

impl Fault {
    const fn passing(what: &'static str, fault: fn() -> Json) -> Fault {
        Fault { what, fault, keys: Keys::Fixed, error: None }
    }

    const fn lasting(what: &'static str, fault: fn() -> Json, error: &'static str) -> Fault {
        Fault { what, fault, keys: Keys::Fixed, error: Some(error) }
    }
}

const FAULTS: [Fault; 13] = [
    Fault::passing("throttled three times", || json!({ "do": "throttle", "times": 3 })),
    Fault::passing("status 500", || json!({ "do": "error", "code": "InternalError", "status": 500 })),
    Fault::passing("status 503", || json!({ "do": "http", "status": 503 })),
    Fault::passing("cut before it is carried out", || json!({ "do": "reset_before" })),
    Fault::passing("cut after it was carried out", || json!({ "do": "reset_after" })),
    Fault::passing("no answer once", || json!({ "do": "hang" })),
    Fault::passing("HTML once", || json!({ "do": "garbage" })),
    Fault {
        keys: Keys::Renewable,
        ..Fault::passing(
            "expired token, the next is good",
            || json!({ "do": "error", "code": "InvalidSecurityToken.Expired", "status": 400 }),
        )
    },
    Fault::lasting("no answer ever", || json!({ "do": "hang", "times": ALWAYS }), " s"),
    Fault::lasting(
        "always cut after it was carried out",
        || json!({ "do": "reset_after", "times": ALWAYS }),
        " s",
    ),
    Fault::lasting("HTML always", || json!({ "do": "garbage", "times": ALWAYS }), "instead of JSON"),
    Fault {
        keys: Keys::Temporary,
        ..Fault::lasting(
            "expired token, the only one",
            || json!({ "do": "error", "code": "InvalidSecurityToken.Expired", "status": 400, "times": ALWAYS }),
            "InvalidSecurityToken.Expired",
        )
    },
    Fault::lasting(
        "denied",
        || json!({ "do": "error", "code": "Forbidden.RAM", "status": 403, "times": ALWAYS }),
        "Forbidden.RAM",
    ),
];

fn first_program() -> Json {
    json!({ "imageName": "web", "instanceId": "i-running", "description": "first", "licenseType": "BYOL",
        "tags": { "old": "1", "kept": "1" }, "deleteAutoSnapshot": true })
}

fn second_program() -> Json {
    json!({ "imageName": "web", "instanceId": "i-running", "description": "second", "licenseType": "Aliyun",
        "tags": { "new": "1", "kept": "2" }, "deleteAutoSnapshot": true, "resourceGroupId": "rg-other" })
}

/// The accounts that an image is shared with, one after the other.
const ACCOUNTS: [&str; 2] = ["1111222233334400", "1111222233334401"];

/// Each fault at this place, all at a time: they wait more than they work. Unless every test is asked for it is a third of
/// them, and the length of the description decides which third.
async fn check_row(place: Place) {
    let tried = |column: usize| every_test_is_asked_for() || (column + place.what.len()).is_multiple_of(3);
    let mut cells = JoinSet::new();
    for (column, fault) in FAULTS.into_iter().enumerate().filter(|(column, _)| tried(*column)) {
        cells.spawn(async move {
            // In a task of its own, so that a panic is this cell's failure and no more.
            let outcome = tokio::spawn(live_through(place, fault)).await;
            (column, outcome.unwrap_or_else(|panic| Err(panic.to_string())))
        });
    }
    let mut outcomes = cells.join_all().await;
    outcomes.sort_unstable_by_key(|(column, _)| *column);
    let picture: String =
        outcomes.iter().map(|(_, outcome)| if outcome.is_ok() { '.' } else { 'X' }).collect();
    eprintln!("{picture} {}", place.what);
    let failed: Vec<String> = outcomes
        .iter()
        .filter_map(|(column, outcome)| {
            Some(format!("{} × {}: {}", place.what, FAULTS[*column].what, outcome.as_ref().err()?))
        })
        .collect();
    let wanted = (0..FAULTS.len()).filter(|column| tried(*column)).count();
    assert!(failed.is_empty() && outcomes.len() == wanted, "{}", failed.join("\n"));
}

/// Fails the cell, not the test.
macro_rules! ensure {
    ($holds:expr, $($said:tt)+) => {
        if !$holds {
            return Err(format!($($said)+));
        }
    };
}

struct Cell {
    world: World,
    /// The image that is there before: what is copied, or what is shared.
    source: Option<String>,
    stack: Stack,
    place: Place,
    fault: Fault,
}

async fn live_through(place: Place, fault: Fault) -> Result<(), String> {
    let options = Options {
        manual_clock: place.slow,
        // So short that the image is visible at once.
        image_ready_after: Duration::from_millis(if place.slow { 9 } else { 0 }),
        ..Options::default()
    };
    let cloud = start(options).await;
    let plugin = Plugin::configured_with(keyed(&cloud, fault.keys).await).await;
    let mut cell =
        Cell { world: World { cloud, plugin }, source: None, stack: Stack::new("web"), place, fault };
    cell.source = match place.of {
        IMAGE_COPY => Some(make_source(&cell.world.cloud, place.slow).await),
        IMAGE_SHARE | IMAGE_EXPORT => {
            let program = json!({ "imageName": "shared", "snapshotId": "s-system" });
            Some(text(&cell.world.plugin.up("shared", program).await.1["id"]))
        }
        _ => None,
    };
    cell.world.plugin.resource_type = place.of;
    let (images, snapshots) = (cell.world.images().await.len(), cell.snapshots().await);
    let (first, second) = (cell.program(first_program()), cell.program(second_program()));

    cell.step(During::Create, &first).await?;
    cell.check(&first).await?;
    cell.step(During::Update, &second).await?;
    cell.check(&second).await?;
    cell.step(During::Refresh, &Json::Null).await?;
    cell.check(&second).await?;
    let (plan, _) = cell.stack.preview(&mut cell.world.plugin, &second).await;
    ensure!(plan == Plan::Same, "the last preview is {plan:?}");
    cell.step(During::Delete, &Json::Null).await?;
    ensure!(cell.world.images().await.len() == images, "an image is left, or the shared one is gone");
    ensure!(cell.snapshots().await == snapshots, "the image's snapshots are left");
    ensure!(cell.accounts().await.is_empty(), "a share is left: {:?}", cell.accounts().await);
    ensure!(cell.files().await.is_empty(), "a file is left: {:?}", cell.files().await);
    Ok(())
}

async fn keyed(cloud: &Emulator, keys: Keys) -> Json {
    let mut settings = settings(cloud);
    settings["clientReadTimeout"] = PATIENCE.into();
    if keys == Keys::Fixed {
        return settings;
    }
    let address = format!("{}/_emulator/credentials", cloud.url());
    if keys == Keys::Renewable {
        let given = settings.as_object_mut().expect("an object");
        given.retain(|name, _| !["accessKey", "secretKey"].contains(&name.as_str()));
        settings["credentialsUri"] = address.into();
        return settings;
    }
    let key = crate::harness::control(cloud.address(), "GET", "/_emulator/credentials", Json::Null).await;
    settings["accessKey"] = key["AccessKeyId"].clone();
    settings["secretKey"] = key["AccessKeySecret"].clone();
    settings["securityToken"] = key["SecurityToken"].clone();
    settings
}

impl Cell {
    /// One command of the user's; where the fault strikes in it and lasts, a second time after it is over.
    async fn step(&mut self, during: During, program: &Json) -> Result<(), String> {
        if during != self.place.during {
            return self.run(during, program).await.map_err(|failed| failed.message);
        }
        self.arm().await;
        if self.fault.error.is_some() {
            self.world.plugin.time_limit = TIME_LIMIT;
        }
        let address = self.world.cloud.address();
        let wakes_up = async {
            while self.place.slow && !is_over(address).await {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            if self.place.slow {
                advance(address, 60).await;
            }
            std::future::pending().await
        };
        let before = self.stack.kept.clone();
        let outcome = tokio::select! {
            outcome = operate(&mut self.stack, &mut self.world.plugin, during, program) => outcome,
            () = wakes_up => unreachable!("it never ends"),
        };
        let left = self.world.control("GET", "/_emulator/faults", Json::Null).await;
        let Some(said) = self.fault.error else {
            ensure!(left == json!([]), "the fault did not strike: {left}");
            if self.fault.keys == Keys::Renewable {
                self.check_repeated_with_another_key().await?;
            }
            return outcome.map_err(|failed| format!("it failed: {}", failed.message));
        };
        ensure!(left[0]["times"] != ALWAYS, "the fault did not strike: {left}");
        if outcome.is_ok()
            && self.place.what == OWN_NAME
            && self.fault.what.contains("after it was carried out")
        {
            // A look has shown that the image has its name.
            self.world.control("DELETE", "/_emulator/faults", Json::Null).await;
            return Ok(());
        }
        if outcome.is_ok()
            && self.place.action == "ExportImage"
            && self.fault.what.contains("after it was carried out")
        {
            // A look has shown the task, and nothing was asked for twice.
            self.world.control("DELETE", "/_emulator/faults", Json::Null).await;
            return Ok(());
        }
        let failed = outcome.err().ok_or("it succeeded in spite of the fault")?;
        self.check_failure(&failed, before.is_some(), said).await?;

        self.world.control("DELETE", "/_emulator/faults", Json::Null).await;
        if self.place.slow {
            advance(address, 60).await;
        }
        self.world.restart_plugin().await;
        self.run(during, program).await.map_err(|failed| format!("not repaired: {}", failed.message))
    }

    /// The same program, of the resource of this row.
    fn program(&self, mut program: Json) -> Json {
        let source = self.source.clone();
        match (self.place.of, program.as_object_mut()) {
            (IMAGE_COPY, Some(inputs)) => {
                inputs.retain(|input, _| !["instanceId", "licenseType"].contains(&input.as_str()));
                program["sourceImageId"] = source.into();
                program["sourceRegionId"] = SOURCE_REGION.into();
                program
            }
            (IMAGE_IMPORT, Some(inputs)) => {
                inputs.remove("instanceId");
                program["diskDeviceMappings"] = json!([{ "ossBucket": "b-images", "ossObject": "disk.raw" }]);
                program
            }
            (IMAGE_EXPORT, _) => {
                json!({ "imageId": source, "ossBucket": "b-images", "ossPrefix": program["description"] })
            }
            (IMAGE_SHARE, _) => {
                let account = if program["description"] == "first" { ACCOUNTS[0] } else { ACCOUNTS[1] };
                json!({ "imageId": source, "accountId": account })
            }
            _ => program,
        }
    }

    async fn run(&mut self, during: During, program: &Json) -> Result<(), Failed> {
        operate(&mut self.stack, &mut self.world.plugin, during, program).await
    }

    async fn arm(&mut self) {
        if self.fault.keys == Keys::Renewable {
            // The plugin has a key, and the address will answer with another.
            let read = self.world.plugin.read(&urn("other"), "m-system", &json!({}), &json!({})).await;
            read.expect("the system's image is read").expect("it is there");
            self.world.control("POST", "/_emulator/metadata", json!({})).await;
            self.world.take_requests().await;
        }
        let mut fault = (self.fault.fault)();
        fault["action"] = self.place.action.into();
        fault["after"] = self.place.after.into();
        self.world.faults(json!([fault])).await;
    }

    async fn check_failure(&self, failed: &Failed, existed: bool, said: &str) -> Result<(), String> {
        let message = &failed.message;
        ensure!(message.contains(said), "{said:?} is not in: {message}");
        let images = self.world.images().await;
        let id = images.first().map(|image| text(&image["id"])).unwrap_or_else(|| self.stack.id());
        let named =
            [self.place.action, id.as_str()].iter().any(|name| !name.is_empty() && message.contains(name));
        ensure!(named, "neither {} nor the image is named: {message}", self.place.action);
        if self.fault.what == "denied" {
            let product = if self.place.action.ends_with("Object") { "oss" } else { "ecs" };
            let permission = format!("{product}:{}", self.place.action);
            ensure!(message.contains(&permission), "{permission} is not in: {message}");
        }
        ensure!(images.len() <= 1, "there are {} images", images.len());
        if self.place.of == IMAGE_SHARE {
            return self.check_no_share_is_lost(failed, existed).await;
        }
        match (self.place.during, self.place.action) {
            // Nobody knows an id.
            (During::Create, _)
                if ["CreateImage", "CopyImage", "ImportImage", "ExportImage", ACCOUNT, TASKS]
                    .contains(&self.place.what) =>
            {
                ensure!(failed.partial.is_none(), "an id came from nowhere: {failed:?}");
            }
            (During::Create, _) => {
                let kept = failed.partial.as_ref().map(|(id, _)| id.clone());
                ensure!(kept == Some(id.clone()) && self.stack.id() == id, "the id is lost: {failed:?}");
            }
            // The old one is gone by then.
            (During::Update, "ExportImage") => ensure!(self.stack.kept.is_none(), "the old export is kept"),
            (During::Update | During::Refresh | During::Delete, _) => {
                ensure!(existed && self.stack.kept.is_some(), "the state is lost");
            }
        }
        Ok(())
    }

    /// Whatever access there is, the state knows of it.
    async fn check_no_share_is_lost(&self, failed: &Failed, existed: bool) -> Result<(), String> {
        let accounts = self.accounts().await;
        ensure!(accounts.len() <= 1, "it is shared with {accounts:?}");
        let image = self.source.clone().unwrap_or_default();
        if let Some(account) = accounts.first() {
            let id = format!("{image}:{account}");
            ensure!(self.stack.id() == id, "the state does not hold {id}: {:?}", self.stack.kept);
        }
        if let Some((id, _)) = &failed.partial {
            ensure!(id.starts_with(&format!("{image}:")), "an id came from nowhere: {failed:?}");
        }
        if [During::Refresh, During::Delete].contains(&self.place.during) {
            ensure!(existed && self.stack.kept.is_some(), "the state is lost");
        }
        Ok(())
    }

    /// The refused call was repeated once, after another key had been fetched.
    async fn check_repeated_with_another_key(&self) -> Result<(), String> {
        let requests = self.world.take_requests().await;
        let refused = requests.iter().position(|request| request["code"] == "InvalidSecurityToken.Expired");
        let actions: Vec<String> = requests[refused.unwrap_or_default()..]
            .iter()
            .take(3)
            .map(|request| text(&request["action"]))
            .collect();
        let wanted = [self.place.action, "GET /_emulator/credentials", self.place.action];
        ensure!(actions == wanted, "from the refusal on, the calls are {actions:?}");
        Ok(())
    }

    /// What the program says is so, once.
    async fn check(&self, program: &Json) -> Result<(), String> {
        match self.place.of {
            IMAGE_EXPORT => self.check_export(program).await,
            IMAGE_SHARE => self.check_share(program).await,
            _ => self.check_image(program).await,
        }
    }

    async fn check_share(&self, program: &Json) -> Result<(), String> {
        let (image, account) = (text(&program["imageId"]), text(&program["accountId"]));
        let accounts = self.accounts().await;
        ensure!(accounts == [account.clone()], "it is shared with {accounts:?} and not with {account}");
        ensure!(self.stack.id() == format!("{image}:{account}"), "the state holds {}", self.stack.id());
        let state = self.stack.kept.as_ref().map(|kept| kept.state.clone()).unwrap_or_default();
        for property in ["imageId", "accountId"] {
            ensure!(state[property] == program[property], "{property} is {} in the state", state[property]);
        }
        Ok(())
    }

    async fn check_export(&self, program: &Json) -> Result<(), String> {
        let image = text(&program["imageId"]);
        let wanted = [format!("{}_{image}_system.raw.tar.gz", text(&program["ossPrefix"]))];
        let files = self.files().await;
        ensure!(files == wanted, "the files are {files:?} and not {wanted:?}");
        let state = self.stack.kept.as_ref().map(|kept| kept.state.clone()).unwrap_or_default();
        ensure!(state["ossObjects"] == json!(wanted), "the state has {}", state["ossObjects"]);
        ensure!(self.stack.id() == image, "the state holds {}", self.stack.id());
        Ok(())
    }

    /// The objects that were not in the bucket at first.
    async fn files(&self) -> Vec<String> {
        let state = self.world.control("GET", "/_emulator/state", Json::Null).await;
        let objects = state["buckets"]["b-images"]["objects"].as_object().cloned().unwrap_or_default();
        objects.keys().filter(|name| !name.starts_with("disk.")).cloned().collect()
    }

    /// The accounts that images of this one are shared with.
    async fn accounts(&self) -> Vec<String> {
        let images = self.world.images().await;
        let shared = images.iter().filter_map(|image| image["shared_with"].as_object());
        shared.flat_map(|accounts| accounts.keys().cloned()).collect()
    }

    async fn check_image(&self, program: &Json) -> Result<(), String> {
        let images = self.world.images().await;
        ensure!(images.len() == 1, "there are {} images", images.len());
        let image = &images[0];
        ensure!(text(&image["id"]) == self.stack.id(), "the state holds another image");
        let state = self.stack.kept.as_ref().map(|kept| kept.state.clone()).unwrap_or_default();
        for (property, there) in [
            ("description", "description"),
            ("imageName", "name"),
            ("licenseType", "license_type"),
            ("tags", "tags"),
            ("resourceGroupId", "resource_group"),
        ] {
            let Some(wanted) = program.get(property) else { continue };
            ensure!(image[there] == *wanted, "{property} is {} in the cloud", image[there]);
            ensure!(state[property] == *wanted, "{property} is {} in the state", state[property]);
        }
        ensure!(state["usable"] == true, "the image is not usable: {state}");
        Ok(())
    }

    async fn snapshots(&self) -> Vec<String> {
        let state = self.world.control("GET", "/_emulator/state", Json::Null).await;
        let snapshots = state["regions"].as_object().into_iter().flatten();
        snapshots
            .flat_map(|(_, region)| region["snapshots"].as_array().cloned().unwrap_or_default())
            .map(|snapshot| text(&snapshot["id"]))
            .filter(|id| !["s-system", "s-data", "s-2013"].contains(&id.as_str()))
            .collect()
    }
}

async fn operate(
    stack: &mut Stack,
    plugin: &mut Plugin,
    during: During,
    program: &Json,
) -> Result<(), Failed> {
    match during {
        During::Create | During::Update => stack.up(plugin, program).await.map(drop),
        During::Refresh => {
            assert!(stack.refresh(plugin).await?, "{} was taken for gone", plugin.resource_type);
            Ok(())
        }
        During::Delete => stack.destroy(plugin).await,
    }
}

/// Whether the fault has struck as often as it will, or lasts.
async fn is_over(address: std::net::SocketAddr) -> bool {
    let faults = crate::harness::control(address, "GET", "/_emulator/faults", Json::Null).await;
    faults == json!([])
}
