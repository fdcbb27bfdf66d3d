//! What every region starts with.

use crate::clock::{Millis, parse_iso};
use crate::state::bucket::{Bucket, Object};
use crate::state::disk::{Disk, DiskKind};
use crate::state::image::{Image, Owner};
use crate::state::instance::{Instance, InstanceDisk};
use crate::state::region::Region;
use crate::state::snapshot::Snapshot;

const PLATFORM: &str = "CentOS";
const OS_NAME: &str = "CentOS  7.9 64 bit";
const GROUP: &str = "rg-default";
const SYSTEM_DISK: (DiskKind, i64) = (DiskKind::System, 40);
const DATA_DISK: (DiskKind, i64) = (DiskKind::Data, 100);

/// A region as it is when it is first named.
pub(crate) fn region(now: Millis) -> Region {
    let mut system = image("m-system", "centos_7_9_x64_20G_alibase_20200101.vhd", Owner::System);
    system.used_by = ["i-running", "i-stopped", "i-starting", "i-locked"].map(str::to_owned).into();
    Region {
        images: vec![system, image("m-foreign", "somebody-elses-image", Owner::Others)],
        snapshots: vec![
            snapshot("s-system", SYSTEM_DISK, "2020-02-03T04:05:06Z"),
            snapshot("s-data", DATA_DISK, "2020-02-03T04:05:07Z"),
            snapshot("s-2013", SYSTEM_DISK, "2013-07-01T00:00:00Z"),
        ],
        instances: vec![
            instance("i-running", "Running", &[SYSTEM_DISK, DATA_DISK]),
            instance("i-stopped", "Stopped", &[SYSTEM_DISK]),
            Instance {
                running_from: Some(now + 5_000),
                ..instance("i-starting", "Starting", &[SYSTEM_DISK])
            },
            Instance { locked: true, ..instance("i-locked", "Stopped", &[SYSTEM_DISK]) },
        ],
        resource_groups: [GROUP, "rg-other"].map(str::to_owned).into(),
        ..Region::default()
    }
}

/// A bucket as it is when it is first named. `region` is empty for one of every region.
pub(crate) fn bucket(region: &str) -> Bucket {
    let object = |size| Object::of_size(size, at("2020-01-03T00:00:00Z"));
    let objects = [("disk.raw", 4_831_838_208), ("disk.qcow2", 1_288_490_189)];
    Bucket {
        region: region.to_owned(),
        objects: objects.map(|(name, size)| (name.to_owned(), object(size))).into(),
        ..Bucket::default()
    }
}

/// What a region starts with, by name.
pub(crate) fn told(has_public_images: bool) -> String {
    let region = region(0);
    let mut images: Vec<&str> = region.images.iter().map(|image| &*image.id).collect();
    let public = format!("{} public ones", public_images().count());
    if has_public_images {
        images.push(&public);
    }
    let instances: Vec<&str> = region.instances.iter().map(|instance| &*instance.id).collect();
    let snapshots: Vec<&str> = region.snapshots.iter().map(|snapshot| &*snapshot.id).collect();
    let groups: Vec<&str> = region.resource_groups.iter().map(String::as_str).collect();
    format!(
        "instances {}; snapshots {}; images {}; resource groups {}",
        instances.join(" "),
        snapshots.join(" "),
        images.join(" "),
        groups.join(" ")
    )
}

