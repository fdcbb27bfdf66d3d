//! What the rules say of the change from one program with an image, a copy or an import to another, and of an image
//! that a program describes. Written from the documented rules and not from the plugin's code, so that the two can
//! disagree.

use serde_json::{Value as Json, json};

use crate::harness::text;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum When {
    Update,
    Replace,
}

/// The properties of a resource, and when each changes.
pub(crate) type Properties = [(&'static str, When)];

pub(crate) const OF_AN_IMAGE: &Properties = &[
    ("architecture", When::Replace),
    ("bootMode", When::Update),
    ("deleteAutoSnapshot", When::Update),
    ("description", When::Update),
    ("detectionStrategy", When::Update),
    ("diskDeviceMappings", When::Replace),
    ("features", When::Update),
    ("force", When::Update),
    ("imageFamily", When::Update),
    ("imageName", When::Update),
    ("imageVersion", When::Replace),
    ("instanceId", When::Replace),
    ("licenseType", When::Update),
    ("platform", When::Replace),
    ("resourceGroupId", When::Update),
    ("snapshotId", When::Replace),
    ("status", When::Update),
    ("tags", When::Update),
];

pub(crate) const OF_A_COPY: &Properties = &[
    ("deleteAutoSnapshot", When::Update),
    ("description", When::Update),
    ("encrypted", When::Replace),
    ("force", When::Update),
    ("imageName", When::Update),
    ("kmsKeyId", When::Replace),
    ("resourceGroupId", When::Update),
    ("sourceImageId", When::Replace),
    ("sourceRegionId", When::Replace),
    ("status", When::Update),
    ("tags", When::Update),
];

pub(crate) const OF_AN_IMPORT: &Properties = &[
    ("architecture", When::Replace),
    ("bootMode", When::Update),
    ("deleteAutoSnapshot", When::Update),
    ("description", When::Update),
    ("detectionStrategy", When::Update),
    ("diskDeviceMappings", When::Replace),
    ("features", When::Update),
    ("force", When::Update),
    ("imageName", When::Update),
    ("licenseType", When::Update),
    ("osType", When::Replace),
    ("platform", When::Replace),
    ("resourceGroupId", When::Update),
    ("roleName", When::Update),
    ("status", When::Update),
    ("tags", When::Update),
];

/// Whether a change of the property is made to the image that is there.
pub(crate) fn is_updatable(properties: &Properties, property: &str) -> bool {
    properties.contains(&(property, When::Update))
}

/// What an image can be made of.
const SOURCES: [&str; 3] = ["instanceId", "snapshotId", "diskDeviceMappings"];
/// What a disk can be made of. Without any of them it is blank.
const SOURCES_OF_A_DISK: [&str; 3] = ["ossBucket", "ossObject", "snapshotId"];
/// The present and the old way to give the name.
pub(crate) const NAMES: [&str; 2] = ["imageName", "name"];

/// Whether the path of a failure leads to something that the program gives, or to a property that there is.
pub(crate) fn leads_somewhere(properties: &Properties, path: &str, program: &Json) -> bool {
    let given = program.as_object().into_iter().flatten().any(|(name, _)| {
        path.starts_with(name.as_str()) && !name.is_empty() || path.starts_with(&step(name))
    });
    given || properties.iter().any(|(name, _)| path == *name) || path == "name"
}

/// What the rules say of going from one program to another.
#[derive(Debug, PartialEq)]
pub(crate) enum Expected {
    Same,
    /// Each change with its path, and whether the old image must go first where any of them replaces it.
    Changes {
        detailed: Vec<String>,
        replaces: Vec<String>,
        delete_first: bool,
    },
    Refused(Vec<String>),
}

/// From inputs that are in effect, or from what a refresh found in their place, to a program. `cloud` is the image as the
/// cloud has it.
pub(crate) fn expected(properties: &Properties, old: &Json, new: &Json, cloud: &Json) -> Expected {
    let mut changes: Vec<(String, String, When)> = Vec::new();
    for &(property, when) in properties {
        let (before, after) = (value_of(old, property), value_of(new, property));
        // A name that is left out stays; so does what only the cloud has named so far.
        let after = if property == "imageName" { after.or(before.clone()) } else { after };
        let there = reported(cloud, property);
        if before.is_none() && after.is_some() && after == there {
            continue;
        }
        // Whatever license there is satisfies a program that leaves it to the cloud.
        if property == "licenseType" && before.is_none() && after == Some("Auto".into()) && there.is_some() {
            continue;
        }
        let written = if property == "imageName" { written_name(old, new) } else { property };
        let mut found = Vec::new();
        differences(before.as_ref(), after.as_ref(), there.as_ref(), written.to_owned(), &mut found);
        changes.extend(found.into_iter().map(|(kind, path)| (kind.to_owned(), path, when)));
    }
    // What is left out of what the image was made of asks for nothing.
    let is_cause = |(kind, path, when): &(String, String, When)| {
        let is_element = path.ends_with(']');
        let names_a_source =
            path.split_once('.').is_some_and(|(_, inside)| SOURCES_OF_A_DISK.contains(&inside));
        *when == When::Replace && (kind != "DELETE" || is_element || names_a_source)
    };
    let replaced = changes.iter().any(is_cause);
    if !replaced {
        changes.retain(|(.., when)| *when == When::Update);
    }
    if old["features"]["imdsSupport"] == "v2" && new["features"]["imdsSupport"] == "v1" && !replaced {
        return Expected::Refused(vec!["features.imdsSupport".to_owned()]);
    }
    if changes.is_empty() {
        return Expected::Same;
    }
    let mut detailed: Vec<String> = changes
        .iter()
        .map(|(kind, path, when)| match when {
            When::Update => format!("{kind} {path}"),
            When::Replace => format!("{kind}_REPLACE {path}"),
        })
        .collect();
    detailed.sort_unstable();
    let replacing = changes.iter().filter(|(.., when)| *when == When::Replace);
    let mut replaces: Vec<String> =
        replacing.map(|(_, path, _)| path.split(['.', '[']).next().unwrap_or_default().to_owned()).collect();
    replaces.dedup();
    let given = NAMES.iter().any(|name| new.get(name).is_some());
    let delete_first = replaced && given && value_of(old, "imageName") == value_of(new, "imageName");
    Expected::Changes { detailed, replaces, delete_first }
}

/// What a program says of a property, whichever way it says it.
fn value_of(program: &Json, property: &str) -> Option<Json> {
    match property {
        "imageName" => program.get("imageName").or_else(|| program.get("name")).cloned(),
        "diskDeviceMappings" => program.get(property).map(disks),
        "tags" => program.get("tags").map(tag_texts),
        _ => program.get(property).cloned(),
    }
}

/// A state whose disks have their formats in one case.
pub(crate) fn in_one_case(mut state: Json) -> Json {
    if let Some(disks) = value_of(&state, "diskDeviceMappings") {
        state["diskDeviceMappings"] = disks;
    }
    state
}

/// Disks with their formats in one case, as it makes no difference.
fn disks(mappings: &Json) -> Json {
    let mut disks = mappings.clone();
    for format in disks.as_array_mut().into_iter().flatten().filter_map(|disk| disk.get_mut("format")) {
        *format = text(format).to_uppercase().into();
    }
    disks
}

/// Tags as the cloud has them: text, whatever the program writes.
pub(crate) fn tag_texts(tags: &Json) -> Json {
    let text_of = |value: &Json| match value {
        Json::Number(number) => number.as_f64().map(|number| number.to_string().into()).unwrap_or_default(),
        Json::Bool(value) => value.to_string().into(),
        other => other.clone(),
    };
    tags.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), text_of(value))).collect()
}

