//! `DescribeTasks`: imports and exports, running and past.

use crate::ecs::action::{Action, List, Params};
use crate::lenient::record;

/// Which tasks to describe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DescribeTasksRequest {
    /// `ImportImage` or `ExportImage`.
    pub task_action: Option<String>,
    /// `Processing`, `Finished` or `Failed`. The cloud passes over any other.
    pub task_status: Option<String>,
    /// The images, at most 100.
    pub resource_ids: Vec<String>,
    /// From 1; 1 if absent.
    pub page_number: Option<u32>,
    /// 1 to 100; 10 if absent.
    pub page_size: Option<u32>,
}

record! {
    /// One page of tasks, in no order that is documented.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct DescribeTasksResponse {
        /// The tasks.
        pub tasks: Vec<Task> = "TaskSet",
        /// How many there are on all pages.
        pub total_count: Option<i64> = "TotalCount",
    }
}

record! {
    /// A task as a list shows it.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct Task {
        /// The task's id.
        pub task_id: Option<String> = "TaskId",
        /// `ImportImage` or `ExportImage`.
        pub task_action: Option<String> = "TaskAction",
        /// `Processing`, `Finished` or `Failed`; `Waiting` has been seen.
        pub task_status: Option<String> = "TaskStatus",
        /// The image.
        pub resource_id: Option<String> = "ResourceId",
        /// UTC; some answers leave out the seconds.
        pub creation_time: Option<String> = "CreationTime",
    }
}

const LIST: List = List {
    names: ["TaskSet", "Task"],
    list: "a list of tasks",
    counted: "the tasks that its TotalCount counts",
};

impl Action for DescribeTasksRequest {
    const NAME: &'static str = "DescribeTasks";
    const TIME_LIMIT: std::time::Duration = std::time::Duration::from_secs(11);

    type Response = DescribeTasksResponse;

    fn params(&self) -> Vec<(String, String)> {
        let mut params = Params::default();
        params.text("TaskAction", self.task_action.as_ref());
        params.text("TaskStatus", self.task_status.as_ref());
        params.list("ResourceIds", &self.resource_ids);
        params.value("PageNumber", self.page_number);
        params.value("PageSize", self.page_size);
        params.0
    }

    /// That there are no tasks is believed only from an answer in the shape of this action's: nothing else tells whether an
    /// export is under way.
    fn lacks(
        &self,
        response: &DescribeTasksResponse,
        request_id: Option<&str>,
        text: &str,
    ) -> Option<&'static str> {
        if !response.tasks.is_empty() {
            return None;
        }
        let first_page = self.page_number.is_none_or(|page| page <= 1);
        LIST.lacks(request_id, response.total_count, text, |_| first_page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecs::action::check_params;
    use crate::testing::{Stub, client, in_seconds, ok};

    #[test]
    fn images_are_numbered_from_one() {
        let request = DescribeTasksRequest {
            task_action: Some("ExportImage".to_owned()),
            task_status: Some("Processing".to_owned()),
            resource_ids: vec!["m-1".to_owned(), "m-2".to_owned()],
            page_number: Some(2),
            page_size: Some(100),
        };
        let expected = [
            "TaskAction=ExportImage",
            "TaskStatus=Processing",
            "ResourceIds.1=m-1",
            "ResourceIds.2=m-2",
            "PageNumber=2",
            "PageSize=100",
        ];
        check_params(&request, &expected);
    }

    #[tokio::test(start_paused = true)]
    async fn that_there_are_no_tasks_is_believed_only_if_they_are_counted() {
        let read = async |json: &str| {
            let request = DescribeTasksRequest::default();
            client(&Stub::script(vec![ok(json)])).describe_tasks(&request, in_seconds(60)).await
        };
        let none = read(r#"{"RequestId":"R","TotalCount":0,"TaskSet":{"Task":[]}}"#).await.expect("none");
        assert!(none.tasks.is_empty());
        for (json, lack) in [
            (r#"{"TotalCount":0,"TaskSet":{"Task":[]}}"#, "without a RequestId"),
            (r#"{"RequestId":"R","TaskSet":{"Task":[]}}"#, "without a TotalCount"),
            (r#"{"RequestId":"R","TotalCount":0,"TaskSet":[[]]}"#, "without a list of tasks"),
            (r#"{"RequestId":"R","TotalCount":1}"#, "without the tasks that its TotalCount counts"),
        ] {
            let error = read(json).await.expect_err(json);
            assert!(error.to_string().contains(lack), "{error}");
        }
        let some = r#"{"RequestId":"R","TotalCount":1,"TaskSet":{"Task":[{"TaskId":"t-1","TaskStatus":"Processing",
            "TaskAction":"ExportImage","ResourceId":"m-1","CreationTime":"2026-01-02T03:04Z"}]}}"#;
        let task = read(some).await.expect("a task").tasks.remove(0);
        assert_eq!((task.task_id.as_deref(), task.resource_id.as_deref()), (Some("t-1"), Some("m-1")));
    }
}
