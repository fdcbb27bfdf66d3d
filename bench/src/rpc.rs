//! What calls over real gRPC cost: a plugin's start, its throughput beside the echo's, growing previews, and many
//! creates at a time.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use pulumi::pulumirpc::resource_provider_client::ResourceProviderClient;
use serde_json::{Value as Json, json};
use tokio::task::JoinSet;
use tonic::Status;
use tonic::transport::Channel;

use crate::engine::{self, Plugin};
use crate::{median, payload};

type Client = ResourceProviderClient<Channel>;

/// Nobody listens there; whoever is configured with it has sent nothing.
const NOWHERE: &str = "http://127.0.0.1:9";
/// How often a preview is made; the fastest counts.
const PREVIEWS: usize = 3;

/// Starts a plugin over and over: how long to the port line and for Configure, and how much memory it holds then.
///
/// # Errors
/// The plugin does not start, or refuses its settings.
pub async fn start(binary: PathBuf, times: usize) -> anyhow::Result<Json> {
    let engine = engine::listen().await?;
    let (mut port_line, mut configure, mut memory, mut schema) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for _ in 0..times {
        let plugin = Plugin::start(&binary, &[], &engine)?;
        let mut client = plugin.connect().await?;
        // The connection is made with the first call; a plugin is asked who it is before it is configured.
        client.get_plugin_info(()).await?;
        let started = Instant::now();
        client.configure(payload::configure(NOWHERE, "bench", "bench")).await?;
        configure.push(started.elapsed().as_secs_f64());
        port_line.push(plugin.port_line.as_secs_f64());
        memory.extend(plugin.kib("VmRSS").map(|kib| kib as f64 / 1024.0));
        if schema == 0 {
            let answer = client.get_schema(pulumi::pulumirpc::GetSchemaRequest::default()).await?;
            schema = answer.into_inner().schema.len();
        }
    }
    Ok(json!({
        "port_line_s": port_line, "configure_s": configure, "idle_rss_mib": memory, "schema_bytes": schema,
    }))
}

/// A call that is repeated.
#[derive(Clone, Copy, Debug)]
enum Method {
    Check,
    Diff,
    Preview,
}

impl Method {
    const ALL: [(&'static str, Method); 3] =
        [("Check", Method::Check), ("Diff", Method::Diff), ("preview Create", Method::Preview)];

    async fn call(self, client: &mut Client, index: usize) -> Result<(), Status> {
        match self {
            Method::Check => client.check(payload::check(index)).await.map(drop),
            Method::Diff => client.diff(payload::diff(index)).await.map(drop),
            Method::Preview => client.create(payload::create(index, true)).await.map(drop),
        }
    }
}

/// How hard a plugin is called.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Load {
    /// Connections
    #[arg(long, default_value_t = 4)]
    connections: usize,
    /// Calls at a time on each connection
    #[arg(long, default_value_t = 8)]
    in_flight: usize,
}

/// One plugin under load.
struct Target {
    plugin: Plugin,
    clients: Vec<Client>,
}

impl Target {
    async fn start(
        binary: &std::path::Path,
        arguments: &[String],
        engine: &str,
        load: Load,
    ) -> anyhow::Result<Target> {
        let plugin = Plugin::start(binary, arguments, engine)?;
        let mut clients = Vec::new();
        for _ in 0..load.connections {
            clients.push(plugin.connect().await?);
        }
        clients[0].configure(payload::configure(NOWHERE, "bench", "bench")).await?;
        Ok(Target { plugin, clients })
    }

    /// Calls answered a second.
    async fn rate(&self, method: Method, load: Load, time: Duration) -> anyhow::Result<(usize, f64)> {
        let started = Instant::now();
        let mut workers = JoinSet::new();
        for client in &self.clients {
            for _ in 0..load.in_flight {
                let mut client = client.clone();
                workers.spawn(async move {
                    let mut calls = 0;
                    while started.elapsed() < time {
                        method.call(&mut client, 1).await?;
                        calls += 1;
                    }
                    Ok::<usize, Status>(calls)
                });
            }
        }
        let mut calls = 0;
        while let Some(worker) = workers.join_next().await {
            calls += worker??;
        }
        Ok((calls, calls as f64 / started.elapsed().as_secs_f64()))
    }

    /// Seconds for Check and another call of each of so many resources.
    async fn preview(&self, then: Method, size: usize, load: Load) -> anyhow::Result<f64> {
        let started = Instant::now();
        let next = Arc::new(AtomicUsize::new(0));
        let mut workers = JoinSet::new();
        for client in &self.clients {
            for _ in 0..load.in_flight {
                let (mut client, next) = (client.clone(), Arc::clone(&next));
                workers.spawn(async move {
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        if index >= size {
                            return Ok::<(), Status>(());
                        }
                        Method::Check.call(&mut client, index).await?;
                        then.call(&mut client, index).await?;
                    }
                });
            }
        }
        while let Some(worker) = workers.join_next().await {
            worker??;
        }
        Ok(started.elapsed().as_secs_f64())
    }
}