fn is_nothing(value: &Json) -> bool {
    value.is_null() || *value == json!({}) || *value == json!([])
}

fn written_name(old: &Json, new: &Json) -> &'static str {
    let name_in = |program: &Json| NAMES.into_iter().find(|name| program.get(name).is_some());
    name_in(new).or_else(|| name_in(old)).unwrap_or("imageName")
}

/// What the cloud calls the properties that it reports as text or as tags.
const REPORTED: [(&str, &str); 12] = [
    ("architecture", "architecture"),
    ("bootMode", "boot_mode"),
    ("description", "description"),
    ("imageFamily", "family"),
    ("imageName", "name"),
    ("imageVersion", "version"),
    ("licenseType", "license_type"),
    ("osType", "os_type"),
    ("platform", "platform"),
    ("resourceGroupId", "resource_group"),
    ("status", "status"),
    ("tags", "tags"),
];

/// What the cloud reports of a property.
fn reported(cloud: &Json, property: &str) -> Option<Json> {
    if property == "diskDeviceMappings" {
        let there = cloud["disks"].as_array().into_iter().flatten().map(|disk| {
            let file = &disk["import"];
            json!({
                "device": disk["device"],
                "diskType": disk["kind"],
                "size": disk["size"],
                "diskImageSize": disk["size"],
                "snapshotId": disk["snapshot"],
                "ossBucket": text(&file["bucket"]),
                "ossObject": text(&file["object"]),
                "format": file["format"],
            })
        });
        return Some(disks(&there.collect()));
    }
    if property == "features" {
        return Some(json!({ "imdsSupport": cloud["imds_support"], "nvmeSupport": cloud["nvme_support"] }));
    }
    REPORTED.iter().find(|(name, _)| *name == property).map(|(_, there)| cloud[there].clone())
}

