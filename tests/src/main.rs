//! `dns01-lab`: the lab as a program, for the demo and for clients of other makes.

mod demo;
mod serve;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use lab::tls_server::TlsServer;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tracing_subscriber::EnvFilter;

/// An ACME CA and a DNS server for tests, and a TLS server that follows a live certificate.
#[derive(Debug, Parser)]
#[command(name = "dns01-lab", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Ends when standard input closes, so that the lab does not outlive the script that started it.
    #[arg(long, global = true)]
    until_stdin_closes: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The CA and the DNS server.
    Serve(serve::Serve),
    /// A wildcard certificate issued, served, renewed and rescued on this machine.
    Demo(demo::Demo),
    /// HTTPS with the certificate of two files, read again whenever they change.
    TlsServer(TlsServerArgs),
}

#[derive(Args, Debug)]
struct TlsServerArgs {
    /// The chain, leaf first, PEM.
    #[arg(long)]
    chain: PathBuf,
    /// Its key, PEM.
    #[arg(long)]
    key: PathBuf,
    /// Where to listen; port 0 takes a free one, which is printed.
    #[arg(long, default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))]
    listen: SocketAddr,
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let cli = Cli::parse();
    let end = end(cli.until_stdin_closes);
    let outcome = match cli.command {
        Command::Serve(serve) => serve::run(serve, end).await,
        Command::Demo(demo) => demo::run(demo, end).await,
        Command::TlsServer(args) => tls_server(args, end).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dns01-lab: {error}");
            ExitCode::FAILURE
        }
    }
}

type Failure = Box<dyn std::error::Error>;

async fn tls_server(
    args: TlsServerArgs,
    end: impl Future<Output = std::io::Result<()>>,
) -> Result<(), Failure> {
    let server = TlsServer::start(args.listen, &args.chain, &args.key).await?;
    println!("TLS      https://{} with {}", server.addr(), args.chain.display());
    end.await?;
    println!(
        "TLS      {} handshakes, {} failed, {} new certificates taken",
        server.handshakes(),
        server.failures(),
        server.switches()
    );
    Ok(())
}

/// SIGTERM, SIGINT, or the end of standard input where that was asked for.
async fn end(until_stdin_closes: bool) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (closed, stdin_closes) = oneshot::channel::<()>();
    // dropping the sender is the message
    let mut not_watched = Some(closed);
    if until_stdin_closes {
        let closed = not_watched.take();
        // a thread of its own: tokio's stdin would hold up the program's end until a line comes
        std::thread::spawn(move || {
            // an error is an end as well, and what is read has no meaning
            let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
            drop(closed);
        });
    }
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        _ = stdin_closes => {}
    }
    Ok(())
}
