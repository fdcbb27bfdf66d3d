//! `CancelTask`: ends an import or an export that is under way.

use crate::ecs::action::{Action, Params};
use crate::error::Rule;

/// Which task to cancel. Safe to repeat: a task that has ended counts as cancelled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CancelTaskRequest {
    /// The task.
    pub task_id: String,
}

impl Action for CancelTaskRequest {
    const NAME: &'static str = "CancelTask";
    const RULES: &'static [Rule] = &[Rule::not_found("InvalidTaskId.NotFound")];
    const DONE_ALREADY: Option<&'static str> = Some("InvalidTaskId.IncorrectTaskStatus");

    type Response = ();

    fn params(&self) -> Vec<(String, String)> {
        let mut params = Params::default();
        params.text("TaskId", Some(&self.task_id));
        params.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecs::action::check_params;
    use crate::testing::{Stub, client, in_seconds, refuse};

    #[tokio::test(start_paused = true)]
    async fn a_task_that_has_ended_counts_as_cancelled() {
        let request = CancelTaskRequest { task_id: "t-1".to_owned() };
        check_params(&request, &["TaskId=t-1"]);
        let stub = Stub::script(vec![refuse(403, "InvalidTaskId.IncorrectTaskStatus")]);
        client(&stub).cancel_task(&request, in_seconds(60)).await.expect("nothing left to cancel");
        let stub = Stub::script(vec![refuse(400, "InvalidTaskId.NotFound")]);
        assert!(client(&stub).cancel_task(&request, in_seconds(60)).await.expect_err("gone").is_not_found());
    }
}
