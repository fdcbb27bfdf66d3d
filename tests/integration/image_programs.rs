//! Programs with one image or one copy, any that the rules allow, those that an author makes of them, and any at all.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use serde_json::{Map, Value as Json, json};

use crate::harness::{IMAGE, IMAGE_COPY, SIGNATURE, UNKNOWN};
use crate::image_rules::{NAMES, OF_A_COPY, OF_AN_IMAGE, Properties, tag_texts};

/// A snapshot that a program may name, and that is not there.
const ABSENT_SNAPSHOT: &str = "s-elsewhere";
/// An image that a program may name for a source, and that is not there.
const ABSENT_IMAGE: &str = "m-elsewhere";
/// Images that a program may name for a source, each with its region. They stand for ids that only the cloud knows.
pub(crate) const SOURCE_IMAGES: [(&str, &str); 3] =
    [("cn-beijing", "m-one"), ("cn-beijing", "m-two"), ("cn-shanghai", "m-three")];
/// What a program may say of the status.
const STATUSES: &[&str] = &["Available", "Deprecated"];

/// A type of resource that is an image.
pub(crate) struct Kind {
    pub(crate) resource_type: &'static str,
    pub(crate) properties: &'static Properties,
    /// What a program says of one, property by property.
    parts: fn() -> Vec<BoxedStrategy<Part>>,
    /// The least that a program says of one.
    pub(crate) least: fn() -> Json,
}

pub(crate) static IMAGES: Kind = Kind {
    resource_type: IMAGE,
    properties: OF_AN_IMAGE,
    parts: parts_of_an_image,
    least: || json!({ "snapshotId": "s-system" }),
};

pub(crate) static COPIES: Kind = Kind {
    resource_type: IMAGE_COPY,
    properties: OF_A_COPY,
    parts: parts_of_a_copy,
    least: || json!({ "sourceImageId": "m-one", "sourceRegionId": "cn-beijing" }),
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

fn parts_of_an_image() -> Vec<BoxedStrategy<Part>> {
    const PLATFORMS: &[&str] = &["CentOS", "Ubuntu", "Rocky Linux", "Windows Server 2022", "Others Linux"];
    vec![
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

fn parts_of_a_copy() -> Vec<BoxedStrategy<Part>> {
    vec![
        source_of_a_copy(),
        encryption(),
        names(),
        part("description", description().prop_map(Json::from).boxed()),
        part("resourceGroupId", texts(&["rg-default", "rg-other"])),
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
    program["snapshotId"] != ABSENT_SNAPSHOT && program["sourceImageId"] != ABSENT_IMAGE
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
    let edits = vec(edit, old.len());
    (old, other, edits, any::<Index>())
        .prop_map(|(old, other, edits, at)| {
            let new = old.iter().zip(other).zip(edits).map(|((old, other), edit)| match edit {
                Edit::Keep => old.clone(),
                Edit::Exchange => other,
                Edit::Blend => blend(old, &other, at),
            });
            let (mut old, mut new) = (join(old.clone()), join(new));
            // The cloud keeps a snapshot that the replacement is made from as well, and so the deletion would fail.
            for program in [&mut old, &mut new] {
                if program.get("snapshotId").or(program.get("diskDeviceMappings")).is_some() {
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