/// Throughput of a plugin and of the echo, by turns, so that a busy machine slows both down.
///
/// # Errors
/// A call fails.
pub async fn throughput(binary: PathBuf, load: Load, rounds: usize, time: Duration) -> anyhow::Result<Json> {
    let engine = engine::listen().await?;
    let this = std::env::current_exe()?;
    let ours = Target::start(&binary, &[], &engine, load).await?;
    let echo = Target::start(&this, &["echo".to_owned()], &engine, load).await?;
    let mut results = serde_json::Map::new();
    for (name, method) in Method::ALL {
        let (mut rates, mut floors) = (Vec::new(), Vec::new());
        let mut costs = [(0, Duration::ZERO), (0, Duration::ZERO)];
        // The first round warms both up.
        for round in 0..=rounds {
            for (target, rates, cost) in [(&ours, &mut rates, 0), (&echo, &mut floors, 1)] {
                let before = target.plugin.processor_time().context("no processor time")?;
                let (calls, rate) = target.rate(method, load, time).await?;
                let after = target.plugin.processor_time().context("no processor time")?;
                if round > 0 {
                    rates.push(rate);
                    costs[cost].0 += calls;
                    costs[cost].1 += after - before;
                }
            }
        }
        let ratios: Vec<f64> = rates.iter().zip(&floors).map(|(rate, floor)| rate / floor).collect();
        let [cost, floor_cost] = costs.map(|(calls, time)| time.as_secs_f64() * 1e6 / calls as f64);
        results.insert(
            name.to_owned(),
            json!({
                "ratio": median(&ratios), "ratios": ratios,
                "calls_per_s": median(&rates), "echo_calls_per_s": median(&floors),
                "processor_us_per_call": cost, "echo_processor_us_per_call": floor_cost,
            }),
        );
    }
    Ok(Json::Object(results))
}

/// A preview of new images, and one of images that exist, for growing numbers of them: the fastest of a few.
///
/// # Errors
/// A call fails.
pub async fn preview(binary: PathBuf, load: Load, sizes: &[usize]) -> anyhow::Result<Json> {
    let engine = engine::listen().await?;
    let mut results = Vec::new();
    for &size in sizes {
        let target = Target::start(&binary, &[], &engine, load).await?;
        let mut seconds = [f64::INFINITY; 2];
        for _ in 0..PREVIEWS {
            for (then, fastest) in [Method::Preview, Method::Diff].into_iter().zip(&mut seconds) {
                *fastest = fastest.min(target.preview(then, size, load).await?);
            }
        }
        let rss = target.plugin.kib("VmHWM").map(|kib| kib as f64 / 1024.0);
        results.push(
            json!({ "resources": size, "new_s": seconds[0], "known_s": seconds[1], "peak_rss_mib": rss }),
        );
    }
    Ok(Json::Array(results))
}

/// Creates many images at a time. Says `created` or the failure of each on a line of its own, and before that, once all
/// calls are under way and whenever a line comes in, the plugin's memory.
///
/// # Errors
/// The plugin does not start.
pub async fn creates(
    binary: PathBuf,
    count: usize,
    endpoint: &str,
    access_key: &str,
    secret_key: &str,
    mut says: impl FnMut(Json),
) -> anyhow::Result<()> {
    let engine = engine::listen().await?;
    let load = Load { connections: 4, in_flight: 0 };
    let mut target = Target::start(&binary, &[], &engine, load).await?;
    target.clients[0].configure(payload::configure(endpoint, access_key, secret_key)).await?;
    let idle = target.plugin.kib("VmRSS");
    let mut calls = JoinSet::new();
    for index in 0..count {
        let mut client = target.clients[index % load.connections].clone();
        calls.spawn(async move {
            let request =
                pulumi::pulumirpc::CreateRequest { timeout: 3600.0, ..payload::create(index, false) };
            client.create(request).await.map(drop)
        });
    }
    let (mut done, mut failures) = (0, Vec::new());
    let mut look = tokio::time::interval(Duration::from_millis(200));
    while done < count {
        tokio::select! {
            Some(call) = calls.join_next() => {
                done += 1;
                if let Err(status) = call? {
                    failures.push(status.message().to_owned());
                }
            }
            _ = look.tick() => says(json!({
                "done": done, "idle_kib": idle, "rss_kib": target.plugin.kib("VmRSS"), "peak_kib": target.plugin.kib("VmHWM"),
            })),
        }
    }
    says(
        json!({ "done": done, "failures": failures, "idle_kib": idle, "rss_kib": target.plugin.kib("VmRSS"), "peak_kib": target.plugin.kib("VmHWM") }),
    );
    Ok(())
}
