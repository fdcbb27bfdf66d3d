//! The ECS metadata server under `/latest/`, and the credentials URI: temporary credentials without a signature.

use serde_json::Value;

use crate::answer::Answer;
use crate::clock::{Millis, iso};
use crate::request::Request;
use crate::session::Session;
use crate::world::World;

const ROLES: &str = "/latest/meta-data/ram/security-credentials/";
const CREDENTIALS_URI: &str = "/_emulator/credentials";

/// Whether the path is one of these two.
pub(crate) fn serves(path: &str) -> bool {
    path.starts_with("/latest/") || path == CREDENTIALS_URI
}

pub(crate) fn answer(world: &mut World, request: &Request) -> Answer {
    let path = request.path.as_str();
    if path == CREDENTIALS_URI {
        return credentials_uri(world, request);
    }
    if path == "/latest/api/token" {
        return token(world, request);
    }
    if request.method != "GET" {
        return Answer::text(405, "only GET is served here\n");
    }
    let now = world.now();
    match request.header("x-aliyun-ecs-metadata-token") {
        Some(token) if world.metadata.knows_token(&token, now) => {}
        Some(_) => return Answer::text(401, "the token is unknown or has expired\n"),
        None if world.metadata.settings.v1 => {}
        None => return Answer::text(403, "a token is needed\n"),
    }
    let settings = &world.metadata.settings;
    match (path.strip_prefix(ROLES), &settings.role) {
        (Some(""), Some(role)) => Answer::text(200, role.clone()),
        (Some(asked), Some(role)) if asked == role => {
            let (role, lifetime) = (role.clone(), settings.lifetime_s);
            credentials(world, "metadata", &role, lifetime)
        }
        (Some(_), _) => Answer::text(404, "not found\n"),
        (None, role) => match (path, role) {
            ("/latest/meta-data/region-id", _) => Answer::text(200, settings.region.clone()),
            ("/latest/meta-data/ram/security-credentials", Some(role)) => Answer::text(200, role.clone()),
            _ => Answer::text(404, "not found\n"),
        },
    }
}

fn token(world: &mut World, request: &Request) -> Answer {
    if request.method != "PUT" {
        return Answer::text(405, "a token is asked for by PUT\n");
    }
    if request.header("x-forwarded-for").is_some() {
        return Answer::text(403, "tokens are not given through a proxy\n");
    }
    let seconds = request.header("x-aliyun-ecs-metadata-token-ttl-seconds");
    match seconds.as_deref().map(str::parse::<i64>) {
        Some(Ok(seconds @ 1..=21_600)) => {
            let now = world.now();
            Answer::text(200, world.metadata.new_token(now, seconds * 1_000))
        }
        _ => Answer::text(400, "the header X-aliyun-ecs-metadata-token-ttl-seconds is not from 1 to 21600\n"),
    }
}

fn credentials_uri(world: &mut World, request: &Request) -> Answer {
    if !request.is_local() {
        return Answer::not_local();
    }
    if request.method != "GET" {
        return Answer::text(405, "only GET is served here\n");
    }
    let lifetime = world.metadata.settings.lifetime_s.min(3_600);
    credentials(world, "uri", "emulator-uri", lifetime)
}

fn credentials(world: &mut World, kind: &'static str, role: &str, lifetime_s: u32) -> Answer {
    let (now, lifetime) = (world.now(), Millis::from(lifetime_s) * 1_000);
    if let Some(session) = world.metadata.last_session(&world.state, kind, lifetime, now) {
        return shown(&session, now);
    }
    let session = world.metadata.new_session(&mut world.state, kind, role, lifetime, now);
    match world.save() {
        Ok(()) => shown(&session, now),
        Err(error) => Answer::text(500, format!("{error}\n")),
    }
}

