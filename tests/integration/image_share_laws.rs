//! What holds of shares whatever a program says of them, one edit after the other, and whatever somebody else does meanwhile:
//! tried against a model that knows nothing of the provider.

use std::collections::BTreeSet;
use std::time::Duration;

use aliyun::ecs::ModifyImageSharePermissionRequest;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use serde_json::{Value as Json, json};

use crate::harness::{IMAGE_SHARE, Kept, Plan, REGION, Stack, World, holds, text, urn_of};

/// How many histories are tried.
const CASES: u32 = 100;
const NAMES: usize = 3;

/// An image and an account, by number.
type Share = (usize, usize);
/// What a program says of each name.
type Program = [Option<Share>; NAMES];

#[derive(Debug, Clone)]
enum Step {
    Up(Program),
    Refresh,
    /// Somebody else gives or takes access.
    Elsewhere(Share, bool),
}

fn step() -> impl Strategy<Value = Step> {
    let share = || (0..2_usize, 0..3_usize);
    prop_oneof![
        4 => prop::array::uniform3(prop::option::of(share())).prop_map(Step::Up),
        1 => Just(Step::Refresh),
        1 => (share(), any::<bool>()).prop_map(|(share, given)| Step::Elsewhere(share, given)),
    ]
}

/// What there should be.
#[derive(Default)]
struct Model {
    cloud: BTreeSet<Share>,
    state: Program,
}

impl Model {
    /// Ends what a name held, unless another one holds the same.
    fn end(&mut self, name: usize) {
        if let Some(share) = self.state[name].take()
            && !self.state.contains(&Some(share))
        {
            self.cloud.remove(&share);
        }
    }

    fn up(&mut self, program: &Program) {
        for (name, wanted) in program.iter().enumerate() {
            if wanted.is_some() && self.state[name] != *wanted {
                self.end(name);
                self.cloud.extend(*wanted);
                self.state[name] = *wanted;
            }
        }
        // An engine deletes last.
        for (name, wanted) in program.iter().enumerate() {
            if wanted.is_none() {
                self.end(name);
            }
        }
    }

    fn refresh(&mut self) {
        for share in &mut self.state {
            *share = share.filter(|share| self.cloud.contains(share));
        }
    }
}

/// The plugin's world, and somebody else's access to the same cloud.
struct Scene {
    world: World,
    elsewhere: aliyun::Client,
    images: Vec<String>,
    stacks: Vec<Stack>,
}

impl Scene {
    async fn new() -> Scene {
        let world = World::new().await;
        let elsewhere = world.somebody_else(REGION);
        Scene { world, elsewhere, images: Vec::new(), stacks: Vec::new() }
    }

    /// Two images, and nothing else.
    async fn begin(&mut self) {
        self.world.control("DELETE", "/_emulator/state", Json::Null).await;
        self.images.clear();
        for name in ["one", "two"] {
            let inputs = json!({ "imageName": name, "snapshotId": "s-system" });
            let (id, _) = self.world.plugin.create(name, &inputs).await.unwrap();
            self.images.push(id);
        }
        self.stacks = (0..NAMES).map(|name| Stack::new(&urn_of(IMAGE_SHARE, &name.to_string()))).collect();
    }

    fn inputs(&self, (image, account): Share) -> Json {
        json!({ "imageId": self.images[image], "accountId": format!("111122223333440{account}") })
    }

    async fn up(&mut self, program: &Program) {
        for (name, wanted) in program.iter().enumerate() {
            if let Some(share) = *wanted {
                let inputs = self.inputs(share);
                self.stacks[name].up(&mut self.world.plugin, &inputs).await.unwrap();
            }
        }
        for (name, wanted) in program.iter().enumerate() {
            if wanted.is_none() {
                self.stacks[name].destroy(&mut self.world.plugin).await.unwrap();
            }
        }
    }

    async fn refresh(&mut self) {
        for stack in &mut self.stacks {
            stack.refresh(&mut self.world.plugin).await.unwrap();
        }
    }

    async fn elsewhere(&self, (image, account): Share, given: bool) {
        let accounts = vec![format!("111122223333440{account}")];
        let (add_accounts, remove_accounts) = if given { (accounts, vec![]) } else { (vec![], accounts) };
        let image_id = self.images[image].clone();
        let request = ModifyImageSharePermissionRequest { image_id, add_accounts, remove_accounts };
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        self.elsewhere.modify_image_share_permission(&request, deadline).await.unwrap();
    }

    /// The shares that there are.
    async fn shares(&self) -> BTreeSet<Share> {
        let mut found = BTreeSet::new();
        for image in self.world.images().await {
            let number = self.images.iter().position(|id| image["id"] == *id).unwrap();
            for account in image["shared_with"].as_object().unwrap().keys() {
                found.insert((number, account[15..].parse().unwrap()));
            }
        }
        found
    }
}

async fn is_so(scene: &mut Scene, history: Vec<Step>) -> Result<(), TestCaseError> {
    scene.begin().await;
    let mut model = Model::default();
    for step in history {
        match &step {
            Step::Up(program) => {
                scene.up(program).await;
                model.up(program);
            }
            Step::Refresh => {
                scene.refresh().await;
                model.refresh();
            }
            Step::Elsewhere(share, given) => {
                scene.elsewhere(*share, *given).await;
                if *given {
                    model.cloud.insert(*share)
                } else {
                    model.cloud.remove(share)
                };
            }
        }
        prop_assert_eq!(&scene.shares().await, &model.cloud, "after {:?}", step);
        for (name, held) in model.state.into_iter().enumerate() {
            let Some(share) = held else {
                prop_assert!(scene.stacks[name].kept.is_none(), "{} after {:?}", name, step);
                continue;
            };
            let inputs = scene.inputs(share);
            let id = format!("{}:{}", text(&inputs["imageId"]), text(&inputs["accountId"]));
            prop_assert_eq!(scene.stacks[name].id(), id.as_str());
            let (plan, _) = scene.stacks[name].preview(&mut scene.world.plugin, &inputs).await;
            prop_assert_eq!(plan, Plan::Same, "{} after {:?}", name, step);

            if !model.cloud.contains(&share) {
                continue;
            }
            // Whoever knows of it no more than its id finds the same.
            let nothing = json!({});
            let (urn, plugin) = (&scene.stacks[name].name, &mut scene.world.plugin);
            let read = plugin.read(urn, &id, &nothing, &nothing).await.unwrap();
            let (imported, state) = read.expect("it is there");
            prop_assert_eq!(&imported, &inputs, "the import of {} after {:?}", name, step);
            let kept = Some(Kept { inputs: imported, state, incomplete: false });
            let (plan, _) = Stack { kept, ..Stack::new(urn) }.preview(plugin, &inputs).await;
            prop_assert_eq!(plan, Plan::Same, "imported, {} after {:?}", name, step);
        }
    }
    Ok(())
}

#[test]
fn what_a_program_says_of_shares_is_so_and_nothing_else_is_touched() {
    holds("shares", CASES, Scene::new(), &prop::collection::vec(step(), 1..12), is_so);
}
