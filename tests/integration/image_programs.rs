//! Programs with one image, any that the rules allow, and what the rules say of the change from one to another. Written
//! from the documented rules and not from the plugin's code, so that the two can disagree.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use serde_json::{Map, Value as Json, json};

use crate::harness::{SIGNATURE, UNKNOWN, text};

/// A snapshot that a program may name, and that is not there.
pub(crate) const ABSENT_SNAPSHOT: &str = "s-elsewhere";
/// What the cloud takes where a program gives no architecture.

#[derive(Clone, Copy, Debug, PartialEq)]
enum When {
    Update,
    Replace,
}

/// When a property changes.
const PROPERTIES: [(&str, When); 18] = [
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

const SOURCES: [&str; 3] = ["instanceId", "snapshotId", "diskDeviceMappings"];
const NAMES: [&str; 2] = ["imageName", "name"];
/// What a program may say of the status.
const STATUSES: &[&str] = &["Available", "Deprecated"];

/// Whether a change of the property is made to the image that is there.
pub(crate) fn is_updatable(property: &str) -> bool {
    PROPERTIES.contains(&(property, When::Update))
}

fn texts(options: &'static [&'static str]) -> BoxedStrategy<Json> {
    select(options).prop_map(Json::from).boxed()
}

fn name() -> impl Strategy<Value = String> {
    let short = "[A-Za-z一-龥][A-Za-z0-9一-龥.:_-]{1,20}";
    let long = "[A-Za-z一-龥][A-Za-z0-9一-龥.:_-]{127}";
    prop_oneof![9 => short, 1 => long].prop_filter("reserved prefixes", |name| {
        let name = name.to_lowercase();
        !name.starts_with("aliyun") && !name.starts_with("acs:")
    })
}

fn description() -> impl Strategy<Value = String> {
    prop_oneof![9 => "[ -~一-龥ぁ-ん😀-🙏]{2,30}", 1 => "[ -~一-龥😀-🙏]{256}"].prop_filter(
        "addresses",
        |text| {
            let text = text.to_lowercase();
            !text.starts_with("http://") && !text.starts_with("https://")
        },
    )
}

/// A tag's value, which may be written as a number or a boolean.
fn tag_value() -> impl Strategy<Value = Json> {
    prop_oneof![
        6 => "[ -~一-龥😀-🙏]{0,20}".prop_filter("reserved", |text| {
            !text.to_lowercase().starts_with("acs:") && !text.to_lowercase().contains("://")
        }).prop_map(Json::from),
        1 => "[a-z一-龥]{128}".prop_map(Json::from),
        1 => any::<i32>().prop_map(Json::from),
        1 => (0..1000_i32).prop_map(|quarters| json!(f64::from(quarters) / 4.0)),
        1 => any::<bool>().prop_map(Json::from),
    ]
}

fn tags() -> BoxedStrategy<Json> {
    // In lower case, since the cloud takes keys that differ in case alone for one.
    let key = prop_oneof![
        5 => "[a-z][a-z0-9_]{0,6}",
        4 => "[ -@\\[-~一-龥😀-🙏]{1,12}",
        1 => "[a-z一-龥]{128}",
    ];
    let key = key.prop_filter("reserved", |key: &String| {
        !key.starts_with("aliyun")
            && !key.starts_with("acs:")
            && !key.contains("://")
            && !key.starts_with("__")
    });
    prop_oneof![4 => btree_map(key.clone(), tag_value(), 0..5), 1 => btree_map(key, tag_value(), 20)]
        .prop_map(|tags| Json::Object(tags.into_iter().collect()))
        .boxed()
}

fn features() -> BoxedStrategy<Json> {
    (option::of(select(&["v1", "v2"][..])), option::of(select(&["supported", "unsupported"][..])))
        .prop_map(|(imds, nvme)| without_nulls(json!({ "imdsSupport": imds, "nvmeSupport": nvme })))
        .boxed()
}

fn data_disk() -> impl Strategy<Value = Json> {
    let from_snapshot = (option::of(100..=32768_i64), option::of(Just("data")));
    let blank = (5..=32768_i64, Just("data"));
    prop_oneof![
        from_snapshot
            .prop_map(|(size, kind)| json!({ "snapshotId": "s-data", "size": size, "diskType": kind })),
        blank.prop_map(|(size, kind)| json!({ "size": size, "diskType": kind })),
    ]
}

