//! An engine's rules: which calls it makes for a program, and what it keeps of the answers.

use serde_json::Value as Json;

use super::{Diff, Failed, Plugin, text};

/// What an engine keeps of one resource.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) inputs: Json,
    pub(crate) state: Json,
    /// The last operation failed after the resource was there.
    pub(crate) incomplete: bool,
}

/// A stack of one image: what an engine keeps of it and how it goes from call to call.
#[derive(Debug, Default)]
pub(crate) struct Stack {
    pub(crate) name: String,
    pub(crate) kept: Option<Kept>,
}

/// What an engine would do for a program.
#[derive(Debug, PartialEq)]
pub(crate) enum Plan {
    Create,
    Same,
    Update(Diff),
    Replace(Diff),
    /// Check refuses the program, or Diff the change, with these failures.
    Refused(Vec<String>),
}

impl Stack {
    pub(crate) fn new(name: &str) -> Stack {
        Stack { name: name.to_owned(), kept: None }
    }

    pub(crate) fn id(&self) -> String {
        self.kept.as_ref().map(|kept| text(&kept.state["id"])).unwrap_or_default()
    }

    /// The plan for a program, and the inputs that it is made from.
    pub(crate) async fn preview(&self, plugin: &mut Plugin, program: &Json) -> (Plan, Json) {
        let olds = self.kept.as_ref().map(|kept| kept.inputs.clone());
        let inputs = match plugin.check_against(&self.name, olds, program.clone()).await {
            Ok(inputs) => inputs,
            Err(failures) => return (Plan::Refused(failures), Json::Null),
        };
        let Some(kept) = &self.kept else { return (Plan::Create, inputs) };
        let diff = match plugin.try_diff(&self.name, &kept.state, &kept.inputs, &inputs).await {
            Ok(diff) => diff,
            Err(failed) => return (Plan::Refused(vec![failed.message]), Json::Null),
        };
        if !diff.replaces.is_empty() {
            // The replacement is a new resource, so what was filled in for the old one is filled in anew.
            plugin.seed.push('+');
            let inputs = plugin.check(&self.name, program.clone()).await.expect("good inputs stay good");
            return (Plan::Replace(diff), inputs);
        }
        let same = diff.detailed.is_empty() && !kept.incomplete;
        (if same { Plan::Same } else { Plan::Update(diff) }, inputs)
    }

    /// What was done, unless it failed; what is kept then is what an engine would keep.
    pub(crate) async fn up(&mut self, plugin: &mut Plugin, program: &Json) -> Result<Plan, Failed> {
        let (plan, inputs) = self.preview(plugin, program).await;
        match (&plan, self.kept.clone()) {
            (Plan::Create, _) | (_, None) => self.create(plugin, inputs).await?,
            (Plan::Refused(failures), _) => panic!("{program} is refused: {failures:?}"),
            // Inputs that say the same in other words are kept all the same.
            (Plan::Same, Some(kept)) => self.kept = Some(Kept { inputs, ..kept }),
            (Plan::Update(_), Some(kept)) => {
                let updated = plugin.update(&self.name, &kept.state, &kept.inputs, &inputs).await;
                match updated {
                    Ok(state) => self.kept = Some(Kept { inputs, state, incomplete: false }),
                    Err(failed) => {
                        // An engine keeps the new outputs then, and the inputs from before.
                        if let Some((_, state)) = failed.partial.clone() {
                            self.kept = Some(Kept { inputs: kept.inputs, state, incomplete: true });
                        }
                        return Err(failed);
                    }
                }
            }
            (Plan::Replace(diff), Some(old)) => {
                if diff.delete_before_replace {
                    self.destroy(plugin).await?;
                    self.create(plugin, inputs).await?;
                } else {
                    self.create(plugin, inputs).await?;
                    plugin.delete(&self.name, &old.state, &old.inputs).await?;
                }
            }
        }
        Ok(plan)
    }

    async fn create(&mut self, plugin: &mut Plugin, inputs: Json) -> Result<(), Failed> {
        match plugin.create(&self.name, &inputs).await {
            Ok((_, state)) => {
                self.kept = Some(Kept { inputs, state, incomplete: false });
                Ok(())
            }
            Err(failed) => {
                if let Some((_, state)) = failed.partial.clone() {
                    self.kept = Some(Kept { inputs, state, incomplete: true });
                }
                Err(failed)
            }
        }
    }

    /// Whether the resource is still there.
    pub(crate) async fn refresh(&mut self, plugin: &mut Plugin) -> Result<bool, Failed> {
        let Some(kept) = self.kept.clone() else { return Ok(false) };
        let read = match plugin.read(&self.name, &self.id(), &kept.inputs, &kept.state).await {
            // An engine warns, and keeps the resource as one that is not complete.
            Err(Failed { partial: Some((_, state)), inputs: Some(inputs), .. }) => {
                self.kept = Some(Kept { inputs, state, incomplete: true });
                return Ok(true);
            }
            read => read?,
        };
        self.kept = read.map(|(inputs, state)| Kept { inputs, state, incomplete: false });
        Ok(self.kept.is_some())
    }

    pub(crate) async fn destroy(&mut self, plugin: &mut Plugin) -> Result<(), Failed> {
        if let Some(kept) = &self.kept {
            plugin.delete(&self.name, &kept.state, &kept.inputs).await?;
            self.kept = None;
        }
        Ok(())
    }
}
