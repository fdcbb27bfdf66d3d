//! The emulator's options, as flags of a command line.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs as _};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use crate::clock::Millis;
use crate::profile::{self, Profile};

/// What `--help` ends with.
const EXAMPLE: &str = r#"Example: try a program on a cloud that is as unreliable as clouds are.
  pulumi-resource-alicloud emulator --listen 127.0.0.1:8080 --profile flaky --public-images &
  pulumi config set alicloud:region cn-hangzhou
  pulumi config set alicloud:endpoints '[{"ecs":"http://127.0.0.1:8080","oss":"http://127.0.0.1:8080"}]'
  pulumi config set --secret alicloud:accessKey emulator
  pulumi config set --secret alicloud:secretKey emulator
  pulumi up"#;

/// What the emulator can be told at start.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Options {
    /// Address to serve on; port 0 picks a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:0", value_parser = address)]
    pub listen: SocketAddr,

    /// How long everything takes, and what goes wrong; a flag for one of these overrules it
    #[arg(long, value_enum, value_name = "NAME", default_value_t)]
    pub profile: Profile,

    /// How long an image takes from Creating to Available, e.g. 2s, 500ms, 1m, 0s
    #[arg(long, value_name = "TIME", default_value = "2s", default_value_ifs = profile::defaults(|cycle| Some(cycle.images)))]
    #[arg(value_parser = duration, allow_hyphen_values = true)]
    pub image_ready_after: Duration,

    /// The same for a copy; if absent, the profile decides, and with `fast` it is the time of an image
    #[arg(long, value_name = "TIME", default_value_ifs = profile::defaults(|cycle| cycle.copies))]
    #[arg(value_parser = duration, allow_hyphen_values = true, hide_default_value = true)]
    pub copy_ready_after: Option<Duration>,

    /// The same for an import or an export; if absent, the profile decides, and with `fast` it is the time of an image
    #[arg(long, value_name = "TIME", default_value_ifs = profile::defaults(|cycle| cycle.tasks))]
    #[arg(value_parser = duration, allow_hyphen_values = true, hide_default_value = true)]
    pub task_ready_after: Option<Duration>,

    /// The one access key id that is known besides those issued by STS
    #[arg(long, value_name = "ID", default_value = "emulator")]
    pub access_key_id: String,

    /// The secret of that access key
    #[arg(long, value_name = "SECRET", default_value = "emulator")]
    pub access_key_secret: Secret,

    /// File that keeps images, snapshots, tags and tokens over restarts
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,

    /// Time stands still but for POST /_emulator/clock
    #[arg(long)]
    pub manual_clock: bool,

    /// What DescribeImages does with several comma-joined ids
    #[arg(long, value_enum, value_name = "HOW", default_value_t)]
    pub image_ids: ImageIds,

    /// Which cloud to be
    #[arg(long, value_enum, value_name = "CLOUD", default_value_t)]
    pub flavour: Flavour,

    /// Calls allowed a second, beyond which they are answered with Throttling; no limit if absent
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub calls_per_second: Option<NonZeroU32>,

    /// With --flavour apsarastack: refuse calls without the secret among the parameters
    #[arg(long)]
    pub demand_secret_in_query: bool,

    /// Members of an image made from now on that are not reported until ModifyImageAttribute sets them; of a task, never
    #[arg(long, value_name = "MEMBER[,MEMBER…]", value_delimiter = ',', value_parser = unreported)]
    pub unreported: Vec<String>,

    /// DescribeImages reports what the cloud makes of a value: another spelling of Platform, a longer ImageVersion
    #[arg(long)]
    pub normalise: bool,

    /// DescribeImages refuses Status=ALL, as the stacks do anyway
    #[arg(long)]
    pub refuse_all_status: bool,

    /// DescribeImages refuses Deprecated in Status
    #[arg(long)]
    pub refuse_deprecated_status: bool,

    /// How long the name of a deleted image stays taken
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration, allow_hyphen_values = true)]
    pub names_freed_after: Duration,

    /// How many copies of images run at a time in a region, counted at both ends; further ones are Waiting
    #[arg(long, value_name = "N", default_value = "5", allow_negative_numbers = true)]
    pub copies_at_once: NonZeroU32,

    /// How many exports of images run at a time in a region; no limit if absent
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub exports_at_once: Option<NonZeroU32>,

    /// How many images are exported in a region in seven days; no limit if absent
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub exports_a_week: Option<NonZeroU32>,

    /// An import that is cancelled leaves its image behind, CreateFailed
    #[arg(long)]
    pub cancelled_imports_stay: bool,

    /// An export that is cancelled leaves the object of its first disk behind
    #[arg(long)]
    pub cancelled_exports_stay: bool,

    /// The account encrypts by default: CopyImage without Encrypted makes an encrypted image, and Encrypted=false is refused
    #[arg(long)]
    pub encrypt_by_default: bool,

    /// Stocks every region with ten more public images: Alibaba Cloud Linux, Ubuntu, Debian, CentOS and Windows Server
    #[arg(long)]
    pub public_images: bool,
}

