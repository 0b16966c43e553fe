use std::{
    future::pending,
    io::{self, Write as _, stderr, stdout},
    path::PathBuf,
    process::ExitCode,
};

use futures_util::{Stream, StreamExt as _};
use tokio::{
    runtime::Runtime,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use super::{
    Arguments, Color, Command, View, account, online, provider, questions, revoke, status, steps::Steps,
    trial,
};
use crate::{
    app::{self, PluginStarter},
    clock::{Clock as _, SystemClock},
    config::{self, Config, report, summary},
    control::{
        Client, ClientError,
        protocol::{Outcome, Step},
    },
    telemetry,
    types::CertificateName,
};

/// sysexits.h: the configuration has faults.
pub(super) const EX_CONFIG: u8 = 78;
/// The daemon's own threads: it waits more than it works.
const WORKERS: usize = 4;
/// Threads for what blocks (files, keys, plugins' state), of the daemon's user: where no cgroup counts the programs
/// of a plugin, these are counted with them. Only a load of the configuration waits for another, and there is one
/// at a time: fewer threads do no harm but a queue.
const BLOCKING: usize = 128;

/// Does what the arguments say.
pub fn run(arguments: Arguments) -> ExitCode {
    if let Err(error) = app::harden() {
        eprintln!("dns01d: the process cannot be hardened: {error}");
        return ExitCode::FAILURE;
    }
    let runtime = match runtime(&arguments.command) {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("dns01d: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let Arguments {
        config,
        socket,
        command,
    } = arguments;
    match command {
        Command::Run => daemon(&runtime, config),
        Command::Check {
            online: true,
            names,
            json,
            ..
        } => runtime.block_on(online::check(socket, config, names, json)),
        Command::Check {
            staging: true,
            names,
            json,
            ..
        } => runtime.block_on(trial::check(config, &names, json)),
        Command::Check { json, .. } => check(&runtime, config, json),
        Command::Status { json, name } => {
            let client = client(socket, &config);
            runtime.block_on(show_status(&client, json, name))
        }
        Command::Renew { name, wait, json } => {
            let client = client(socket, &config);
            runtime.block_on(renew(&client, &name, wait, json))
        }
        Command::Why { name, json } => {
            let client = client(socket, &config);
            runtime.block_on(questions::why(&client, &name, json))
        }
        Command::Next { json } => {
            let client = client(socket, &config);
            runtime.block_on(questions::plan(&client, None, json))
        }
        Command::Plan { at, json } => {
            let client = client(socket, &config);
            runtime.block_on(questions::plan(&client, Some(at), json))
        }
        Command::Ca { name, json } => {
            let client = client(socket, &config);
            runtime.block_on(questions::ca(&client, name.as_ref(), json))
        }
        Command::Revoke(arguments) => {
            let client = client(socket, &config);
            runtime.block_on(revoke::revoke(&client, arguments))
        }
        Command::Compromise { name, json } => {
            let client = client(socket, &config);
            runtime.block_on(revoke::compromise(&client, &name, json))
        }
        Command::Account { command } => {
            let client = client(socket, &config);
            runtime.block_on(account::run(&client, command))
        }
        Command::Reload => {
            let client = client(socket, &config);
            runtime.block_on(reload(&client))
        }
        Command::Provider { command } => {
            let context = provider::Context {
                runtime: &runtime,
                config,
                socket,
            };
            provider::run(command, &context)
        }
    }
}

fn runtime(command: &Command) -> io::Result<Runtime> {
    let mut builder = match command {
        Command::Run => {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            builder
                .worker_threads(cores.min(WORKERS))
                .max_blocking_threads(BLOCKING);
            builder
        }
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    builder.enable_all().build()
}

fn daemon(runtime: &Runtime, path: PathBuf) -> ExitCode {
    let (config, starter) = match runtime.block_on(configured(path.clone())) {
        Ok(configured) => configured,
        Err(code) => return code,
    };
    if let Err(error) = telemetry::init(config.log) {
        eprintln!("dns01d: {error}");
        return ExitCode::from(EX_CONFIG);
    }
    for warning in config.warnings.iter() {
        tracing::warn!(
            path = warning.path,
            detail = warning.what,
            "configuration can be used but has a flaw"
        );
    }
    match runtime.block_on(app::run(path, config, starter)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "dns01d cannot run");
            ExitCode::FAILURE
        }
    }
}

fn check(runtime: &Runtime, path: PathBuf, json: bool) -> ExitCode {
    let result = runtime.block_on(app::load(path, PluginStarter::default()));
    let (text, code) = match &result {
        Ok(config) if json => {
            let object = serde_json::json!({ "report": report::json(&config.warnings), "summary": summary::json(config) });
            (format!("{object:#}\n"), ExitCode::SUCCESS)
        }
        Ok(config) => (
            format!("{}{}", report::text(&config.warnings), summary::text(config)),
            ExitCode::SUCCESS,
        ),
        Err(faults) if json => {
            let object = serde_json::json!({ "report": report::json(faults), "summary": null });
            (format!("{object:#}\n"), ExitCode::from(EX_CONFIG))
        }
        Err(faults) => (report::text(faults), ExitCode::from(EX_CONFIG)),
    };
    print(&text, code)
}

/// The socket that was named, or the configured one, or the default one for
/// people who may not read the configuration.
pub(super) fn client(socket: Option<PathBuf>, config: &std::path::Path) -> Client {
    let configured = || config::socket(config);
    Client::new(
        socket
            .or_else(configured)
            .unwrap_or_else(|| PathBuf::from(config::DEFAULT_SOCKET)),
    )
}

async fn show_status(client: &Client, json: bool, name: Option<CertificateName>) -> ExitCode {
    let mut seen = match client.status().await {
        Ok(seen) => seen,
        Err(error) => return failed(&error),
    };
    let view = View::of(&stdout(), SystemClock.now());
    let Some(name) = name else {
        let text = if json {
            status::json(&seen)
        } else {
            Ok(status::table(&seen, &view))
        };
        return text.map_or(ExitCode::FAILURE, |text| print(&text, ExitCode::SUCCESS));
    };
    seen.certificates.retain(|certificate| certificate.name == name);
    match (seen.certificates.first(), json) {
        (None, _) => {
            eprintln!("dns01d: there is no certificate `{name}`: `dns01d status` lists them");
            ExitCode::FAILURE
        }
        (Some(_), true) => {
            status::json(&seen).map_or(ExitCode::FAILURE, |text| print(&text, ExitCode::SUCCESS))
        }
        (Some(certificate), false) => print(&status::certificate(certificate, &view), ExitCode::SUCCESS),
    }
}

async fn renew(client: &Client, name: &CertificateName, wait: bool, json: bool) -> ExitCode {
    if !wait {
        return match client.renew(name).await {
            Ok(accepted) => print(
                &format!(
                    "renewal of {} begins: `dns01d status {0}` shows how it goes\n",
                    accepted.certificate
                ),
                ExitCode::SUCCESS,
            ),
            Err(error) => failed(&error),
        };
    }
    follow(client.renew_and_wait(name).await, json).await
}

/// Shows the steps until the last one.
pub(super) async fn follow(
    steps: Result<impl Stream<Item = Result<Step, ClientError>>, ClientError>,
    json: bool,
) -> ExitCode {
    let mut stream = match steps {
        Ok(stream) => Box::pin(stream),
        Err(error) => return failed(&error),
    };
    let mut steps = Steps::new(View::of(&stdout(), SystemClock.now()));
    while let Some(step) = stream.next().await {
        let step = match step {
            Ok(step) => step,
            Err(error) => return failed(&error),
        };
        let line = if json {
            serde_json::to_string(&step)
                .map(|line| line + "\n")
                .unwrap_or_default()
        } else {
            steps.show(&step)
        };
        let code = match step.done {
            Some(Outcome::Failed { .. }) => ExitCode::FAILURE,
            Some(Outcome::Succeeded { .. } | Outcome::Revoked(_)) | None => ExitCode::SUCCESS,
        };
        let printed = print(&line, code);
        if step.done.is_some() {
            return printed;
        }
    }
    eprintln!("dns01d: the daemon stopped before the end; it goes on at its next start");
    ExitCode::FAILURE
}

async fn reload(client: &Client) -> ExitCode {
    match client.reload().await {
        Ok(changes) => {
            let list = |names: &[CertificateName]| {
                names
                    .iter()
                    .map(CertificateName::as_str)
                    .collect::<Vec<_>>()
                    .join(", ")
            };
            let mut text = String::new();
            for (what, names) in [
                ("added", &changes.added),
                ("changed", &changes.changed),
                ("no longer renewed", &changes.removed),
            ] {
                if !names.is_empty() {
                    text.push_str(&format!("{what}: {}\n", list(names)));
                }
            }
            text.push_str(&format!("unchanged: {}\n", changes.unchanged));
            print(&text, ExitCode::SUCCESS)
        }
        Err(error) => failed(&error),
    }
}

/// The configuration, and what has described its plugins; its faults are shown.
pub(super) async fn configured(path: PathBuf) -> Result<(Config, PluginStarter), ExitCode> {
    let starter = PluginStarter::default();
    match app::load(path, starter.clone()).await {
        Ok(config) => Ok((config, starter)),
        Err(faults) => {
            eprint!("{}", report::text(&faults));
            Err(ExitCode::from(EX_CONFIG))
        }
    }
}

/// Ctrl-C, or the end that a service manager or a CI job asks for.
pub(super) fn interruption() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Calls work back when somebody interrupts it; never ends, since the work does.
pub(super) fn call_back_when_interrupted(stop: CancellationToken) -> io::Result<impl Future<Output = ()>> {
    let interrupted = interruption()?;
    Ok(async move {
        interrupted.await;
        eprintln!("dns01d: interrupted; what was published is being removed");
        stop.cancel();
        pending::<()>().await;
    })
}

pub(super) fn failed(error: &dyn std::error::Error) -> ExitCode {
    let view = View::of(&stderr(), SystemClock.now());
    // it may quote a CA, a plugin or a file
    let error = super::view::clean(&error.to_string());
    eprintln!("{} {error}", view.paint(Color::Bad, "dns01d:"));
    ExitCode::FAILURE
}

/// A reader that went away (`| head`) is no failure of ours.
pub(super) fn print(text: &str, code: ExitCode) -> ExitCode {
    match stdout()
        .write_all(text.as_bytes())
        .and_then(|()| stdout().flush())
    {
        Ok(()) => code,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => code,
        Err(_) => ExitCode::FAILURE,
    }
}