/// The public images that `--public-images` adds. The cloud names them after their files.
pub(crate) fn public_images() -> impl Iterator<Item = Image> {
    let alibaba = ("Aliyun", "Alibaba Cloud Linux  3.2104 LTS 64 bit");
    let ubuntu = ("Ubuntu", "Ubuntu  22.04 64 bit");
    let arm = |(platform, os_name): (&str, &str), id, family, created| {
        let os_name = format!("{os_name} ARM Edition");
        Image {
            architecture: "arm64".to_owned(),
            boot_mode: "UEFI".to_owned(),
            ..public((platform, &os_name), id, family, created)
        }
    };
    let mut windows = public(
        ("Windows Server 2022", "Windows Server  2022 Datacenter 64 bit English Edition"),
        "win2022_21H2_x64_dtc_en-us_40G_alibase_20240515.vhd",
        "windows_server_2022_x64_en",
        "2024-05-28T06:11:25Z",
    );
    windows.disks[0].size = 40;
    [
        public(
            alibaba,
            "aliyun_3_x64_20G_alibase_20230727.vhd",
            "alibaba_cloud_linux_3_2104_lts_x64",
            "2023-08-09T02:29:07Z",
        ),
        public(
            alibaba,
            "aliyun_3_x64_20G_alibase_20240528.vhd",
            "alibaba_cloud_linux_3_2104_lts_x64",
            "2024-06-11T03:24:50Z",
        ),
        arm(
            alibaba,
            "aliyun_3_arm64_20G_alibase_20240528.vhd",
            "alibaba_cloud_linux_3_2104_lts_arm64",
            "2024-06-11T03:25:31Z",
        ),
        public(
            ubuntu,
            "ubuntu_22_04_x64_20G_alibase_20240322.vhd",
            "ubuntu_22_04_x64",
            "2024-04-02T08:15:10Z",
        ),
        Image {
            deprecated: true,
            ..public(
                ubuntu,
                "ubuntu_22_04_x64_20G_alibase_20240508.vhd",
                "ubuntu_22_04_x64",
                "2024-05-20T07:40:02Z",
            )
        },
        arm(
            ubuntu,
            "ubuntu_22_04_arm64_20G_alibase_20240508.vhd",
            "ubuntu_22_04_arm64",
            "2024-05-20T07:41:44Z",
        ),
        public(
            ("Debian", "Debian  12.5 64 bit"),
            "debian_12_5_x64_20G_alibase_20240419.vhd",
            "debian_12_x64",
            "2024-05-07T09:02:36Z",
        ),
        public(
            ("CentOS", "CentOS  7.9 64 bit"),
            "centos_7_9_x64_20G_alibase_20240403.vhd",
            "centos_7_9_x64",
            "2024-04-17T05:58:19Z",
        ),
        // Older than families and than what machines have today.
        Image {
            architecture: "i386".to_owned(),
            nvme_support: "unsupported".to_owned(),
            cloud_init: false,
            io_optimized: false,
            ..public(
                ("CentOS", "CentOS  6.10 32 bit"),
                "centos_6_10_32_20G_alibase_20190226.vhd",
                "",
                "2019-03-05T03:17:48Z",
            )
        },
        windows,
    ]
    .into_iter()
}

/// A public image of 20 GiB, with its platform and the name of its operating system.
fn public((platform, os_name): (&str, &str), id: &str, family: &str, created: &str) -> Image {
    let mut image = image(id, id, Owner::System);
    image.disks[0].size = 20;
    Image {
        family: family.to_owned(),
        platform: platform.to_owned(),
        os_name: os_name.to_owned(),
        nvme_support: "supported".to_owned(),
        created: at(created),
        ..image
    }
}

fn at(text: &str) -> Millis {
    parse_iso(text).unwrap_or(0)
}

fn image(id: &str, name: &str, owner: Owner) -> Image {
    let (kind, size) = SYSTEM_DISK;
    Image {
        id: id.to_owned(),
        name: name.to_owned(),
        owner,
        platform: PLATFORM.to_owned(),
        os_name: OS_NAME.to_owned(),
        disks: vec![Disk {
            device: "/dev/xvda".to_owned(),
            kind,
            size,
            snapshot: String::new(),
            import: None,
        }],
        created: at("2020-01-01T00:00:00Z"),
        ..Image::default()
    }
}

fn snapshot(id: &str, (kind, size): (DiskKind, i64), created: &str) -> Snapshot {
    Snapshot {
        id: id.to_owned(),
        name: id.to_owned(),
        description: String::new(),
        kind,
        size,
        disk: format!("d-of-{id}"),
        instance: String::new(),
        platform: PLATFORM.to_owned(),
        os_name: OS_NAME.to_owned(),
        resource_group: GROUP.to_owned(),
        tags: Default::default(),
        encrypted: false,
        created: at(created),
        build: 0,
    }
}

fn instance(id: &str, status: &str, disks: &[(DiskKind, i64)]) -> Instance {
    let disk = |((kind, size), number): (&(DiskKind, i64), i32)| InstanceDisk {
        id: format!("d-{}-{number}", &id[2..]),
        kind: *kind,
        size: *size,
    };
    Instance {
        id: id.to_owned(),
        status: status.to_owned(),
        running_from: None,
        locked: false,
        image: "m-system".to_owned(),
        platform: PLATFORM.to_owned(),
        os_name: OS_NAME.to_owned(),
        disks: disks.iter().zip(1..).map(disk).collect(),
        resource_group: GROUP.to_owned(),
        tags: Default::default(),
        created: at("2020-01-02T03:04:05Z"),
    }
}