const FIVE: NonZeroU32 = NonZeroU32::new(5).expect("not zero");

impl Default for Options {
    fn default() -> Self {
        Options {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            profile: Profile::Fast,
            image_ready_after: Duration::from_secs(2),
            copy_ready_after: None,
            task_ready_after: None,
            access_key_id: "emulator".into(),
            access_key_secret: "emulator".into(),
            state: None,
            manual_clock: false,
            image_ids: ImageIds::default(),
            flavour: Flavour::default(),
            calls_per_second: None,
            demand_secret_in_query: false,
            unreported: vec![],
            normalise: false,
            refuse_all_status: false,
            refuse_deprecated_status: false,
            names_freed_after: Duration::ZERO,
            copies_at_once: FIVE,
            exports_at_once: None,
            exports_a_week: None,
            cancelled_imports_stay: false,
            cancelled_exports_stay: false,
            encrypt_by_default: false,
            public_images: false,
        }
    }
}

impl Options {
    /// How long a copy takes from when its turn has come.
    pub(crate) fn copy_ready_after(&self) -> Duration {
        self.copy_ready_after.unwrap_or(self.image_ready_after)
    }

    /// How long an import or an export takes.
    pub(crate) fn task_ready_after(&self) -> Duration {
        self.task_ready_after.unwrap_or(self.image_ready_after)
    }

    /// What everything takes and what goes wrong, in one line.
    pub(crate) fn told(&self) -> String {
        format!(
            "profile {}: images take {}, imports and exports {}, copies {}, {} of them at a time in a region; {}",
            self.profile.cycle().name,
            shown(self.image_ready_after),
            shown(self.task_ready_after()),
            shown(self.copy_ready_after()),
            self.copies_at_once,
            self.profile.flaws_told()
        )
    }

    pub(crate) fn copies_at_once(&self) -> usize {
        usize::try_from(self.copies_at_once.get()).unwrap_or(usize::MAX)
    }

    /// When the name of an image that is deleted now is free again.
    pub(crate) fn names_freed_at(&self, now: Millis) -> Millis {
        now.saturating_add(Millis::try_from(self.names_freed_after.as_millis()).unwrap_or(Millis::MAX))
    }
}

/// What DescribeImages makes of comma-joined ids; the documentation of different years disagrees.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ImageIds {
    /// Answers all of them
    #[default]
    Many,
    /// Refuses the list as a malformed id
    Refuse,
    /// Looks at the first only
    First,
}

/// Which cloud the emulator is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Flavour {
    /// The public cloud
    #[default]
    #[value(name = "alibabacloud")]
    AlibabaCloud,
    /// Apsara Stack: signature v1, Product, Department and ResourceGroup in every call
    #[value(name = "apsarastack")]
    ApsaraStack,
    /// Alibaba Cloud Stack: signature v1, Department, OrganizationId and ResourceGroup, and headers that say so too
    #[value(name = "alibabacloudstack")]
    AlibabaCloudStack,
}

impl Flavour {
    pub(crate) fn is_stack(self) -> bool {
        self != Flavour::AlibabaCloud
    }
}

/// A text that does not show itself in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Secret(text.to_owned())
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Secret(text)
    }
}

/// The members of an image, and the last one of a task, that can go unreported.
pub(crate) const UNREPORTABLE: &[&str] = &[
    "LicenseType",
    "Features.NvmeSupport",
    "Features.ImdsSupport",
    "BootMode",
    "ImageFamily",
    "Description",
    "ResourceGroupId",
    "RelatedItemSet",
];

