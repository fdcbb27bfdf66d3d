//! Programs with one image, copy or import: any that the rules allow, those that an author makes of them, any at all.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use serde_json::{Map, Value as Json, json};

use crate::harness::{IMAGE, IMAGE_COPY, IMAGE_IMPORT, SIGNATURE, UNKNOWN, text};
use crate::image_rules::{NAMES, OF_A_COPY, OF_AN_IMAGE, OF_AN_IMPORT, Properties, tag_texts};

/// A snapshot that a program may name, and that is not there.
const ABSENT_SNAPSHOT: &str = "s-elsewhere";
/// An image that a program may name for a source, and that is not there.
const ABSENT_IMAGE: &str = "m-elsewhere";
/// Images that a program may name for a source, each with its region. They stand for ids that only the cloud knows.
const SOURCE_IMAGES: [(&str, &str); 3] =
    [("cn-beijing", "m-one"), ("cn-beijing", "m-two"), ("cn-shanghai", "m-three")];
/// Buckets with files that images can be imported from.
const BUCKETS: &[&str] = &["b-images", "b-images-cn-hangzhou"];
/// What there is in each of them: the object, its format however that is written, and the GiB that a disk needs for it.
const FILES: [(&str, &str, i64); 2] =
    [("disk.raw", "[Rr][Aa][Ww]", 5), ("disk.qcow2", "[Qq][Cc][Oo][Ww]2", 2)];
/// An object that a program may name, and that is in none of them.
const ABSENT_FILE: &str = "elsewhere.raw";

const ARCHITECTURES: &[&str] = &["x86_64", "i386", "arm64"];
const LICENSES: &[&str] = &["Auto", "Aliyun", "BYOL"];
const RESOURCE_GROUPS: &[&str] = &["rg-default", "rg-other"];
/// What a program may say of the status.
const STATUSES: &[&str] = &["Available", "Deprecated"];

/// A type of resource that is an image.
pub(crate) struct Kind {
    pub(crate) resource_type: &'static str,
    pub(crate) properties: &'static Properties,
    /// The ways to give the name.
    names: &'static [&'static str],
    /// What a program says of one, property by property.
    parts: fn() -> Vec<BoxedStrategy<Part>>,
    /// What an author does inside one of its disks, and whether that is the system disk.
    edit_disk: fn(&mut Json, bool, Index),
    /// The least that a program says of one.
    pub(crate) least: fn() -> Json,
    /// The images that it may be made of, each with its region.
    pub(crate) sources: &'static [(&'static str, &'static str)],
    /// From the id in the cloud and the program: by what it is imported with all that can be known of it.
    pub(crate) import_id: fn(&str, &Json) -> String,
    /// How many programs each law is tried on. Most of what a copy or an import can say, an image can say as well.
    pub(crate) cases: u32,
}

pub(crate) static IMAGES: Kind = Kind {
    resource_type: IMAGE,
    properties: OF_AN_IMAGE,
    names: &NAMES,
    parts: parts_of_an_image,
    edit_disk: |disk, _, how| disk["size"] = (100 + how.index(1000)).into(),
    least: || json!({ "snapshotId": "s-system" }),
    sources: &[],
    import_id: |id, _| id.to_owned(),
    cases: 250,
};

pub(crate) static COPIES: Kind = Kind {
    resource_type: IMAGE_COPY,
    properties: OF_A_COPY,
    names: &NAMES,
    parts: parts_of_a_copy,
    edit_disk: |_, _, _| {},
    least: || json!({ "sourceImageId": "m-one", "sourceRegionId": "cn-beijing" }),
    sources: &SOURCE_IMAGES,
    import_id: |id, program| {
        format!("{}/{}/{id}", text(&program["sourceRegionId"]), text(&program["sourceImageId"]))
    },
    cases: 100,
};

pub(crate) static IMPORTS: Kind = Kind {
    resource_type: IMAGE_IMPORT,
    properties: OF_AN_IMPORT,
    names: &["imageName"],
    parts: parts_of_an_import,
    edit_disk: edit_file_disk,
    least: || json!({ "diskDeviceMappings": [{ "ossBucket": "b-images", "ossObject": "disk.raw" }] }),
    sources: &[],
    import_id: |id, _| id.to_owned(),
    cases: 60,
};

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
    let system = (option::of(40..=32768_i64), option::of(Just("system")), option::of(Just("/dev/xvda")));
    let system = system.prop_map(|(size, kind, device)| {
        json!({ "snapshotId": "s-system", "size": size, "diskType": kind, "device": device })
    });
    disks(system.boxed(), || data_disk().boxed(), any::<bool>().boxed())
}

