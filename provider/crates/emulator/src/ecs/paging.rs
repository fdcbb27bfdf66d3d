//! The two ways to page: by number with a total, or by token until there is none.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::answer::{Failure, failure};
use crate::params::Params;

/// `PageNumber` and `PageSize`.
#[derive(Debug)]
pub(super) struct Page {
    number: usize,
    size: usize,
}

impl Page {
    /// `refusal` is the action's code for a number out of range.
    pub(super) fn read(params: &Params, largest: usize, refusal: &'static str) -> Result<Page, Failure> {
        Page::read_with(params, 10, largest, refusal)
    }

    /// The same for an action whose pages have another `size` unless it is given.
    pub(super) fn read_with(
        params: &Params,
        size: usize,
        largest: usize,
        refusal: &'static str,
    ) -> Result<Page, Failure> {
        let read = |name: &str, default: usize, most: usize| match params.text(name).map(str::parse::<usize>)
        {
            None => Ok(default),
            Some(Ok(value)) if (1..=most).contains(&value) => Ok(value),
            Some(_) => {
                let message =
                    format!("The specified parameter \"{name}\" is not valid: it is not from 1 to {most}.");
                Err(failure(400, refusal, message))
            }
        };
        Ok(Page { number: read("PageNumber", 1, i32::MAX as usize)?, size: read("PageSize", size, largest)? })
    }

    /// `name.entry[]`, with the numbers beside it.
    pub(super) fn of<T>(&self, all: &[T], name: &str, entry: &str, show: impl Fn(&T) -> Value) -> Value {
        let from = (self.number - 1).saturating_mul(self.size);
        let shown: Vec<Value> = all.iter().skip(from).take(self.size).map(show).collect();
        let mut answer = json!({
            "PageNumber": self.number,
            "PageSize": self.size,
            "TotalCount": all.len(),
        });
        answer[name] = json!({ entry: shown });
        answer
    }
}

/// `NextToken` and `MaxResults`. A token says where to go on, and is good for any call of the same kind.
#[derive(Debug)]
pub(super) struct TokenPage {
    from: usize,
    most: usize,
}

impl TokenPage {
    /// `None` if the call pages by number or not at all.
    pub(super) fn read(params: &Params, refusal: (u16, &'static str)) -> Result<Option<TokenPage>, Failure> {
        if params.text("NextToken").is_none() && params.text("MaxResults").is_none() {
            return Ok(None);
        }
        TokenPage::read_always(params, refusal).map(Some)
    }

    pub(super) fn read_always(params: &Params, refusal: (u16, &'static str)) -> Result<TokenPage, Failure> {
        let from = match params.text("NextToken") {
            None => 0,
            Some(token) => decode(token).ok_or_else(|| {
                failure(refusal.0, refusal.1, "The specified parameter \"NextToken\" is not valid.")
            })?,
        };
        let most = match params.text("MaxResults").map(str::parse::<usize>) {
            None => 10,
            Some(Ok(most @ 1..=100)) => most,
            Some(_) => {
                let message = "The specified parameter \"MaxResults\" is not valid: it is not from 1 to 100.";
                return Err(failure(400, "InvalidParameter", message));
            }
        };
        Ok(TokenPage { from, most })
    }

    pub(super) fn with_most(self, most: usize) -> TokenPage {
        TokenPage { most, ..self }
    }

    pub(super) fn of<T>(&self, all: &[T], name: &str, entry: &str, show: impl Fn(&T) -> Value) -> Value {
        let shown: Vec<Value> = all.iter().skip(self.from).take(self.most).map(show).collect();
        let next = self.from.saturating_add(shown.len());
        let token = if next < all.len() { encode(next) } else { String::new() };
        let mut answer = json!({ "NextToken": token });
        answer[name] = json!({ entry: shown });
        answer
    }
}

fn encode(from: usize) -> String {
    URL_SAFE_NO_PAD.encode(format!("from {from}"))
}

fn decode(token: &str) -> Option<usize> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    text.strip_prefix("from ")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [i32; 5] = [1, 2, 3, 4, 5];

    #[track_caller]
    fn check(params: &[(&str, &str)], expect: Result<Value, &str>) {
        let seen = Page::read(&Params::of(params), 100, "InvalidParamter")
            .map(|page| page.of(&ALL, "Things", "Thing", |n| json!(n)));
        let seen = seen.map(|answer| answer["Things"]["Thing"].clone()).map_err(|f| f.code.into_owned());
        assert_eq!(seen, expect.map_err(str::to_owned));
    }

    #[test]
    fn pages_are_counted_from_one() {
        check(&[], Ok(json!(ALL)));
        check(&[("PageSize", "2")], Ok(json!([1, 2])));
        check(&[("PageSize", "2"), ("PageNumber", "3")], Ok(json!([5])));
        check(&[("PageNumber", "2")], Ok(json!([])));
        check(&[("PageNumber", "2147483647"), ("PageSize", "100")], Ok(json!([])));
        for (name, value) in
            [("PageNumber", "0"), ("PageSize", "0"), ("PageSize", "101"), ("PageSize", "ten")]
        {
            check(&[(name, value)], Err("InvalidParamter"));
        }
    }

    #[test]
    fn tokens_lead_through_everything_once() {
        let (mut seen, mut token) = (Vec::new(), String::new());
        loop {
            let params = [("MaxResults".to_owned(), "2".to_owned()), ("NextToken".to_owned(), token)];
            let page =
                TokenPage::read_always(&Params::business(&params), (403, "Invalid.NextToken")).expect("good");
            let answer = page.of(&ALL, "Things", "Thing", |n| json!(n));
            seen.extend(answer["Things"]["Thing"].as_array().expect("a list").clone());
            token = answer["NextToken"].as_str().expect("a text").to_owned();
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(json!(seen), json!(ALL));
    }

    #[test]
    fn an_invented_token_is_refused() {
        for token in ["x", "!!!!", "ZnJvbSB4"] {
            let refused = TokenPage::read(&Params::of(&[("NextToken", token)]), (403, "Invalid.NextToken"));
            assert_eq!(refused.map(|_| ()).map_err(|f| f.code.into_owned()), Err("Invalid.NextToken".into()));
        }
    }
}
