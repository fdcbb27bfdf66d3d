//! Developer tool: how many signatures a second, against the bare digests of the same bytes in the same run:
//! HMAC-SHA1 of the string to sign (V1); SHA-256 of body and canonical request and HMAC-SHA256 of the string to sign (V3).
//! Both sides set their key up every time. Figures are medians of rounds; the ratio is the median of each round's own.
//!
//! `cargo run --release -p aliyun --example signatures`

#![expect(clippy::print_stdout, reason = "a tool for people")]
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use aliyun::credential::Credential;
use aliyun::sign::{Request, Scheme, sign, stages};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

const ROUNDS: usize = 31;

fn main() {
    let credential = Credential {
        access_key_id: "LTAI5tExampleKeyId".to_owned(),
        access_key_secret: "ExampleSecret0123456789abcdefAB".to_owned(),
        ..Credential::default()
    };
    let form: Vec<(String, String)> = [
        ("RegionId", "cn-hangzhou"),
        ("InstanceId", "i-bp1example00000001"),
        ("ImageName", "nightly-build-2026-11-22"),
        ("Description", "made by the nightly build, keep for a week"),
        ("Tag.1.Key", "team"),
        ("Tag.1.Value", "platform"),
        ("ClientToken", "123e4567-e89b-12d3-a456-426655440000"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let request = Request {
        method: "POST",
        host: "ecs.cn-hangzhou.aliyuncs.com",
        action: "CreateImage",
        version: "2014-05-26",
        query: &[],
        form: &form,
        headers: &[],
    };
    let time = "2026-11-22T01:02:03Z".parse().expect("a time");
    let nonce = "0123456789abcdef0123456789abcdef";
    for scheme in [Scheme::V1, Scheme::V3] {
        let stages = stages(scheme, &request, &credential, time, nonce);
        let signed = sign(scheme, &request, Some(&credential), time, nonce);
        let bytes = match scheme {
            Scheme::V1 => stages.string_to_sign.len(),
            Scheme::V3 => signed.body.len() + stages.canonical.len() + stages.string_to_sign.len(),
        };
        let key = match scheme {
            Scheme::V1 => format!("{}&", credential.access_key_secret),
            Scheme::V3 => credential.access_key_secret.clone(),
        };
        let bare = || match scheme {
            Scheme::V1 => {
                let mut mac = Hmac::<Sha1>::new_from_slice(key.as_bytes()).expect("any length");
                mac.update(black_box(stages.string_to_sign.as_bytes()));
                black_box(mac.finalize().into_bytes());
            }
            Scheme::V3 => {
                black_box(Sha256::digest(black_box(&signed.body)));
                black_box(Sha256::digest(black_box(&stages.canonical)));
                let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any length");
                mac.update(black_box(stages.string_to_sign.as_bytes()));
                black_box(mac.finalize().into_bytes());
            }
        };
        let whole = || {
            black_box(sign(scheme, black_box(&request), Some(&credential), time, nonce));
        };
        // By turns, so that a busy machine slows both down.
        let rounds: Vec<(f64, f64)> = (0..ROUNDS).map(|_| (rate(&bare), rate(&whole))).collect();
        let bare_rate = median(rounds.iter().map(|(bare, _)| *bare));
        let whole_rate = median(rounds.iter().map(|(_, whole)| *whole));
        let ratio = median(rounds.iter().map(|(bare, whole)| whole / bare));
        println!(
            "{scheme:?}: {whole_rate:.0} signatures/s, bare digests of the same {bytes} bytes {bare_rate:.0}/s, ratio {ratio:.2}"
        );
    }
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Calls a second.
fn rate(call: &dyn Fn()) -> f64 {
    let started = Instant::now();
    let mut calls = 0_u32;
    while started.elapsed() < Duration::from_millis(50) {
        for _ in 0..100 {
            call();
        }
        calls += 100;
    }
    f64::from(calls) / started.elapsed().as_secs_f64()
}
