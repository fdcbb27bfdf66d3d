//! `DescribeImageSharePermission`: whom an image is shared with.

use crate::ecs::action::{Action, List, Params};
use crate::lenient::record;

/// Which image to look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DescribeImageSharePermissionRequest {
    /// The image.
    pub image_id: String,
    /// From 1; 1 if absent.
    pub page_number: Option<u32>,
    /// 1 to 100; 10 if absent.
    pub page_size: Option<u32>,
}

record! {
    /// One page of accounts.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct DescribeImageSharePermissionResponse {
        /// The accounts.
        pub accounts: Vec<ShareAccount> = "Accounts",
        /// Groups of accounts that the image is shared with.
        pub share_groups: Vec<ShareGroup> = "ShareGroups",
        /// How many accounts there are on all pages.
        pub total_count: Option<i64> = "TotalCount",
    }
}

record! {
    /// An account that an image is shared with.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct ShareAccount {
        /// The account's number. A number in some answers, text in others.
        pub aliyun_id: Option<String> = "AliyunId",
        /// Since when, UTC. Older answers do not say.
        pub shared_time: Option<String> = "SharedTime",
    }
}

record! {
    /// A group of accounts that an image is shared with.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct ShareGroup {
        /// The group's name.
        pub group: Option<String> = "Group",
    }
}

/// How many accounts a page has if the request does not say.
const DEFAULT_SIZE: u32 = 10;

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

const LIST: List = List {
    names: ["Accounts", "Account"],
    list: "a list of accounts",
    counted: "the accounts that its TotalCount counts",
};

impl Action for DescribeImageSharePermissionRequest {
    const NAME: &'static str = "DescribeImageSharePermission";

    type Response = DescribeImageSharePermissionResponse;

    fn params(&self) -> Vec<(String, String)> {
        let mut params = Params::default();
        params.text("ImageId", Some(&self.image_id));
        params.value("PageNumber", self.page_number);
        params.value("PageSize", self.page_size);
        params.0
    }

    /// That there are no accounts is believed only from an answer that counts them, and that has the shape of this action's
    /// answers.
    fn lacks(
        &self,
        response: &DescribeImageSharePermissionResponse,
        request_id: Option<&str>,
        text: &str,
    ) -> Option<&'static str> {
        if !response.accounts.is_empty() {
            let is_known = |account: &ShareAccount| account.aliyun_id.as_deref().is_some_and(is_number);
            return (!response.accounts.iter().all(is_known)).then_some("the number of each account");
        }
        let is_first = self.page_number.is_none_or(|page| page <= 1);
        if !is_first && response.total_count.is_none() && request_id.is_some() && LIST.is_empty(text) {
            // The pages before it have shown that this cloud tells accounts and does not count them.
            return None;
        }
        let before = i64::from(self.page_number.unwrap_or(1).saturating_sub(1))
            .saturating_mul(self.page_size.unwrap_or(DEFAULT_SIZE).into());
        LIST.lacks(request_id, response.total_count, text, |count| {
            count > before && response.share_groups.is_empty()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use crate::ecs::action::check_params;
    use crate::testing::{Stub, client, in_seconds, ok};

    async fn describe(
        page_number: Option<u32>,
        json: &str,
    ) -> Result<DescribeImageSharePermissionResponse, Error> {
        let request = DescribeImageSharePermissionRequest {
            image_id: "m-1".to_owned(),
            page_number,
            page_size: Some(100),
        };
        client(&Stub::script(vec![ok(json)])).describe_image_share_permission(&request, in_seconds(60)).await
    }

    #[test]
    fn a_page_is_asked_for_only_if_it_is_named() {
        let request =
            DescribeImageSharePermissionRequest { image_id: "m-1".to_owned(), ..Default::default() };
        check_params(&request, &["ImageId=m-1"]);
        let request =
            DescribeImageSharePermissionRequest { page_number: Some(2), page_size: Some(100), ..request };
        check_params(&request, &["ImageId=m-1", "PageNumber=2", "PageSize=100"]);
    }

    #[tokio::test(start_paused = true)]
    async fn account_numbers_are_read_as_text_and_as_numbers() {
        let json = r#"{"RequestId":"R","ImageId":"m-1","TotalCount":"2","PageNumber":1,"PageSize":100,
            "ShareGroups":{"ShareGroup":[{"Group":"g"}]},
            "Accounts":{"Account":[{"AliyunId":1234567890123456},
                {"AliyunId":"1234567890123457","SharedTime":"2026-01-02T03:04:05Z"}]}}"#;
        let page = describe(None, json).await.expect("described");
        let accounts: Vec<_> =
            page.accounts.iter().map(|account| account.aliyun_id.as_deref().expect("an id")).collect();
        assert_eq!(accounts, ["1234567890123456", "1234567890123457"]);
        assert_eq!(page.accounts[1].shared_time.as_deref(), Some("2026-01-02T03:04:05Z"));
        assert_eq!((page.total_count, page.share_groups[0].group.as_deref()), (Some(2), Some("g")));
    }

    #[tokio::test(start_paused = true)]
    async fn that_nobody_has_a_share_is_believed_only_if_they_are_counted() {
        for accounts in ["", r#","Accounts":null"#, r#","Accounts":{}"#, r#","Accounts":{"Account":[]}"#] {
            let json = format!(r#"{{"RequestId":"R","ImageId":"m-1","TotalCount":0{accounts}}}"#);
            assert!(describe(None, &json).await.expect(&json).accounts.is_empty());
            let uncounted = json.replace("\"TotalCount\":0,", "").replace(",\"TotalCount\":0", "");
            let error = describe(None, &uncounted).await.expect_err(&uncounted);
            assert!(error.to_string().contains("without a TotalCount"), "{error}");
            let counted = json.replace("\"TotalCount\":0", "\"TotalCount\":3");
            let error = describe(Some(1), &counted).await.expect_err(&counted);
            assert!(error.to_string().contains("without the accounts that its TotalCount counts"), "{error}");
            // A share that ended between two pages.
            describe(Some(2), &counted).await.expect(&counted);
            let groups = counted.replacen('{', r#"{"ShareGroups":{"ShareGroup":[{"Group":"g"}]},"#, 1);
            describe(None, &groups).await.expect(&groups);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_of_another_shape_does_not_say_that_nobody_has_a_share() {
        for accounts in [
            r#"[{"AliyunId":"1"},{}]"#,
            r#"[{"AliyunId":1.234567890123457e15}]"#,
            r#"[{"AliyunId":"acs:1"}]"#,
        ] {
            let json = format!(r#"{{"RequestId":"R","TotalCount":2,"Accounts":{accounts}}}"#);
            let error = describe(None, &json).await.expect_err(&json);
            assert!(error.to_string().contains("without the number of each account"), "{error}");
        }
        let empty = r#"{"RequestId":"R","TotalCount":101}"#;
        let error = describe(Some(2), empty).await.expect_err(empty);
        assert!(error.to_string().contains("the accounts that its TotalCount counts"), "{error}");
        for accounts in
            ["[[]]", r#""""#, r#"{"Account":{"Account":[]}}"#, r#"{"Account":[[]]}"#, r#"{"Id":[]}"#]
        {
            let json = format!(r#"{{"RequestId":"R","TotalCount":0,"Accounts":{accounts}}}"#);
            let error = describe(None, &json).await.expect_err(&json);
            assert!(error.to_string().contains("without a list of accounts"), "{error}");
        }
    }
}
