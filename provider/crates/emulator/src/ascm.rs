//! ASCM's ListResourceGroup, which the private clouds have.

use serde_json::{Value, json};

use crate::action::{Action, Context};
use crate::answer::Failure;

pub(crate) const ACTIONS: &[Action] = &[Action::read("ListResourceGroup", list_resource_group)];

/// Name, organisation and id of the stock resource group sets.
const SETS: &[(&str, i64, i64)] = &[("rs-demo", 37, 71), ("rs-other", 38, 72)];

fn list_resource_group(context: &mut Context<'_>) -> Result<Value, Failure> {
    let name = context.params.text("resourceGroupName").unwrap_or_default();
    let found: Vec<Value> = SETS
        .iter()
        .filter(|(set, ..)| set.contains(name))
        .map(|(set, organization, id)| {
            json!({
                "id": id,
                "organizationID": organization,
                "resourceGroupName": set,
                "rsId": format!("{set}-{id}"),
                "resourceGroupType": 0,
            })
        })
        .collect();
    let pages = json!({"currentPage": 1, "pageSize": 10, "total": found.len(), "totalPage": 1});
    Ok(json!({"code": "200", "message": "success", "data": found, "pageInfo": pages}))
}
