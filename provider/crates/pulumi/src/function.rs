//! [`Function`]: what the author of a function writes, and the typed functions behind one common face.

use std::future::Future;
use std::sync::{Arc, OnceLock};

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Duration;

use crate::check::Findings;
use crate::codec::{decode, encode};
use crate::context::{BoxFuture, Context};
use crate::failure::Failure;
use crate::model::ObjectType;
use crate::value::Properties;

/// A function of the package: it looks something up and changes nothing. `C` is the configured client.
///
/// Secrets, unknowns and paths are dealt with before it is called.
pub trait Function<C>: Send + Sync + 'static {
    /// The arguments. Each field is an `Option<Input<T>>`; its documentation becomes the users'.
    type Args: JsonSchema + DeserializeOwned + Default + Send;
    /// The result. A field that is no `Option` is always there.
    type Output: JsonSchema + Serialize + Send;

    /// The token: `package:module/name:name`.
    const TOKEN: &'static str;
    /// The function's documentation, in Markdown.
    const DESCRIPTION: &'static str;
    /// Why not to use it, and what instead.
    const DEPRECATED: Option<&'static str> = None;
    /// How long a call may take.
    const TIMEOUT: Duration;

    /// Checks the rules that the declaration cannot express. Values that are wrong already are unknown here. No I/O.
    fn check(&self, _args: &Self::Args, _findings: &mut Findings) {}

    /// Calls it.
    fn call(
        &self,
        client: &C,
        context: &Context,
        args: Self::Args,
    ) -> impl Future<Output = Result<Self::Output, Failure>> + Send;
}

/// A function whose own types are out of sight.
pub trait AnyFunction<C>: Send + Sync {
    /// The token.
    fn token(&self) -> &'static str;
    /// The documentation.
    fn description(&self) -> &'static str;
    /// See [`Function::DEPRECATED`].
    fn deprecated(&self) -> Option<&'static str>;
    /// The declared arguments and outputs.
    ///
    /// # Errors
    /// [`Failure::Bug`], if a Rust type uses a construct that the model does not know.
    fn types(&self) -> Result<&FunctionTypes, Failure>;
    /// How long a call may take.
    fn timeout(&self) -> Duration;
    /// See [`Function::check`].
    ///
    /// # Errors
    /// [`Failure::Bug`], if arguments that passed the declaration's check do not fit their type.
    fn check(&self, args: &Properties, findings: &mut Findings) -> Result<(), Failure>;
    /// See [`Function::call`].
    fn call<'a>(
        &'a self,
        client: &'a C,
        context: &'a Context,
        args: Properties,
    ) -> BoxFuture<'a, Result<Properties, Failure>>;
}

/// What a function takes and gives.
#[derive(Debug)]
pub struct FunctionTypes {
    /// Its arguments.
    pub args: Arc<ObjectType>,
    /// Its result.
    pub output: Arc<ObjectType>,
}

/// Puts a typed function behind the common face.
pub fn function<C: Send + Sync + 'static, F: Function<C>>(function: F) -> Box<dyn AnyFunction<C>> {
    Box::new(Typed { function, types: OnceLock::new() })
}

struct Typed<F> {
    function: F,
    types: OnceLock<Result<FunctionTypes, String>>,
}

impl<C: Send + Sync + 'static, F: Function<C>> AnyFunction<C> for Typed<F> {
    fn token(&self) -> &'static str {
        F::TOKEN
    }

    fn description(&self) -> &'static str {
        F::DESCRIPTION
    }

    fn deprecated(&self) -> Option<&'static str> {
        F::DEPRECATED
    }

    fn types(&self) -> Result<&FunctionTypes, Failure> {
        let read = || {
            let args = ObjectType::of::<F::Args>().map_err(|error| error.to_string())?;
            let output = ObjectType::of::<F::Output>().map_err(|error| error.to_string())?;
            Ok(FunctionTypes { args, output })
        };
        self.types.get_or_init(read).as_ref().map_err(|error| Failure::Bug(error.clone()))
    }

    fn timeout(&self) -> Duration {
        F::TIMEOUT
    }

    fn check(&self, args: &Properties, findings: &mut Findings) -> Result<(), Failure> {
        self.function.check(&decode(args)?, findings);
        Ok(())
    }

    fn call<'a>(
        &'a self,
        client: &'a C,
        context: &'a Context,
        args: Properties,
    ) -> BoxFuture<'a, Result<Properties, Failure>> {
        let args = decode(&args);
        Box::pin(async move { Ok(encode(&self.function.call(client, context, args?).await?)?) })
    }
}
