//! The emulator alone, as the plugin's `emulator` subcommand runs it.

use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
#[command(name = "emulator", about = "An ECS to try programs on")]
struct Line {
    #[command(flatten)]
    options: emulator::Options,
}

#[tokio::main]
#[expect(clippy::print_stderr, reason = "a person reads why it stopped")]
async fn main() -> ExitCode {
    match emulator::run_until_signal(Line::parse().options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            let mut source = std::error::Error::source(&error);
            while let Some(error) = source {
                eprintln!("  because: {error}");
                source = error.source();
            }
            ExitCode::FAILURE
        }
    }
}
