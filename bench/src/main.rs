//! Developer tool: measures one thing and prints it as JSON. `make bench` puts everything together.

#![expect(clippy::print_stdout, reason = "a tool for scripts")]

use std::path::PathBuf;
use std::time::Duration;

use bench::{echo, operations, rpc, signatures};
use clap::{Parser, Subcommand};

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// A plugin that answers each call with what the call brought
    Echo {
        engine: Option<String>,
        /// Answers a create with what this file holds as well, the outputs of an image
        #[arg(long)]
        reported: Option<PathBuf>,
    },
    /// A plugin's start: port line, Configure, memory
    Start {
        plugin: PathBuf,
        #[arg(long, default_value_t = 31)]
        times: usize,
    },
    /// Throughput of a plugin beside the echo's
    Throughput {
        plugin: PathBuf,
        #[command(flatten)]
        load: rpc::Load,
        #[arg(long, default_value_t = 40)]
        rounds: usize,
        #[arg(long, default_value_t = 150)]
        milliseconds: u64,
    },
    /// Previews of growing size
    Preview {
        plugin: PathBuf,
        #[command(flatten)]
        load: rpc::Load,
        #[arg(required = true)]
        sizes: Vec<usize>,
    },
    /// Many creates at a time, with the plugin's memory as it goes
    Creates {
        plugin: PathBuf,
        #[arg(long)]
        count: usize,
        #[arg(long)]
        endpoint: String,
        #[arg(long)]
        access_key: String,
        #[arg(long)]
        secret_key: String,
    },
    /// Signatures a second beside bare digests
    Signatures,
    /// One operation, several times, in a function of its own for callgrind
    Operation { name: String, times: usize },
}

fn main() -> anyhow::Result<()> {
    let command = Cli::parse().command;
    if let Command::Operation { name, times } = command {
        let mut operation = operations::operation(&name)?;
        // What is made once is made before.
        operation();
        measured(&mut operation, times);
        return Ok(());
    }
    if let Command::Signatures = command {
        println!("{}", signatures::measure()?);
        return Ok(());
    }
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run(command))
}

/// Callgrind counts from the call of this function to its end.
#[inline(never)]
fn measured(operation: &mut operations::Operation, times: usize) {
    for _ in 0..times {
        operation();
    }
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Echo { reported, .. } => return echo::serve(reported.as_deref()).await,
        Command::Start { plugin, times } => println!("{}", rpc::start(plugin, times).await?),
        Command::Throughput { plugin, load, rounds, milliseconds } => {
            println!("{}", rpc::throughput(plugin, load, rounds, Duration::from_millis(milliseconds)).await?);
        }
        Command::Preview { plugin, load, sizes } => println!("{}", rpc::preview(plugin, load, &sizes).await?),
        Command::Creates { plugin, count, endpoint, access_key, secret_key } => {
            rpc::creates(plugin, count, &endpoint, &access_key, &secret_key, |line| println!("{line}"))
                .await?;
        }
        Command::Signatures | Command::Operation { .. } => {}
    }
    Ok(())
}
