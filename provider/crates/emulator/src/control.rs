//! `/_emulator/…`, by which tests and people steer the emulator: JSON, unsigned, for loopback peers.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::change::{self, Change};
use crate::clock::{LARGEST_STEP, Millis, iso};
use crate::ecs;
use crate::fault::Fault;
use crate::metadata::Settings;
use crate::request::Request;
use crate::world::World;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_ms: Millis,
    #[serde(default)]
    callers_too: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    Many(Vec<T>),
    One(T),
}

pub(crate) fn serves(path: &str) -> bool {
    path == "/_emulator" || path.starts_with("/_emulator/")
}

pub(crate) fn answer(world: &mut World, request: &Request) -> Answer {
    if !request.is_local() {
        return Answer::not_local();
    }
    steer(world, request).unwrap_or_else(|refusal| refusal)
}

fn steer(world: &mut World, request: &Request) -> Result<Answer, Answer> {
    let now = world.now();
    let at_once = world.options.copies_at_once();
    world.state.settle(now, at_once);
    let what = request.path.strip_prefix("/_emulator").unwrap_or_default();
    let ok = |value: Value| Ok(Answer::json(200, &value));
    match (request.method.as_str(), what) {
        ("GET", "/requests") => ok(json!(world.journal)),
        ("DELETE", "/requests") => {
            world.journal.clear();
            ok(json!([]))
        }
        ("GET", "/state") => ok(world.state.view(now)),
        ("DELETE", "/state") => {
            world.state.reset();
            world.state.settle(now, at_once);
            world.flaky.forget();
            saved(world)?;
            ok(world.state.view(now))
        }
        ("GET", "/faults") => ok(json!(world.faults)),
        ("POST", "/faults") => {
            let faults = read_list::<Fault>(request)?;
            world.faults.add(faults, &world.state, now, ecs::is_read).map_err(bad_request)?;
            ok(json!(world.faults))
        }
        ("DELETE", "/faults") => {
            world.faults.clear();
            ok(json!([]))
        }
        ("GET", "/clock") => ok(json!({"now_ms": now, "now": iso(now)})),
        ("POST", "/clock") => {
            let Advance { advance_ms, callers_too } = read(request)?;
            if !(0..=LARGEST_STEP).contains(&advance_ms) {
                return Err(bad_request(format!("`advance_ms` is not from 0 to {LARGEST_STEP}")));
            }
            if !world.clock.advance(advance_ms, callers_too) {
                return Err(Answer::text(
                    409,
                    "the clock can only be moved if the emulator runs with --manual-clock\n",
                ));
            }
            saved(world)?;
            let now = world.now();
            ok(json!({"now_ms": now, "now": iso(now)}))
        }
        ("POST", "/change") => {
            world.flaky.keep(&world.state, now);
            change::apply(&mut world.state, &read_list::<Change>(request)?, &world.options, now)
                .map_err(bad_request)?;
            world.state.settle(now, at_once);
            saved(world)?;
            ok(world.state.view(now))
        }
        ("GET", "/metadata") => ok(json!(world.metadata.settings)),
        ("POST", "/metadata") => {
            let settings: Settings = read(request)?;
            world.metadata.set(settings);
            ok(json!(world.metadata.settings))
        }
        (_, "/requests" | "/state" | "/faults" | "/clock" | "/change" | "/metadata") => {
            Err(Answer::text(405, format!("{} is not served at {}\n", request.method, request.path)))
        }
        _ => Err(Answer::text(
            404,
            format!(
                "there is nothing at {}; there are requests, state, faults, clock, change, metadata, credentials\n",
                request.path
            ),
        )),
    }
}

fn saved(world: &World) -> Result<(), Answer> {
    world.save().map_err(|error| Answer::text(500, format!("{error}\n")))
}

fn bad_request(why: impl std::fmt::Display) -> Answer {
    Answer::text(400, format!("{why}\n"))
}

fn read<T: DeserializeOwned>(request: &Request) -> Result<T, Answer> {
    serde_json::from_slice(&request.body)
        .map_err(|error| bad_request(format!("the body is not as documented: {error}")))
}