/// Paths as Pulumi writes them, as deep as both sides have something. What begins to be said and is so in the cloud is none.
fn differences(
    old: Option<&Json>,
    new: Option<&Json>,
    cloud: Option<&Json>,
    path: String,
    found: &mut Vec<(&'static str, String)>,
) {
    match (old, new) {
        (None, None) => {}
        (None, Some(new)) if is_nothing(new) => {}
        (Some(old), None) if is_nothing(old) => {}
        (None, Some(new)) if path.contains(['.', '[']) && cloud == Some(new) => {}
        (None, Some(_)) => found.push(("ADD", path)),
        (Some(_), None) => found.push(("DELETE", path)),
        (Some(Json::Object(old)), Some(Json::Object(new))) => {
            let keys: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for key in keys {
                let cloud = cloud.and_then(|cloud| cloud.get(key));
                differences(old.get(key), new.get(key), cloud, format!("{path}{}", step(key)), found);
            }
        }
        (Some(Json::Array(old)), Some(Json::Array(new))) => {
            let none = Vec::new();
            let reported = cloud.and_then(Json::as_array).unwrap_or(&none);
            for index in 0..old.len().max(new.len()) {
                let cloud = own_element(index, old, new, reported);
                differences(old.get(index), new.get(index), cloud, format!("{path}[{index}]"), found);
            }
        }
        (Some(old), Some(new)) if old == new => {}
        (Some(_), Some(_)) => found.push(("UPDATE", path)),
    }
}

/// The element of the cloud's list that says nothing else than this one does and did, if the others can do without it.
fn own_element<'a>(index: usize, old: &[Json], new: &[Json], cloud: &'a [Json]) -> Option<&'a Json> {
    let fits = |element: usize, there: &Json| {
        [old.get(element), new.get(element)].into_iter().flatten().all(|said| {
            let said = said.as_object().into_iter().flatten();
            said.into_iter().all(|(key, value)| there.get(key).is_none_or(|there| there == value))
        })
    };
    let others: Vec<usize> = (0..new.len()).filter(|element| *element != index).collect();
    let most = most_served(&others, &vec![true; cloud.len()], cloud, &fits);
    let candidates = cloud.iter().enumerate().filter(|(_, there)| index < new.len() && fits(index, there));
    let said = new.get(index).and_then(Json::as_object);
    let full = |there: &Json| said.is_some_and(|said| said.keys().all(|key| there.get(key).is_some()));
    let mut free: Vec<&Json> = candidates
        .filter(|(place, _)| {
            let left: Vec<bool> = (0..cloud.len()).map(|other| other != *place).collect();
            most_served(&others, &left, cloud, &fits) == most
        })
        .map(|(_, there)| there)
        .collect();
    free.sort_by_key(|there| !full(there));
    free.first().copied()
}

/// How many of these elements can each have one of the cloud's list that is left: each in turn takes one that is free, or
/// one whose element finds another.
fn most_served(
    elements: &[usize],
    left: &[bool],
    cloud: &[Json],
    fits: &impl Fn(usize, &Json) -> bool,
) -> usize {
    let mut taken_by = vec![None; cloud.len()];
    elements
        .iter()
        .filter(|element| takes_one(**element, &mut left.to_vec(), &mut taken_by, cloud, fits))
        .count()
}

