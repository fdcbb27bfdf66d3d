//! What a cloud, or something that stands in its place, may answer: the first byte tells the HTTP status.

#![no_main]

use aliyun::ecs::DescribeImagesResponse;
use libfuzzer_sys::fuzz_target;

const STATUSES: [u16; 8] = [200, 204, 302, 400, 403, 404, 500, 503];

fuzz_target!(|bytes: &[u8]| {
    let Some((first, body)) = bytes.split_first() else { return };
    match DescribeImagesResponse::of_answer(STATUSES[usize::from(*first) % STATUSES.len()], body.to_vec()) {
        Ok(_) => {}
        Err(error) => {
            let shown = error.to_string();
            assert!(!shown.contains('\n'), "more than one line: {shown}");
            // Nothing but the cloud's own word is a proof that something is gone.
            assert!(!error.is_not_found() || error.code().is_some());
        }
    }
});
