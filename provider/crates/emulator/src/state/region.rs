//! What one region holds.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock::Millis;
use crate::state::image::{Image, Owner};
use crate::state::instance::Instance;
use crate::state::snapshot::Snapshot;
use crate::state::task::{Reason, Task};

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Region {
    pub(crate) images: Vec<Image>,
    pub(crate) snapshots: Vec<Snapshot>,
    pub(crate) instances: Vec<Instance>,
    pub(crate) resource_groups: BTreeSet<String>,
    pub(crate) tasks: Vec<Task>,
    /// The names of images that are gone, and until when they are taken all the same.
    #[serde(default)]
    pub(crate) held_names: BTreeMap<String, Millis>,
}

/// What resources of every type have.
#[derive(Debug)]
pub(crate) struct Labels<'a> {
    pub(crate) tags: &'a mut BTreeMap<String, String>,
    pub(crate) resource_group: &'a mut String,
}

impl Region {
    /// The images of this account, visible or not.
    pub(crate) fn own_images(&self) -> impl Iterator<Item = &Image> {
        self.images.iter().filter(|image| image.owner == Owner::Own)
    }

    pub(crate) fn image(&self, id: &str) -> Option<&Image> {
        self.images.iter().find(|image| image.id == id)
    }

    pub(crate) fn image_mut(&mut self, id: &str) -> Option<&mut Image> {
        self.images.iter_mut().find(|image| image.id == id)
    }

    /// Takes the image away. Its name is free from `freed_at` on.
    pub(crate) fn remove_image(&mut self, id: &str, now: Millis, freed_at: Millis) {
        self.held_names.retain(|_, until| now < *until);
        for image in self.images.extract_if(.., |image| image.id == id) {
            if image.owner == Owner::Own && !image.name.is_empty() && now < freed_at {
                self.held_names.insert(image.name, freed_at);
            }
        }
    }

    pub(crate) fn is_exporting(&self, image: &str, now: Millis) -> bool {
        let is_export = |task: &Task| task.action == "ExportImage" && task.resource == image;
        self.tasks.iter().any(|task| is_export(task) && !task.is_over(now))
    }

    /// The task ends now, for that reason. Returns the image that it was making.
    pub(crate) fn end_task(&mut self, id: &str, reason: Reason, now: Millis) -> Option<&mut Image> {
        let task = self.tasks.iter_mut().find(|task| task.id == id).filter(|task| !task.is_over(now))?;
        task.fail(reason, now);
        let image = (task.action == "ImportImage").then(|| task.resource.clone())?;
        self.image_mut(&image)
    }

    /// The image leaves the queue of copies. Returns whether its copy takes any time.
    pub(crate) fn start_copy(&mut self, id: &str, at: Millis) -> bool {
        let Some(image) = self.images.iter_mut().find(|image| image.id == id) else { return false };
        image.queued = None;
        image.waited = (at - image.created).max(0);
        for snapshot in self.snapshots.iter_mut().filter(|snapshot| image.uses_snapshot(&snapshot.id)) {
            (snapshot.created, snapshot.build) = (at, image.build);
        }
        image.build > 0
    }

    /// Takes away the images whose copies were cancelled, with the snapshots that were being copied for them.
    pub(crate) fn remove_cancelled(&mut self, now: Millis) {
        let is_over = |image: &Image| image.cancelled.as_ref().is_some_and(|c| now >= c.gone_at);
        let over: Vec<Image> = self.images.iter().filter(|image| is_over(image)).cloned().collect();
        for image in over {
            let freed_at = image.cancelled.as_ref().map_or(now, |cancelled| cancelled.name_freed_at);
            self.remove_image(&image.id, now, freed_at);
            self.snapshots.retain(|snapshot| !image.uses_snapshot(&snapshot.id));
        }
    }

    pub(crate) fn snapshot(&self, id: &str) -> Option<&Snapshot> {
        self.snapshots.iter().find(|snapshot| snapshot.id == id)
    }

    pub(crate) fn instance(&self, id: &str) -> Option<&Instance> {
        self.instances.iter().find(|instance| instance.id == id)
    }

    /// The tags and the group of a resource of this account. `kind` is a ResourceType of the API.
    pub(crate) fn labels_mut(&mut self, kind: &str, id: &str) -> Option<Labels<'_>> {
        match kind {
            "image" => {
                let image = self.image_mut(id).filter(|image| image.owner == Owner::Own)?;
                Some(Labels { tags: &mut image.tags, resource_group: &mut image.resource_group })
            }
            "snapshot" => {
                let snapshot = self.snapshots.iter_mut().find(|snapshot| snapshot.id == id)?;
                Some(Labels { tags: &mut snapshot.tags, resource_group: &mut snapshot.resource_group })
            }
            "instance" => {
                let instance = self.instances.iter_mut().find(|instance| instance.id == id)?;
                Some(Labels { tags: &mut instance.tags, resource_group: &mut instance.resource_group })
            }
            _ => None,
        }
    }

    /// Every resource of that type and of this account, by id, with its tags.
    pub(crate) fn all_tags(&self, kind: &str) -> Vec<(&str, &BTreeMap<String, String>)> {
        match kind {
            "image" => self.own_images().map(|image| (image.id.as_str(), &image.tags)).collect(),
            "snapshot" => {
                self.snapshots.iter().map(|snapshot| (snapshot.id.as_str(), &snapshot.tags)).collect()
            }
            "instance" => {
                self.instances.iter().map(|instance| (instance.id.as_str(), &instance.tags)).collect()
            }
            _ => vec![],
        }
    }

    /// When each thing in it was made, or how long it waited, and how long it takes.
    pub(crate) fn times(&self) -> impl Iterator<Item = (Millis, Millis)> {
        let images =
            self.images.iter().flat_map(|image| [(image.created, image.build), (image.waited, image.build)]);
        let snapshots = self.snapshots.iter().map(|snapshot| (snapshot.created, snapshot.build));
        images.chain(snapshots).chain(self.tasks.iter().map(|task| (task.created, task.build)))
    }

    /// Everything stored in it, with what follows from the clock.
    pub(crate) fn view(&self, now: Millis) -> Value {
        json!({
            "images": self.images.iter().map(|image| image.view(now)).collect::<Vec<_>>(),
            "snapshots": self.snapshots.iter().map(|snapshot| snapshot.view(now)).collect::<Vec<_>>(),
            "instances": self.instances.iter().map(|instance| instance.view(now)).collect::<Vec<_>>(),
            "resource_groups": self.resource_groups,
            "tasks": self.tasks.iter().map(|task| task.view(now)).collect::<Vec<_>>(),
            "held_names": self.held_names,
        })
    }
}
