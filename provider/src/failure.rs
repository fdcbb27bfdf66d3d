//! From what the cloud's client says to what the engine must be told. The only file where the two meet.

use aliyun::ErrorKind;
use pulumi::Failure;

/// What to do about any call whose time ran out.
const MORE_TIME: &str = "Run the command again to go on from there. customTimeouts allows more time, as does \
                         maxRetryTimeout if it is set.";

/// A call failed, and nothing is lost by saying just that.
pub(crate) fn cloud(error: aliyun::Error) -> Failure {
    Failure::cloud(Advised(error))
}

/// A call of a function or of a list failed. No setting of the program gives those more time, but `maxRetryTimeout` can give
/// them less.
pub(crate) fn looked_up(error: aliyun::Error) -> Failure {
    Failure::cloud(LookedUp(error))
}

/// The whole text of an error: what happened, on one line, then what to do, then what is too long for the first line.
pub(crate) fn text(error: &aliyun::Error) -> String {
    advised(error, MORE_TIME)
}

fn advised(error: &aliyun::Error, if_timed_out: &str) -> String {
    let mut text = pulumi::chain(error);
    let more_time = (error.kind() == ErrorKind::TimedOut).then(|| if_timed_out.to_owned());
    if let Some(advice) = error.advice().or(more_time) {
        text.push('\n');
        text.push_str(&advice);
    }
    if let Some(message) = error.long_message() {
        text.push_str("\nThe whole message: ");
        text.push_str(message);
    }
    text
}

/// An error that says what to do below what happened.
#[derive(Debug)]
struct Advised(aliyun::Error);

impl std::fmt::Display for Advised {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&text(&self.0))
    }
}

impl std::error::Error for Advised {}

/// The same for what has no `customTimeouts`.
#[derive(Debug)]
struct LookedUp(aliyun::Error);

impl std::fmt::Display for LookedUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&advised(&self.0, "Run the command again."))
    }
}

impl std::error::Error for LookedUp {}
