//! How many signatures a second, against the bare digests of the same bytes in the same run: HMAC-SHA1 of the string to
//! sign (V1); SHA-256 of body and canonical request and HMAC-SHA256 of the string to sign (V3). Both sides set their key
//! up every time.

use std::hint::black_box;
use std::time::{Duration, Instant};

use aliyun::sign::{Scheme, sign, stages};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value as Json, json};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use crate::median;
use crate::operations::{NONCE, TIME, credential, parameters, request};

const ROUNDS: usize = 31;

/// Measures both schemes.
///
/// # Errors
/// None that a machine could cause.
pub fn measure() -> anyhow::Result<Json> {
    let (credential, form, time) = (credential(), parameters(), TIME.parse()?);
    let request = request(&form);
    let mut results = serde_json::Map::new();
    for (name, scheme) in [("v1", Scheme::V1), ("v3", Scheme::V3)] {
        let stages = stages(scheme, &request, &credential, time, NONCE);
        let signed = sign(scheme, &request, Some(&credential), time, NONCE);
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
            black_box(sign(scheme, black_box(&request), Some(&credential), time, NONCE));
        };
        // By turns, so that a busy machine slows both down.
        let rounds: Vec<(f64, f64)> = (0..ROUNDS).map(|_| (rate(&bare), rate(&whole))).collect();
        let bare: Vec<f64> = rounds.iter().map(|(bare, _)| *bare).collect();
        let whole: Vec<f64> = rounds.iter().map(|(_, whole)| *whole).collect();
        let ratios: Vec<f64> = rounds.iter().map(|(bare, whole)| whole / bare).collect();
        results.insert(
            name.to_owned(),
            json!({
                "ratio": median(&ratios), "signatures_per_s": median(&whole), "bare_per_s": median(&bare),
                "bytes": bytes,
            }),
        );
    }
    Ok(Json::Object(results))
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