fn shown(session: &Session, now: Millis) -> Answer {
    let mut members = session.credentials();
    members.insert("Code".into(), "Success".into());
    members.insert("LastUpdated".into(), iso(now).into());
    Answer::json(200, &Value::Object(members))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;
    use crate::request::tests::request;
    use std::net::IpAddr;

    fn world() -> World {
        World::new(Options { manual_clock: true, ..Options::default() }).expect("a world")
    }

    fn go(world: &mut World, method: &str, path: &str, headers: &[(&'static str, &str)]) -> (u16, String) {
        let mut request = request(method, "", headers, "");
        request.path = path.to_owned();
        let answer = answer(world, &request);
        (answer.status, answer.body)
    }

    const TTL: &str = "x-aliyun-ecs-metadata-token-ttl-seconds";
    const TOKEN: &str = "x-aliyun-ecs-metadata-token";

    #[track_caller]
    fn check(path: &str, settings: &str, expect: (u16, &str)) {
        let mut world = world();
        world.metadata.set(serde_json::from_str(settings).expect("settings"));
        let (status, body) = go(&mut world, "GET", path, &[]);
        assert_eq!((status, body.trim_end()), expect);
    }

    #[test]
    fn the_server_tells_role_and_region() {
        check(ROLES, "{}", (200, "emulator-role"));
        check(ROLES, r#"{"role":null}"#, (404, "not found"));
        check(&format!("{ROLES}other"), "{}", (404, "not found"));
        check("/latest/meta-data/region-id", r#"{"region":"eu-central-1"}"#, (200, "eu-central-1"));
        check("/latest/meta-data/region-id", r#"{"v1":false}"#, (403, "a token is needed"));
        check("/latest/user-data", "{}", (404, "not found"));
    }

    #[test]
    fn tokens_are_good_for_as_long_as_asked_for() {
        let mut world = world();
        world.metadata.settings.v1 = false;
        let (status, token) = go(&mut world, "PUT", "/latest/api/token", &[(TTL, "10")]);
        assert_eq!(status, 200);
        let path = "/latest/meta-data/region-id";
        world.clock.advance(9_999, false);
        assert_eq!(go(&mut world, "GET", path, &[(TOKEN, &token)]).0, 200);
        world.clock.advance(1, false);
        assert_eq!(go(&mut world, "GET", path, &[(TOKEN, &token)]).0, 401);
    }

    #[test]
    fn a_token_is_refused_if_the_cloud_refuses_it() {
        for (method, headers, expect) in [
            ("PUT", &[][..], 400),
            ("PUT", &[(TTL, "0")], 400),
            ("PUT", &[(TTL, "21601")], 400),
            ("PUT", &[(TTL, "60"), ("x-forwarded-for", "10.0.0.1")], 403),
            ("GET", &[(TTL, "60")], 405),
        ] {
            assert_eq!(go(&mut world(), method, "/latest/api/token", headers).0, expect, "{headers:?}");
        }
    }

    #[test]
    fn credentials_are_given_again_for_half_their_life() {
        for path in [&format!("{ROLES}emulator-role"), CREDENTIALS_URI] {
            let mut world = world();
            let key = |world: &mut World| {
                let (status, body) = go(world, "GET", path, &[]);
                assert_eq!(status, 200, "{body}");
                let body: Value = serde_json::from_str(&body).expect("JSON");
                assert_eq!(body["Code"], "Success");
                body["AccessKeyId"].as_str().expect("a text").to_owned()
            };
            world.metadata.settings.lifetime_s = 1_000;
            let first = key(&mut world);
            world.clock.advance(499_999, false);
            assert_eq!(key(&mut world), first);
            world.clock.advance(1, false);
            assert_ne!(key(&mut world), first);
            assert_eq!(world.state.sessions[&first].expires, world.now() + 500_000);
        }
    }

    #[test]
    fn the_credentials_uri_is_for_loopback() {
        let mut request = request("GET", "", &[], "");
        request.path = CREDENTIALS_URI.to_owned();
        request.peer = IpAddr::from([10, 0, 0, 1]);
        assert_eq!(answer(&mut world(), &request).status, 403);
    }
}