/// A system disk and up to sixteen data disks, and whether the program names the devices of those.
fn disks(
    system: BoxedStrategy<Json>,
    data: fn() -> BoxedStrategy<Json>,
    named: BoxedStrategy<bool>,
) -> BoxedStrategy<Json> {
    let letters = || ('b'..='z').collect::<Vec<_>>();
    let count = prop_oneof![9 => 0..4_usize, 1 => Just(16_usize)];
    let data = count.prop_flat_map(move |count| (vec(data(), count), subsequence(letters(), count)));
    (system, data, named)
        .prop_map(|(system, (data, letters), named)| {
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

/// A disk of a file.
fn file_disk() -> BoxedStrategy<Json> {
    (select(BUCKETS), select(&FILES[..]))
        .prop_flat_map(|(bucket, (object, format, gib))| {
            let size = prop_oneof![Just(gib), gib..=2048];
            (option::of(format), option::of(size)).prop_map(move |(format, size)| {
                json!({ "ossBucket": bucket, "ossObject": object, "format": format, "diskImageSize": size })
            })
        })
        .boxed()
}

fn file_mappings() -> BoxedStrategy<Json> {
    let system = (file_disk(), option::weighted(0.1, Just("/dev/xvda")));
    let system = system.prop_map(|(mut disk, device)| {
        disk["device"] = device.into();
        disk
    });
    let data = || {
        let blank = (1..=2048_i64).prop_map(|size| json!({ "diskImageSize": size }));
        prop_oneof![2 => file_disk(), 1 => blank].boxed()
    };
    let files = disks(system.boxed(), data, prop::bool::weighted(0.1).boxed());
    (files, prop::bool::weighted(0.1))
        .prop_map(|(mut disks, is_absent)| {
            if is_absent {
                disks[0]["ossObject"] = ABSENT_FILE.into();
            }
            disks
        })
        .boxed()
}

/// Another size, a blank disk of the same size, or the same disk in other words.
fn edit_file_disk(disk: &mut Json, is_system: bool, how: Index) {
    let object = text(&disk["ossObject"]);
    let Some((_, _, gib)) = FILES.into_iter().find(|(there, ..)| object == *there) else {
        disk["diskImageSize"] = (10 + how.index(1000)).into();
        return;
    };
    let format = object.trim_start_matches("disk.");
    match how.index(7) {
        0 => disk["diskImageSize"] = (10 + how.index(1000)).into(),
        1 => disk["diskImageSize"] = gib.into(),
        2 => disk["diskImageSize"] = Json::Null,
        3 if disk["format"] == format => disk["format"] = format.to_uppercase().into(),
        3 => disk["format"] = format.into(),
        4 => disk["format"] = Json::Null,
        5 if !is_system => {
            let size = disk["diskImageSize"].as_i64().unwrap_or(gib);
            *disk = json!({ "diskImageSize": size });
        }
        _ => disk["device"] = Json::Null,
    }
    *disk = without_nulls(disk.take());
}

/// What goes together: one property, or several of which the program must give certain ones.
pub(crate) type Part = Map<String, Json>;

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

/// The architecture, and one of the ways to start, which all are for x86_64.
fn machine(architectures: &'static [&'static str], ways: &'static [&'static str]) -> BoxedStrategy<Part> {
    option::of(select(architectures))
        .prop_flat_map(move |architecture| {
            let modes: &[&str] = match architecture {
                Some("i386") => &["BIOS"],
                Some("arm64") => &["UEFI"],
                _ => ways,
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

/// The machine and the system that is to run on it.
fn system() -> BoxedStrategy<Part> {
    const WAYS: &[&str] = &["BIOS", "UEFI"];
    let linux = vec![
        machine(ARCHITECTURES, WAYS),
        part("osType", texts(&["linux"])),
        part("platform", texts(&["CentOS", "Ubuntu", "Others Linux"])),
        part("detectionStrategy", texts(&["Standard"])),
    ];
    // It neither runs on ARM nor is checked.
    let windows = vec![
        machine(&["x86_64", "i386"], WAYS),
        Just(one("osType", Some("windows".into()))).boxed(),
        part("platform", texts(&["Windows Server 2019", "Windows Server 2022"])),
    ];
    prop_oneof![3 => linux, 1 => windows].prop_map(|parts| parts.into_iter().flatten().collect()).boxed()
}

fn names(names: &'static [&'static str]) -> BoxedStrategy<Part> {
    let named = (select(names), name());
    option::weighted(0.8, named)
        .prop_map(|named| named.map(|(key, name)| one(key, Some(name.into()))).unwrap_or_default())
        .boxed()
}

fn parts_of_an_image() -> Vec<BoxedStrategy<Part>> {
    const PLATFORMS: &[&str] = &["CentOS", "Ubuntu", "Rocky Linux", "Windows Server 2022", "Others Linux"];
    let own = vec![
        source(),
        machine(ARCHITECTURES, &["BIOS", "UEFI", "UEFI-Preferred"]),
        names(IMAGES.names),
        part("imageFamily", name().prop_map(Json::from).boxed()),
        part("imageVersion", "[ -~一-龥]{0,38}[!-~]".prop_map(Json::from).boxed()),
        part("description", description().prop_map(Json::from).boxed()),
        part("platform", texts(PLATFORMS)),
        part("features", features()),
        part("licenseType", texts(LICENSES)),
        part("detectionStrategy", texts(&["Standard"])),
    ];
    [own, parts_of_all()].concat()
}

fn parts_of_a_copy() -> Vec<BoxedStrategy<Part>> {
    let own = vec![
        source_of_a_copy(),
        encryption(),
        names(COPIES.names),
        part("description", description().prop_map(Json::from).boxed()),
    ];
    [own, parts_of_all()].concat()
}

fn parts_of_an_import() -> Vec<BoxedStrategy<Part>> {
    let own = vec![
        file_mappings().prop_map(|mappings| one("diskDeviceMappings", Some(mappings))).boxed(),
        system(),
        names(IMPORTS.names),
        part("description", description().prop_map(Json::from).boxed()),
        part("features", features()),
        part("licenseType", texts(LICENSES)),
        part("roleName", texts(&["AliyunECSImageImportDefaultRole", "importer"])),
    ];
    [own, parts_of_all()].concat()
}

/// What every kind of image has beside its own.
fn parts_of_all() -> Vec<BoxedStrategy<Part>> {
    vec![
        part("resourceGroupId", texts(RESOURCE_GROUPS)),
        part("status", texts(STATUSES)),
        part("tags", tags()),
        part("force", any::<bool>().prop_map(Json::from).boxed()),
        part("deleteAutoSnapshot", any::<bool>().prop_map(Json::from).boxed()),
    ]
}

fn source_of_a_copy() -> BoxedStrategy<Part> {
    prop_oneof![6 => select(&SOURCE_IMAGES[..]), 1 => Just(("cn-beijing", ABSENT_IMAGE))]
        .prop_map(|(region, image)| {
            let mut part = one("sourceImageId", Some(image.into()));
            part.extend(one("sourceRegionId", Some(region.into())));
            part
        })
        .boxed()
}

/// Whether a copy is encrypted, and with which key.
fn encryption() -> BoxedStrategy<Part> {
    let keyed = option::of(select(&["k-1", "k-2"][..]));
    option::of((any::<bool>(), keyed))
        .prop_map(|said| {
            let (encrypted, key) = said.unzip();
            let mut part = one("encrypted", encrypted.map(Json::from));
            part.extend(one("kmsKeyId", key.flatten().filter(|_| encrypted == Some(true)).map(Json::from)));
            part
        })
        .boxed()
}

fn join(parts: impl IntoIterator<Item = Part>) -> Json {
    Json::Object(parts.into_iter().flatten().collect())
}

/// A program that the rules allow and the cloud can carry out.
pub(crate) fn program(kind: &Kind) -> impl Strategy<Value = Json> + use<> {
    (kind.parts)().prop_map(join).prop_filter("the source is there", can_be_made)
}

pub(crate) fn can_be_made(program: &Json) -> bool {
    program["snapshotId"] != ABSENT_SNAPSHOT
        && program["sourceImageId"] != ABSENT_IMAGE
        && mappings_of(program).iter().all(|disk| disk["ossObject"] != ABSENT_FILE)
}

fn mappings_of(program: &Json) -> &[Json] {
    program["diskDeviceMappings"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Whether the image is made of a snapshot that there is without it.
fn names_a_snapshot(program: &Json) -> bool {
    [program].into_iter().chain(mappings_of(program)).any(|said| said.get("snapshotId").is_some())
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
pub(crate) fn edited_program(kind: &Kind) -> impl Strategy<Value = (Json, Json)> + use<> {
    let edit = prop_oneof![3 => Just(Edit::Keep), 2 => Just(Edit::Exchange), 1 => Just(Edit::Blend)];
    let (old, other) = ((kind.parts)(), (kind.parts)());
    let (names, edit_disk) = (kind.names, kind.edit_disk);
    let edits = vec(edit, old.len());
    (old, other, edits, any::<Index>(), any::<Index>(), any::<bool>())
        .prop_map(move |(old, other, edits, at, how, touches_disks)| {
            let new = old.iter().zip(other).zip(edits).map(|((old, other), edit)| match edit {
                // There is more to say of disks than of anything else.
                Edit::Keep if touches_disks && old.contains_key("diskDeviceMappings") => {
                    blend(old, &other, at, names, |disk, is_system| edit_disk(disk, is_system, how))
                }
                Edit::Keep => old.clone(),
                Edit::Exchange => other,
                Edit::Blend => {
                    blend(old, &other, at, names, |disk, is_system| edit_disk(disk, is_system, how))
                }
            });
            let (mut old, mut new) = (join(old.clone()), join(new));
            // The cloud keeps a snapshot that the replacement is made from as well, and so the deletion would fail.
            for program in [&mut old, &mut new] {
                if names_a_snapshot(program) {
                    program.as_object_mut().expect("an object").remove("deleteAutoSnapshot");
                }
            }
            (old, new)
        })
        .prop_filter("the source is there", |(old, _)| can_be_made(old))
}

/// What an author does with a part.
#[derive(Clone, Debug)]
enum Edit {
    Keep,
    Exchange,
    /// Changes something inside, where there is an inside.
    Blend,
}

fn blend(old: &Part, other: &Part, at: Index, names: &[&str], edit_disk: impl Fn(&mut Json, bool)) -> Part {
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
            Json::Array(disks) => {
                let (first, last) = (0, disks.len() - 1);
                let their_last = theirs.as_array().and_then(|theirs| theirs[1..].last());
                match (at.index(4), their_last) {
                    (0, _) => disks.truncate(1),
                    (1, _) => edit_disk(&mut disks[first], true),
                    // A data disk for a data disk, wherever it is attached.
                    (2, Some(disk)) if last > first => {
                        disks[last] = disk.clone();
                        disks[last]["device"] = Json::Null;
                        disks[last] = without_nulls(disks[last].take());
                    }
                    _ => edit_disk(&mut disks[last], last == first),
                }
            }
            _ => {}
        }
    }
    // The other way to write the same name, where there is one.
    if let [(written, name)] = old.iter().collect::<Vec<_>>()[..]
        && names.contains(&written.as_str())
        && let Some(now) = names.iter().find(|one| *one != written)
    {
        return one(now, Some(name.clone()));
    }
    new
}

/// A program in which anything may stand anywhere.
pub(crate) fn junk_program(kind: &Kind) -> impl Strategy<Value = Json> + use<> {
    let name = prop_oneof![
        8 => select(kind.properties.iter().map(|(name, _)| *name).collect::<Vec<_>>()).prop_map(str::to_owned),
        1 => Just("name".to_owned()),
        1 => ".{0,12}",
    ];
    let base = prop_oneof![3 => program(kind), 1 => Just(json!({}))];
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
    const KEYS: &[&str] = &[
        "device",
        "diskType",
        "size",
        "snapshotId",
        "imdsSupport",
        "nvmeSupport",
        "progress",
        "ossBucket",
        "ossObject",
        "diskImageSize",
        "format",
    ];
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
        part("licenseType", texts(LICENSES)),
        part("features", features()),
        part("resourceGroupId", texts(RESOURCE_GROUPS)),
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