/// Whether an element gets one of the places that it has not tried yet.
fn takes_one(
    element: usize,
    untried: &mut [bool],
    taken_by: &mut [Option<usize>],
    cloud: &[Json],
    fits: &impl Fn(usize, &Json) -> bool,
) -> bool {
    for place in 0..cloud.len() {
        if !untried[place] || !fits(element, &cloud[place]) {
            continue;
        }
        untried[place] = false;
        let is_free = match taken_by[place] {
            Some(other) => takes_one(other, untried, taken_by, cloud, fits),
            None => true,
        };
        if is_free {
            taken_by[place] = Some(element);
            return true;
        }
    }
    false
}

/// Into a map: `.key` where that can be read, else `["the key"]`.
fn step(key: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
    if key.chars().all(is_word) && key.starts_with(|c: char| !c.is_ascii_digit()) {
        return format!(".{key}");
    }
    format!("[\"{}\"]", key.replace('"', "\\\""))
}

/// What of a program is not so in the cloud.
pub(crate) fn not_in_effect(program: &Json, cloud: &Json) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut compare = |property: &str, there: &Json| {
        let wanted = value_of(program, property).filter(|wanted| wanted != there);
        if let Some(wanted) = wanted.filter(|wanted| property != "licenseType" || *wanted != "Auto") {
            wrong.push(format!("{property} is {there} and not {wanted}"));
        }
    };
    for (property, there) in REPORTED {
        compare(property, &cloud[there]);
    }
    for (feature, there) in [("imdsSupport", "imds_support"), ("nvmeSupport", "nvme_support")] {
        let wanted = &program["features"][feature];
        if !wanted.is_null() && *wanted != cloud[there] {
            wrong.push(format!("features.{feature} is {} and not {wanted}", cloud[there]));
        }
    }
    // What a program says nothing of is not kept from an earlier one, where the cloud can clear it.
    for (property, there) in [("description", "description"), ("imageFamily", "family"), ("tags", "tags")] {
        if program.get(property).is_none() && !is_nothing(&cloud[there]) && cloud[there] != "" {
            wrong.push(format!("{property} is {} and should be cleared", cloud[there]));
        }
    }
    let source = [&program["sourceRegionId"], &program["sourceImageId"]];
    if source.iter().any(|said| !said.is_null()) && json!(source) != cloud["copied_from"] {
        wrong.push(format!("it is a copy of {}", cloud["copied_from"]));
    }
    for (property, there) in [("encrypted", "encrypted"), ("kmsKeyId", "kms_key")] {
        let wanted = &program[property];
        if !wanted.is_null() && *wanted != cloud[there] {
            wrong.push(format!("{property} is {} and not {wanted}", cloud[there]));
        }
    }
    if let Some(Json::Array(said)) = value_of(program, "diskDeviceMappings") {
        let there = reported(cloud, "diskDeviceMappings");
        let there = there.as_ref().and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        if there.len() != said.len() {
            wrong.push(format!("there are {} disks and not {}", there.len(), said.len()));
        }
        for (index, (said, disk)) in said.iter().zip(there).enumerate() {
            let is_so = |property: &String, wanted: &Json| disk[property] == *wanted;
            let said = said.as_object().into_iter().flatten();
            for (property, wanted) in said.clone().filter(|(property, wanted)| !is_so(property, wanted)) {
                wrong.push(format!("disk {index} has the {property} {} and not {wanted}", disk[property]));
            }
            if disk["ossObject"] != "" && !said.into_iter().any(|(property, _)| property == "ossObject") {
                wrong.push(format!("disk {index} is of {} and should be blank", disk["ossObject"]));
            }
        }
    }
    let sources: Vec<&str> = SOURCES.into_iter().filter(|source| program.get(source).is_some()).collect();
    if sources == ["snapshotId"] && text(&cloud["disks"][0]["snapshot"]) != text(&program["snapshotId"]) {
        wrong.push(format!("the source is {}", cloud["disks"][0]["snapshot"]));
    }
    wrong
}