fn mappings() -> BoxedStrategy<Json> {
    let letters = || ('b'..='z').collect::<Vec<_>>();
    let count = prop_oneof![9 => 0..4_usize, 1 => Just(16_usize)];
    let data = count.prop_flat_map(move |count| (vec(data_disk(), count), subsequence(letters(), count)));
    let system = (option::of(40..=32768_i64), option::of(Just("system")), option::of(Just("/dev/xvda")));
    (system, data, any::<bool>())
        .prop_map(|((size, kind, device), (data, letters), named)| {
            let system =
                json!({ "snapshotId": "s-system", "size": size, "diskType": kind, "device": device });
            let data = data.into_iter().zip(letters).map(|(mut disk, letter)| {
                if named {
                    disk["device"] = format!("/dev/xvd{letter}").into();
                }
                disk
            });
            Json::Array(std::iter::once(system).chain(data).map(without_nulls).collect())
        })
        .boxed()
}

/// What goes together: one property, or several of which the program must give certain ones.
type Part = Map<String, Json>;
const PARTS: usize = 15;

fn part(name: &'static str, value: BoxedStrategy<Json>) -> BoxedStrategy<Part> {
    option::of(value).prop_map(move |value| one(name, value)).boxed()
}

fn one(name: &str, value: Option<Json>) -> Part {
    value.map(|value| (name.to_owned(), value)).into_iter().collect()
}

fn source() -> BoxedStrategy<Part> {
    prop_oneof![
        texts(&["i-running", "i-stopped"]).prop_map(|id| one("instanceId", Some(id))),
        prop_oneof![5 => Just("s-system"), 1 => Just(ABSENT_SNAPSHOT)]
            .prop_map(|id| one("snapshotId", Some(id.into()))),
        mappings().prop_map(|mappings| one("diskDeviceMappings", Some(mappings))),
    ]
    .boxed()
}

/// The architecture, and a way to start that it knows.
fn machine() -> BoxedStrategy<Part> {
    let architecture = option::of(select(&["x86_64", "i386", "arm64"][..]));
    architecture
        .prop_flat_map(|architecture| {
            let modes: &[&str] = match architecture {
                Some("i386") => &["BIOS"],
                Some("arm64") => &["UEFI"],
                _ => &["BIOS", "UEFI", "UEFI-Preferred"],
            };
            (Just(architecture), option::of(select(modes)))
        })
        .prop_map(|(architecture, mode)| {
            let mut part = one("architecture", architecture.map(Json::from));
            part.extend(one("bootMode", mode.map(Json::from)));
            part
        })
        .boxed()
}

fn names() -> BoxedStrategy<Part> {
    let named = (select(&NAMES[..]), name());
    option::weighted(0.8, named)
        .prop_map(|named| named.map(|(key, name)| one(key, Some(name.into()))).unwrap_or_default())
        .boxed()
}

fn parts() -> impl Strategy<Value = [Part; PARTS]> {
    const PLATFORMS: &[&str] = &["CentOS", "Ubuntu", "Rocky Linux", "Windows Server 2022", "Others Linux"];
    [
        source(),
        machine(),
        names(),
        part("imageFamily", name().prop_map(Json::from).boxed()),
        part("imageVersion", "[ -~一-龥]{0,38}[!-~]".prop_map(Json::from).boxed()),
        part("description", description().prop_map(Json::from).boxed()),
        part("platform", texts(PLATFORMS)),
        part("features", features()),
        part("licenseType", texts(&["Auto", "Aliyun", "BYOL"])),
        part("detectionStrategy", texts(&["Standard"])),
        part("resourceGroupId", texts(&["rg-default", "rg-other"])),
        part("status", texts(STATUSES)),
        part("tags", tags()),
        part("force", any::<bool>().prop_map(Json::from).boxed()),
        part("deleteAutoSnapshot", any::<bool>().prop_map(Json::from).boxed()),
    ]
}

fn join(parts: impl IntoIterator<Item = Part>) -> Json {
    Json::Object(parts.into_iter().flatten().collect())
}

/// A program that the rules allow and the cloud can carry out.
pub(crate) fn program() -> impl Strategy<Value = Json> {
    parts().prop_map(join).prop_filter("the snapshot is there", can_be_made)
}

pub(crate) fn can_be_made(program: &Json) -> bool {
    program["snapshotId"] != ABSENT_SNAPSHOT
}

/// Whether a machine of an architecture starts this way. No way at all is whichever it is.
pub(crate) fn can_boot(architecture: &Json, mode: &Json) -> bool {
    let ways: &[&str] = match architecture.as_str() {
        Some("i386") => &["BIOS"],
        Some("arm64") => &["UEFI"],
        _ => return true,
    };
    mode.as_str().is_none_or(|mode| ways.contains(&mode))
}