/// A list, or one entry alone.
fn read_list<T: DeserializeOwned>(request: &Request) -> Result<Vec<T>, Answer> {
    let body: OneOrMany<Value> = read(request)?;
    let entries = match body {
        OneOrMany::Many(entries) => entries,
        OneOrMany::One(entry) => vec![entry],
    };
    // One by one: an untagged enum would not say why an entry is refused.
    let read_one = |entry| {
        serde_json::from_value(entry)
            .map_err(|error| bad_request(format!("the body is not as documented: {error}")))
    };
    entries.into_iter().map(read_one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;
    use crate::request::tests::request;

    fn world(manual_clock: bool) -> World {
        World::new(Options { manual_clock, ..Options::default() }).expect("a world")
    }

    fn go(world: &mut World, method: &str, what: &str, body: &str) -> (u16, String) {
        let mut request = request(method, "", &[], body);
        request.path = format!("/_emulator{what}");
        let answer = answer(world, &request);
        (answer.status, answer.body)
    }

    #[track_caller]
    fn check(method: &str, what: &str, body: &str, expect: u16, says: &str) {
        let (status, answer) = go(&mut world(true), method, what, body);
        assert_eq!(status, expect, "{answer}");
        assert!(answer.contains(says), "{answer}");
    }

    #[test]
    fn malformed_bodies_are_refused_with_the_reason() {
        check("POST", "/faults", "{", 400, "not as documented");
        check("POST", "/faults", r#"[{"action":"A","do":"explode"}]"#, 400, "explode");
        check("POST", "/faults", "7", 400, "not as documented");
        check("POST", "/clock", r#"{"advance":1}"#, 400, "advance");
        check("POST", "/clock", r#"{"advance_ms":-1}"#, 400, "advance_ms");
        check("POST", "/clock", r#"{"advance_ms":1e300}"#, 400, "not as documented");
        check("POST", "/metadata", r#"{"v2":true}"#, 400, "v2");
        check("POST", "/change", r#"{"region":"r"}"#, 400, "must name one");
        check("GET", "/nonsense", "", 404, "nothing at");
        check("PUT", "/state", "", 405, "PUT");
    }

    #[test]
    fn faults_are_listed_until_used_up_or_cleared() {
        let mut world = world(false);
        let (status, body) = go(&mut world, "POST", "/faults", r#"{"action":"A","do":"throttle","times":2}"#);
        assert_eq!((status, body.as_str()), (200, r#"[{"action":"A","times":2,"do":"throttle"}]"#));
        assert_eq!(go(&mut world, "GET", "/faults", "").1, body);
        assert_eq!(go(&mut world, "DELETE", "/faults", ""), (200, "[]".into()));
        assert_eq!(go(&mut world, "GET", "/faults", "").1, "[]");
    }

    #[test]
    fn only_a_manual_clock_moves() {
        assert_eq!(go(&mut world(false), "POST", "/clock", r#"{"advance_ms":1}"#).0, 409);
        let mut world = world(true);
        let before = world.now();
        assert_eq!(go(&mut world, "POST", "/clock", r#"{"advance_ms":60000}"#).0, 200);
        assert_eq!(world.now(), before + 60_000);
    }

    #[test]
    fn the_state_goes_back_to_the_stock() {
        let mut world = world(false);
        let change = r#"{"region":"cn-hangzhou","image":"m-system","gone":true}"#;
        assert_eq!(go(&mut world, "POST", "/change", change).0, 200);
        assert!(!go(&mut world, "GET", "/state", "").1.contains("\"m-system\",\"name\""));
        go(&mut world, "DELETE", "/state", "");
        assert_eq!(world.state.region("cn-hangzhou", 0).images.len(), 2);
    }

    #[test]
    fn peers_elsewhere_are_refused() {
        let mut world = world(false);
        let mut request = request("GET", "", &[], "");
        request.path = "/_emulator/state".to_owned();
        for (peer, expect) in
            [("10.0.0.1", 403), ("::1", 200), ("::ffff:127.0.0.1", 200), ("2001:db8::1", 403)]
        {
            request.peer = peer.parse().expect("an address");
            assert_eq!(answer(&mut world, &request).status, expect, "{peer}");
        }
    }
}
