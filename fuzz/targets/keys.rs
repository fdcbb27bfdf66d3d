//! Files of keys: the CLI's JSON and the libraries' ini, with the same bytes in both.

#![no_main]

use aliyun::Environment;
use aliyun::credential::{Profile, described_by_files};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let environment = Environment::default()
        .with_home("/home/me")
        .with_file("/home/me/.aliyun/config.json", bytes, 0o600)
        .with_file("/home/me/.alibabacloud/credentials", bytes, 0o600);
    drop(Profile::current().region(&environment));
    for described in described_by_files(&environment) {
        match described {
            Ok(Some(source)) => assert!(!source.name().is_empty()),
            Ok(None) => {}
            Err(error) => assert!(!error.to_string().contains('\n'), "more than one line: {error}"),
        }
    }
});