/// A program that can be carried out, and the same after an author has worked on it.
pub(crate) fn edited_program() -> impl Strategy<Value = (Json, Json)> {
    let edit = prop_oneof![3 => Just(Edit::Keep), 2 => Just(Edit::Exchange), 1 => Just(Edit::Blend)];
    (parts(), parts(), vec(edit, PARTS), any::<Index>())
        .prop_map(|(old, other, edits, at)| {
            let new = old.iter().zip(other).zip(edits).map(|((old, other), edit)| match edit {
                Edit::Keep => old.clone(),
                Edit::Exchange => other,
                Edit::Blend => blend(old, &other, at),
            });
            let (mut old, mut new) = (join(old.clone()), join(new));
            // The cloud keeps a snapshot that the replacement is made from as well, and so the deletion would fail.
            for program in [&mut old, &mut new] {
                if program.get("instanceId").is_none() {
                    program.as_object_mut().expect("an object").remove("deleteAutoSnapshot");
                }
            }
            (old, new)
        })
        .prop_filter("the snapshot is there", |(old, _)| can_be_made(old))
}

/// What an author does with a part.
#[derive(Clone, Debug)]
enum Edit {
    Keep,
    Exchange,
    /// Changes something inside, where there is an inside.
    Blend,
}

fn blend(old: &Part, other: &Part, at: Index) -> Part {
    let mut new = old.clone();
    for (property, value) in &mut new {
        let theirs = other.get(property).unwrap_or(&Json::Null);
        match value {
            Json::Object(fields) if property == "tags" && !fields.is_empty() => {
                let key = fields.keys().nth(at.index(fields.len())).cloned().unwrap_or_default();
                fields.insert(key, "exchanged".into());
                let added = theirs.as_object().into_iter().flatten().take(20 - fields.len());
                fields.extend(added.map(|(key, value)| (key.clone(), value.clone())));
            }
            Json::Object(fields) if property == "features" => {
                fields.extend(theirs.as_object().cloned().unwrap_or_default());
            }
            Json::Array(disks) => match at.index(3) {
                0 => disks.truncate(1),
                1 => disks[0]["size"] = (40 + at.index(1000)).into(),
                _ => {
                    let last = disks.len() - 1;
                    disks[last]["size"] = (100 + at.index(1000)).into();
                }
            },
            _ => {}
        }
    }
    // The other way to write the same name.
    if let ["imageName" | "name"] = old.keys().map(String::as_str).collect::<Vec<_>>()[..] {
        let (written, name) = old.iter().next().expect("one name");
        let now = NAMES.iter().find(|one| *one != written).expect("two names");
        return one(now, Some(name.clone()));
    }
    new
}

/// A program in which anything may stand anywhere.
pub(crate) fn junk_program() -> impl Strategy<Value = Json> {
    let name = prop_oneof![
        8 => select(PROPERTIES.map(|(name, _)| name).to_vec()).prop_map(str::to_owned),
        1 => Just("name".to_owned()),
        1 => ".{0,12}",
    ];
    let base = prop_oneof![3 => program(), 1 => Just(json!({}))];
    let inner = prop_oneof![1 => ".{0,20}".prop_map(Json::from), 1 => junk()];
    (base, vec((name, junk()), 0..3), vec((inner_key(), inner), 1..4)).prop_map(
        |(mut program, junk, inside)| {
            let fields = program.as_object_mut().expect("an object");
            for (property, value) in fields.iter_mut() {
                let spoilt = match value {
                    Json::Array(disks) => disks.last_mut().and_then(Json::as_object_mut),
                    value if property == "tags" || property == "features" => value.as_object_mut(),
                    _ => None,
                };
                if let Some(spoilt) = spoilt {
                    spoilt.extend(inside.clone());
                }
            }
            fields.extend(junk);
            program
        },
    )
}

fn inner_key() -> impl Strategy<Value = String> {
    const KEYS: &[&str] =
        &["device", "diskType", "size", "snapshotId", "imdsSupport", "nvmeSupport", "progress"];
    prop_oneof![3 => select(KEYS).prop_map(str::to_owned), 1 => ".{0,140}"]
}

fn junk() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        Just(UNKNOWN.into()),
        ".{0,300}".prop_map(Json::from),
        Just("s-system".into()),
    ];
    // Special values of the wire: secrets, outputs, assets, archives, resources, and one that nobody knows.
    let signature = select(
        &[
            "1b47061264138c4ac30d75fd1eb44270",
            "d0e6a833031e9bbcd3f4e8bde6ca49a4",
            "c44067f5952c0a294b673a41bacd8c17",
            "0def7320c3a5731c473e5ecbe6d01bc7",
            "5cf8f73096256a8f31e491e813e4eb8e",
            "nonsense",
        ][..],
    );
    leaf.prop_recursive(5, 60, 18, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..19).prop_map(Json::from),
            btree_map(inner_key(), inner.clone(), 0..22)
                .prop_map(|fields| Json::Object(fields.into_iter().collect())),
            (signature.clone(), inner, any::<bool>()).prop_map(
                |(signature, value, secret)| json!({ SIGNATURE: signature, "value": value, "secret": secret })
            ),
        ]
    })
}

