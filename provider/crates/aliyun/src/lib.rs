//! Alibaba Cloud's API: credentials, signatures, endpoints, actions. Knows no Pulumi.
//!
//! A [`Client`] is made from [`Settings`]; each action of ECS is a method that takes a request of [`ecs`] and a deadline.
//! What goes wrong is an [`Error`] whose [`ErrorKind`] says what the user does next.

mod advice;
mod answer;
mod ascm;
mod call;
mod client;
mod clock;
pub mod credential;
pub mod ecs;
pub mod endpoint;
mod environment;
mod error;
mod key;
mod lenient;
pub mod object;
mod percent;
mod proxy;
mod retry;
mod settings;
pub mod sign;
mod stack;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod throttle;
mod tls;
mod transport;

pub use self::client::Client;
pub use self::endpoint::Protocol;
pub use self::environment::Environment;
pub use self::error::{Error, ErrorKind};
pub use self::proxy::Proxy;
pub use self::retry::RetryPolicy;
pub use self::settings::Settings;
pub use self::sign::Scheme as SignVersion;
pub use self::stack::{Flavour, StackSettings};