fn unreported(text: &str) -> Result<String, String> {
    if UNREPORTABLE.contains(&text) {
        return Ok(text.to_owned());
    }
    Err(format!("`{text}` is not one of {}", UNREPORTABLE.join(", ")))
}

/// As [`duration`] reads it, but for nought.
fn shown(time: Duration) -> String {
    match time.as_millis() {
        0 => "no time".to_owned(),
        ms if ms % 60_000 == 0 => format!("{}m", ms / 60_000),
        ms if ms % 1_000 == 0 => format!("{}s", ms / 1_000),
        ms => format!("{ms}ms"),
    }
}

/// Of a name's addresses one of IPv4, if there is one, as that is what most write in place of the name.
fn address(text: &str) -> Result<SocketAddr, String> {
    let refused = |why: &dyn fmt::Display| {
        format!(
            "{why}: give an address or a name of this machine, and a port, such as 127.0.0.1:8080 or localhost:8080"
        )
    };
    let found: Vec<SocketAddr> = text.to_socket_addrs().map_err(|error| refused(&error))?.collect();
    let first = found.iter().find(|address| address.is_ipv4()).or(found.first());
    first.copied().ok_or_else(|| refused(&"the name has no address"))
}

fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit_ms = match unit {
        "ms" => 1,
        "s" | "" => 1_000,
        "m" => 60_000,
        _ => return Err(format!("`{text}` is not a time such as 2s, 500ms or 1m")),
    };
    let number: u64 = number.parse().map_err(|_| format!("`{text}` does not start with a whole number"))?;
    match number.checked_mul(unit_ms) {
        Some(ms) if ms <= 86_400_000 => Ok(Duration::from_millis(ms)),
        _ => Err(format!("`{text}` is more than a day")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    #[track_caller]
    fn check(flags: &[&str], look: impl Fn(&Options) -> bool) {
        let line = Line::try_parse_from(std::iter::once("emulator").chain(flags.iter().copied()));
        let options = line.map(|l| l.options).unwrap_or_else(|e| panic!("{flags:?}: {e}"));
        assert!(look(&options), "{flags:?} gave {options:?}");
    }

    #[track_caller]
    fn refused(flags: &[&str], says: &str) {
        match Line::try_parse_from(std::iter::once("emulator").chain(flags.iter().copied())) {
            Ok(line) => panic!("{flags:?} was accepted: {:?}", line.options),
            Err(error) => assert!(error.to_string().contains(says), "{error}"),
        }
    }

    #[test]
    fn flags_default_to_what_default_says() {
        check(&[], |o| format!("{o:?}") == format!("{:?}", Options::default()));
        check(&[], |o| o.access_key_secret == Options::default().access_key_secret);
    }

    #[test]
    fn times_have_units() {
        check(&["--image-ready-after", "500ms"], |o| o.image_ready_after == Duration::from_millis(500));
        check(&["--image-ready-after", "1m"], |o| o.image_ready_after == Duration::from_secs(60));
        check(&["--image-ready-after", "0s"], |o| o.image_ready_after.is_zero());
        check(&["--image-ready-after", "3"], |o| o.image_ready_after == Duration::from_secs(3));
        check(&["--names-freed-after", "5m"], |o| o.names_freed_after == Duration::from_secs(300));
        refused(&["--image-ready-after", "soon"], "not a time");
        refused(&["--image-ready-after", "s"], "whole number");
        for flag in ["--image-ready-after", "--copy-ready-after", "--task-ready-after", "--names-freed-after"]
        {
            refused(&[flag, "-1s"], "`-1s` is not a time such as 2s");
        }
        refused(&["--image-ready-after", "99999999999999999999s"], "whole number");
        refused(&["--image-ready-after", "99999999999s"], "more than a day");
    }

    #[test]
    fn an_address_to_listen_on_may_be_a_name() {
        let at = |text: &str| text.parse::<SocketAddr>().expect("an address");
        for (given, expect) in
            [("localhost:8080", "127.0.0.1:8080"), ("0.0.0.0:0", "0.0.0.0:0"), ("[::1]:8080", "[::1]:8080")]
        {
            check(&["--listen", given], |o| o.listen == at(expect));
        }
        for given in ["here", "localhost", "localhost:80800", "not a name:80"] {
            refused(&["--listen", given], "such as 127.0.0.1:8080 or localhost:8080");
        }
    }

    #[track_caller]
    fn takes(flags: &[&str], expect: (u64, u64, u64)) {
        let seconds = |o: &Options| {
            (o.image_ready_after.as_secs(), o.copy_ready_after().as_secs(), o.task_ready_after().as_secs())
        };
        check(flags, |o| seconds(o) == expect);
    }

    #[test]
    fn a_profile_decides_the_times_that_no_flag_gives() {
        takes(&["--profile", "fast"], (2, 2, 2));
        takes(&["--profile", "real"], (180, 720, 900));
        takes(&["--profile", "slow"], (480, 2_700, 2_700));
        takes(&["--profile", "flaky"], (2, 4, 5));
        takes(&["--image-ready-after", "7s"], (7, 7, 7));
        takes(&["--profile", "slow", "--image-ready-after", "7s"], (7, 2_700, 2_700));
        takes(&["--copy-ready-after", "9s", "--profile", "slow"], (480, 9, 2_700));
        takes(&["--copy-ready-after", "9s"], (2, 9, 2));
        takes(&["--task-ready-after", "9s", "--profile", "slow"], (480, 2_700, 9));
        refused(&["--profile", "broken"], "broken");
    }

    #[test]
    fn what_is_told_is_what_holds_and_not_what_the_profile_would_have() {
        let told = |options: Options| options.told();
        let slow = Options { profile: Profile::Slow, ..Options::default() };
        let expect = "profile slow: images take 2s, imports and exports 2s, copies 2s, 5 of them at a time in a region; \
                      nothing goes wrong";
        assert_eq!(told(slow), expect);
        let odd = Options {
            image_ready_after: Duration::ZERO,
            copy_ready_after: Some(Duration::from_millis(1_500)),
            task_ready_after: Some(Duration::from_secs(90)),
            ..Options::default()
        };
        let expect = "profile fast: images take no time, imports and exports 90s, copies 1500ms, ";
        assert!(told(odd).starts_with(expect));
    }

    #[test]
    fn choices_are_spelt_as_documented() {
        check(&["--image-ids", "first"], |o| o.image_ids == ImageIds::First);
        check(&["--flavour", "alibabacloudstack"], |o| o.flavour == Flavour::AlibabaCloudStack);
        check(&["--flavour", "apsarastack"], |o| o.flavour == Flavour::ApsaraStack);
        refused(&["--calls-per-second", "0"], "0");
        refused(&["--calls-per-second", "-1"], "invalid value '-1'");
        check(&["--normalise"], |o| o.normalise);
        check(&["--exports-at-once", "2", "--exports-a-week", "3"], |o| {
            (o.exports_at_once, o.exports_a_week) == (NonZeroU32::new(2), NonZeroU32::new(3))
        });
        refused(&["--exports-a-week", "0"], "0");
        check(&["--cancelled-imports-stay"], |o| o.cancelled_imports_stay && !o.cancelled_exports_stay);
        check(&["--cancelled-exports-stay"], |o| o.cancelled_exports_stay && !o.cancelled_imports_stay);
        check(&["--public-images"], |o| o.public_images);
        check(&["--refuse-all-status"], |o| o.refuse_all_status && !o.refuse_deprecated_status);
        check(&["--refuse-deprecated-status"], |o| o.refuse_deprecated_status && !o.refuse_all_status);
    }

    #[test]
    fn unreported_members_are_a_list_of_known_ones() {
        check(&["--unreported", "LicenseType,BootMode", "--unreported", "Description"], |o| {
            o.unreported == ["LicenseType", "BootMode", "Description"]
        });
        check(&["--unreported", "RelatedItemSet"], |o| o.unreported == ["RelatedItemSet"]);
        refused(&["--unreported", "LicenseType,ImageName"], "`ImageName` is not one of LicenseType");
        refused(&["--unreported", ""], "is not one of");
    }

    #[test]
    fn debug_hides_the_secret() {
        check(&["--access-key-secret", "tell-no-one"], |o| !format!("{o:?}").contains("tell-no-one"));
    }
}
