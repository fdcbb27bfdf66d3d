//! The plugin's entry point: which subcommand runs, and the exit code.

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

/// The Pulumi provider for Alibaba Cloud images. The Pulumi engine starts it with its own address as the argument.
#[derive(Debug, Parser)]
#[command(name = "pulumi-resource-alicloud", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    /// The engine's address, host and port; without it the plugin waits to be attached to one
    #[arg(value_name = "ENGINE_ADDRESS", value_parser = engine_address)]
    engine: Option<String>,

    /// Accepted from the engine: where and how much it logs, where it sends traces
    #[arg(long, hide = true)]
    logtostderr: bool,
    #[arg(short = 'v', hide = true, value_name = "LEVEL")]
    verbosity: Option<String>,
    #[arg(long, hide = true)]
    tracing: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Prints the package schema
    Schema,
    /// Prints what a Terraform provider's names stand for, as `pulumi convert --mappings` reads it
    Mapping {
        /// The Terraform provider: alicloud, apsarastack or alibabacloudstack
        provider: String,
    },
    /// Runs an ECS on this machine to try programs on
    Emulator(Box<emulator::Options>),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Some(Command::Schema) => {
            let schema = provider::schema_text()?;
            print(schema.as_bytes())
        }
        Some(Command::Mapping { provider: name }) => {
            let mapping = provider::mapping_text(&name)
                .ok_or_else(|| anyhow::anyhow!("there is no mapping for the Terraform provider `{name}`"))?;
            print(&mapping)
        }
        Some(Command::Emulator(options)) => {
            runtime()?.block_on(async { Ok(emulator::run(*options, signal()).await?) })
        }
        None => {
            let runtime = runtime()?;
            let served = runtime.block_on(async { provider::serve(cli.engine.as_deref(), signal()).await });
            // Whoever still waits, waits in vain: the engine is gone, or its grace is over.
            runtime.shutdown_background();
            served.map_err(|error| anyhow::anyhow!(error))
        }
    }
}

/// Whoever reads may have read enough, as `head` has.
fn print(text: &[u8]) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        printed => Ok(printed?),
    }
}

/// Without it a subcommand that is spelt wrong is an engine that never comes.
fn engine_address(text: &str) -> Result<String, String> {
    let is_host = |host: &str| match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.contains(':'),
        None => !host.is_empty() && !host.contains([':', '/']),
    };
    if text.rsplit_once(':').is_some_and(|(host, port)| is_host(host) && port.parse::<u16>().is_ok()) {
        return Ok(text.to_owned());
    }
    let cli = Cli::command();
    let subcommands: Vec<&str> = cli.get_subcommands().map(clap::Command::get_name).collect();
    Err(format!(
        "it is none of the subcommands {}, and an engine's address is host:port, such as 127.0.0.1:4711; --version tells the \
         version",
        subcommands.join(", ")
    ))
}

/// One thread: the engine asks one question after another, and what it asks at once waits for the cloud. More threads cost
/// memory and save no time.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// Ends when the process is told to stop. From this call on, and not only from the first wait, no signal ends the process
/// by itself. Must be called on a runtime.
fn signal() -> impl Future<Output = ()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let handlers = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
        async move {
            // Without handlers the default action ends the process just as well.
            let (Ok(mut interrupt), Ok(mut terminate)) = handlers else {
                return std::future::pending().await;
            };
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
    }
    #[cfg(not(unix))]
    async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
