//! `DescribeTaskAttribute`: how one import or export does, and what it has come to.

use std::ops::RangeInclusive;

use crate::ecs::action::{Action, Params};
use crate::error::Rule;
use crate::lenient::record;

/// Which task to describe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DescribeTaskAttributeRequest {
    /// The task.
    pub task_id: String,
}

record! {
    /// A task.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct DescribeTaskAttributeResponse {
        /// The task's id. Never empty: an answer without one is an error.
        pub task_id: String = "TaskId",
        /// `ImportImage` or `ExportImage`.
        pub task_action: Option<String> = "TaskAction",
        /// `Processing`, `Finished` or `Failed`. `Waiting` has been seen; what a cancelled task shows is not documented.
        pub task_status: Option<String> = "TaskStatus",
        /// When it began: `2026-01-02T03:04Z`, in UTC. Documented to the minute, which it is in.
        pub creation_time: Option<String> = "CreationTime",
        /// Percent as text: `45%`.
        pub task_process: Option<String> = "TaskProcess" | "Progress",
        /// Whether CancelTask may end it.
        pub support_cancel: Option<bool> = "SupportCancel",
        /// How many of its steps have failed.
        pub failed_count: Option<i64> = "FailedCount",
        /// Its steps.
        pub operations: Vec<TaskOperation> = "OperationProgressSet",
    }
}

record! {
    /// One step of a task.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct TaskOperation {
        /// Why it failed.
        pub error_code: Option<String> = "ErrorCode",
        /// The same in words.
        pub error_message: Option<String> = "ErrorMsg",
        /// What it is about: of an export `OSSBucket`, `OSSObject` and `ImageFormat`.
        pub related_items: Vec<RelatedItem> = "RelatedItemSet",
    }
}

record! {
    /// Something that a step is about.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct RelatedItem {
        /// What kind of thing it is.
        pub name: Option<String> = "Name",
        /// Which one.
        pub value: Option<String> = "Value",
    }
}

impl DescribeTaskAttributeResponse {
    /// What the steps say is called so.
    pub fn related<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let items = self.operations.iter().flat_map(|operation| &operation.related_items);
        items.filter(move |item| item.name.as_deref() == Some(name)).filter_map(|item| item.value.as_deref())
    }

    /// The first and the last second, since 1970, in which it can have begun: those of a minute if its time has no seconds.
    pub fn began(&self) -> Option<RangeInclusive<i64>> {
        let text = self.creation_time.as_deref()?;
        let time: jiff::Timestamp = text.parse().ok()?;
        let has_seconds = text.matches(':').count() > 1;
        Some(time.as_second()..=time.as_second() + if has_seconds { 0 } else { 59 })
    }

    /// Why it failed: code and words.
    pub fn reason(&self) -> Option<String> {
        let mut failed = self.operations.iter().filter_map(|operation| {
            let code = operation.error_code.as_deref().filter(|code| !code.is_empty());
            let message = operation.error_message.as_deref().filter(|message| !message.is_empty());
            match (code, message) {
                (Some(code), Some(message)) => Some(format!("{code}: {message}")),
                (Some(text), None) | (None, Some(text)) => Some(text.to_owned()),
                (None, None) => None,
            }
        });
        failed.next()
    }
}

impl Action for DescribeTaskAttributeRequest {
    const NAME: &'static str = "DescribeTaskAttribute";
    const RULES: &'static [Rule] = &[Rule::not_found("InvalidTaskId.NotFound")];

    type Response = DescribeTaskAttributeResponse;

    fn params(&self) -> Vec<(String, String)> {
        let mut params = Params::default();
        params.text("TaskId", Some(&self.task_id));
        params.0
    }

    fn lacks(
        &self,
        response: &DescribeTaskAttributeResponse,
        _request_id: Option<&str>,
        _text: &str,
    ) -> Option<&'static str> {
        if response.task_id.is_empty() {
            return Some("a TaskId");
        }
        response.task_status.as_deref().is_none_or(str::is_empty).then_some("a TaskStatus")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecs::action::check_params;
    use crate::testing::{Stub, client, in_seconds, ok, refuse};

    async fn describe(reply: crate::testing::Reply) -> Result<DescribeTaskAttributeResponse, crate::Error> {
        let request = DescribeTaskAttributeRequest { task_id: "t-1".to_owned() };
        check_params(&request, &["TaskId=t-1"]);
        client(&Stub::script(vec![reply])).describe_task_attribute(&request, in_seconds(60)).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_finished_export_names_its_objects() {
        let json = r#"{"RequestId":"R","TaskId":"t-1","TaskAction":"ExportImage","TaskStatus":"Finished",
            "CreationTime":"2026-11-28T02:13Z",
            "TaskProcess":"100%","SupportCancel":"True","OperationProgressSet":{"OperationProgress":[
            {"OperationStatus":"Success","RelatedItemSet":{"RelatedItem":[{"Name":"OSSBucket","Value":"b"},
            {"Name":"OSSObject","Value":"p_m-1_system.raw.tar.gz"}]}},
            {"RelatedItemSet":{"RelatedItem":[{"Name":"OSSObject","Value":"p_m-1_data_xvdb.raw.tar.gz"}]}}]}}"#;
        let task = describe(ok(json)).await.expect("a task");
        assert_eq!(task.related("OSSBucket").collect::<Vec<_>>(), ["b"]);
        let objects: Vec<&str> = task.related("OSSObject").collect();
        assert_eq!(objects, ["p_m-1_system.raw.tar.gz", "p_m-1_data_xvdb.raw.tar.gz"]);
        assert_eq!((task.support_cancel, task.reason()), (Some(true), None));
        assert_eq!(task.began(), Some(1_795_831_980..=1_795_832_039));
    }

    #[test]
    fn a_time_may_have_seconds() {
        let of = |time: &str| DescribeTaskAttributeResponse {
            creation_time: Some(time.to_owned()),
            ..DescribeTaskAttributeResponse::default()
        };
        assert_eq!(of("2026-11-28T02:13:26Z").began(), Some(1_795_832_006..=1_795_832_006));
        assert_eq!((of("").began(), of("yesterday").began()), (None, None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_task_says_why() {
        let json = r#"{"RequestId":"R","TaskId":"t-1","TaskStatus":"Failed","OperationProgressSet":{
            "OperationProgress":[{"ErrorCode":"","ErrorMsg":""},{"ErrorCode":"E.1","ErrorMsg":"no system"}]}}"#;
        assert_eq!(describe(ok(json)).await.expect("a task").reason().as_deref(), Some("E.1: no system"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_is_forgotten_is_not_found_and_an_answer_without_one_is_none() {
        let error = describe(refuse(400, "InvalidTaskId.NotFound")).await.expect_err("not there");
        assert!(error.is_not_found());
        for (json, lack) in [
            (r#"{"RequestId":"R"}"#, "without a TaskId"),
            (r#"{"RequestId":"R","TaskId":"t-1"}"#, "without a TaskStatus"),
        ] {
            let error = describe(ok(json)).await.expect_err(json);
            assert!(error.to_string().contains(lack), "{error}");
        }
    }
}