/// Whether the path of a failure leads to something that the program gives, or to a property that there is.
pub(crate) fn leads_somewhere(path: &str, program: &Json) -> bool {
    let given = program.as_object().into_iter().flatten().any(|(name, _)| {
        path.starts_with(name.as_str()) && !name.is_empty() || path.starts_with(&step(name))
    });
    given || PROPERTIES.iter().any(|(name, _)| path == *name) || path == "name"
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
pub(crate) fn expected(old: &Json, new: &Json, cloud: &Json) -> Expected {
    let mut changes: Vec<(String, String, When)> = Vec::new();
    for (property, when) in PROPERTIES {
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
        let names_a_source = path.contains('.') && path.ends_with(".snapshotId");
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
        "tags" => program.get("tags").map(tag_texts),
        _ => program.get(property).cloned(),
    }
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
const REPORTED: [(&str, &str); 11] = [
    ("architecture", "architecture"),
    ("bootMode", "boot_mode"),
    ("description", "description"),
    ("imageFamily", "family"),
    ("imageName", "name"),
    ("imageVersion", "version"),
    ("licenseType", "license_type"),
    ("platform", "platform"),
    ("resourceGroupId", "resource_group"),
    ("status", "status"),
    ("tags", "tags"),
];

/// What the cloud reports of a property.
fn reported(cloud: &Json, property: &str) -> Option<Json> {
    if property == "diskDeviceMappings" {
        let disks = cloud["disks"].as_array().into_iter().flatten().map(|disk| {
            json!({ "device": disk["device"], "diskType": disk["kind"], "size": disk["size"], "snapshotId": disk["snapshot"] })
        });
        return Some(disks.collect());
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
    if let Some(disks) = program["diskDeviceMappings"].as_array() {
        let there = cloud["disks"].as_array().map(Vec::as_slice).unwrap_or_default();
        if there.len() != disks.len() {
            wrong.push(format!("there are {} disks and not {}", there.len(), disks.len()));
        }
        for (index, (wanted, disk)) in disks.iter().zip(there).enumerate() {
            for (property, there) in
                [("device", "device"), ("diskType", "kind"), ("size", "size"), ("snapshotId", "snapshot")]
            {
                if !wanted[property].is_null() && wanted[property] != disk[there] {
                    wrong.push(format!("disk {index} has the {property} {}", disk[there]));
                }
            }
        }
    }
    let sources: Vec<&str> = SOURCES.into_iter().filter(|source| program.get(source).is_some()).collect();
    if sources == ["snapshotId"] && text(&cloud["disks"][0]["snapshot"]) != text(&program["snapshotId"]) {
        wrong.push(format!("the source is {}", cloud["disks"][0]["snapshot"]));
    }
    wrong
}

/// A change in the cloud that nobody has told the program of, in the emulator's terms, and the same as inputs.
pub(crate) fn drift() -> impl Strategy<Value = (Part, Part)> {
    let text_part = |name, strategy: BoxedStrategy<String>| {
        part(name, prop_oneof![3 => strategy, 1 => Just(String::new())].prop_map(Json::from).boxed())
    };
    let parts = [
        part("imageName", name().prop_map(Json::from).boxed()),
        text_part("imageFamily", name().boxed()),
        text_part("description", description().boxed()),
        part("bootMode", texts(&["BIOS", "UEFI", "UEFI-Preferred"])),
        part("licenseType", texts(&["Auto", "Aliyun", "BYOL"])),
        part("features", features()),
        part("resourceGroupId", texts(&["rg-default", "rg-other"])),
        part("status", texts(STATUSES)),
        part("tags", tags()),
    ];
    parts.prop_map(|parts| {
        let inputs: Part = parts.into_iter().flatten().collect();
        let mut change = Part::new();
        for (property, there) in [
            ("imageName", "name"),
            ("imageFamily", "family"),
            ("description", "description"),
            ("bootMode", "boot_mode"),
            ("licenseType", "license_type"),
            ("resourceGroupId", "resource_group"),
            ("status", "status"),
        ] {
            change.extend(one(there, inputs.get(property).cloned()));
        }
        change.extend(one("tags", inputs.get("tags").map(tag_texts)));
        if let Some(features) = inputs.get("features") {
            change.extend(one("imds_support", features.get("imdsSupport").cloned()));
            change.extend(one("nvme_support", features.get("nvmeSupport").cloned()));
        }
        (inputs, change)
    })
}

fn without_nulls(mut json: Json) -> Json {
    if let Some(fields) = json.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    json
}
