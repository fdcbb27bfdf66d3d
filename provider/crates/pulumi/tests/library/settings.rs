//! Settings: what the program leaves out is read from the variables that the fields name.

use pulumi::pulumirpc as rpc;
use serde_json::{Value as Json, json};

use crate::world::{Kind, World, read, secret, told, wire};

async fn configured(settings: Json, variables: &[(&str, &str)]) -> Result<Vec<String>, String> {
    let mut world = World::unconfigured(variables).await;
    match world.configure(settings).await {
        Ok(()) => Ok(world.cloud.heard()),
        Err(status) => Err(status.message().to_owned()),
    }
}

#[tokio::test]
async fn variables_stand_in_for_settings() {
    let variables = [("LIBRARY_CITY", "Ghent"), ("TOWN", "Lisbon"), ("LIBRARY_PASSWORD", "hunter2")];
    assert_eq!(configured(json!({}), &variables).await.unwrap(), ["configured Ghent true"]);
    assert_eq!(
        configured(json!({ "city": "Turin" }), &variables[1..2]).await.unwrap(),
        ["configured Turin false"]
    );
    assert_eq!(configured(json!({ "city": "" }), &variables[1..]).await.unwrap(), ["configured Lisbon true"]);
}

#[tokio::test]
async fn a_provider_decides_which_variables_count() {
    let variables = [("TOWN", "Lisbon")];
    assert_eq!(
        configured(json!({ "strict": "true" }), &variables).await.unwrap_err(),
        "missing provider settings: library:city: the city"
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_variable_names_it() {
    let variables = [("LIBRARY_CITY", "G"), ("LIBRARY_PRINTING", "soon")];
    assert_eq!(
        configured(json!({}), &variables).await.unwrap_err(),
        "library:city: in the variable LIBRARY_CITY: must be at least 2 characters long, got 1: \"G\"; \
         library:printing: in the variable LIBRARY_PRINTING: expected a whole number, got the string \"soon\""
    );
}

#[tokio::test]
async fn a_secret_is_one_also_from_a_variable() {
    let variables = [("LIBRARY_CITY", "Ghent"), ("LIBRARY_PASSWORD", "abc")];
    let told = configured(json!({}), &variables).await.unwrap_err();
    assert!(told.ends_with("must be at least 4 characters long (the value is secret)"), "{told}");
    // Where the provider itself fails, the secret is struck out of what it says.
    let told =
        configured(json!({ "city": "hunter2" }), &[("LIBRARY_PASSWORD", "hunter2")]).await.unwrap_err();
    assert_eq!(told, "[secret] is no city");
}

#[tokio::test]
async fn check_config_judges_the_variables_and_leaves_the_settings_as_they_are() {
    let mut world = World::unconfigured(&[("TOWN", "Atlantis"), ("LIBRARY_PRINTING", "5")]).await;
    let request =
        rpc::CheckRequest { news: wire(&json!({ "strict": "false" })), ..rpc::CheckRequest::default() };
    let answer = world.plugin.check_config(request.clone()).await.unwrap().into_inner();
    let told: Vec<String> = answer.failures.iter().map(told).collect();
    assert_eq!(told, ["city: in the variable TOWN: is under water, got \"Atlantis\""]);
    assert_eq!(read(answer.inputs), json!({ "strict": "false" }));
}

#[tokio::test]
async fn a_replacement_of_the_provider_is_said_once_and_without_secrets() {
    let mut world = World::unconfigured(&[]).await;
    let request = rpc::DiffRequest {
        old_inputs: wire(&json!({ "city": "Ghent" })),
        news: wire(&json!({ "city": secret("Lisbon".into()) })),
        ..rpc::DiffRequest::default()
    };
    for _ in 0..2 {
        let answer = world.plugin.diff_config(request.clone()).await.unwrap().into_inner();
        assert_eq!(answer.replaces, ["city"]);
    }
    let told = world.lines(Kind::Warning);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("city changes from \"Ghent\" to \"[secret]\""), "{told:?}");
}
