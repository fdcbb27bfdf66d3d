//! The package schema: functions, lists and variables, as the SDKs' generators and `pulumi do` read them.

use std::sync::Arc;

use pulumi::package_schema;
use serde_json::{Value as Json, json};

use crate::library::{Cloud, Library};
use crate::world::{BOOK, FIND_BOOKS, SHELF};

fn schema() -> Json {
    package_schema(&Library::new(&Arc::<Cloud>::default(), &[])).unwrap()
}

#[test]
fn a_function_is_declared_with_what_it_takes_and_gives() {
    let found = json!({ "$ref": "#/types/library:index%2FFoundBook:FoundBook" });
    let described = |mut json: Json, text: &str| {
        json["description"] = text.into();
        json
    };
    assert_eq!(
        schema()["functions"],
        json!({
            FIND_BOOKS: {
                "description": "Finds books.",
                "deprecationMessage": "Ask the librarian.",
                "inputs": {
                    "description": "The arguments of findBooks.\n",
                    "type": "object",
                    "properties": {
                        "author": { "type": "string", "description": "Who wrote them." },
                        "most": { "type": "integer", "description": "How many at most." },
                        "writer": {
                            "type": "string",
                            "description": "The old name of `author`.",
                            "deprecationMessage": "Use `author` instead.",
                        },
                    },
                    "required": ["author"],
                },
                "outputs": {
                    "description": "The result of findBooks.\n",
                    "type": "object",
                    "properties": {
                        "books": { "type": "array", "items": found, "description": "In the order of their ids." },
                        "best": described(found.clone(), "The best of them."),
                        "card": { "type": "string", "description": "With which to borrow them.", "secret": true },
                    },
                    "required": ["books", "card"],
                },
            },
        })
    );
}

#[test]
fn the_types_of_a_result_are_declared_with_their_ids() {
    let found = &schema()["types"]["library:index/FoundBook:FoundBook"];
    assert_eq!(found["required"], json!(["id", "title"]));
    assert_eq!(found["properties"]["id"]["description"], "Its id.");
}

#[test]
fn only_what_can_be_listed_has_list_inputs() {
    let resources = &schema()["resources"];
    assert_eq!(
        resources[BOOK]["listInputs"],
        json!({
            "description": "What a list of Book resources can be narrowed by.\n",
            "type": "object",
            "properties": { "author": { "type": "string", "description": "Who wrote them." } },
        })
    );
    assert_eq!(resources[SHELF].get("listInputs"), None);
}

#[test]
fn other_tokens_of_a_resource_are_its_aliases() {
    let resources = &schema()["resources"];
    assert_eq!(resources[BOOK]["aliases"], json!([{ "type": "library:index/tome:Tome" }]));
    assert_eq!(resources[SHELF].get("aliases"), None);
}

#[test]
fn a_setting_names_its_variables() {
    let settings = &schema()["config"]["variables"];
    assert_eq!(settings["city"]["description"], "The city. Also read from `LIBRARY_CITY` or `TOWN`.");
    assert_eq!(
        settings["printing"]["description"],
        "How long printing takes, in milliseconds. Also read from `LIBRARY_PRINTING`."
    );
    assert_eq!(settings["strict"]["description"], "Whether only the library's own variables count.");
}
