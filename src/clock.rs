//! `drydock clock`: reads and turns the clock of a world that is served.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use clap::{Args, Subcommand};
use drydock_scenarios::parse_duration;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, HOST};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use crate::serve::clock::PATH;
use crate::serve::ground::{Reading, Turn};
use crate::{Exit, Refusal, paint, serve};

/// The clock of a world that `drydock serve` serves
#[derive(Args)]
#[command(after_help = "\
Examples:
  drydock clock pause
  drydock clock advance 5m        what would happen in five minutes happens now
  drydock clock resume
  drydock clock status --kubeconfig other

While a world is paused its API answers, and nothing happens in it. A pause outlasts an advance.")]
pub struct Arguments {
    #[command(subcommand)]
    wish: Wish,
    /// The kubeconfig that `drydock serve` has written
    #[arg(long, global = true, value_name = "FILE", default_value = serve::KUBECONFIG)]
    kubeconfig: PathBuf,
}

#[derive(Subcommand)]
enum Wish {
    /// What time it is
    Status,
    /// Stop the clock
    Pause,
    /// Let it go on
    Resume,
    /// Go on by so much, as fast as the world can: 5m, 1h30m, 12:30
    Advance { by: String },
}

pub fn run(arguments: &Arguments) -> Result<Exit, Refusal> {
    let turn = match &arguments.wish {
        Wish::Status => None,
        Wish::Pause => Some(Turn::Pause),
        Wish::Resume => Some(Turn::Resume),
        Wish::Advance { by } => Some(Turn::Advance(parse_duration(by).ok_or_else(|| {
            Refusal::bad_input(format_args!("`{by}` is no time: write 5m or 12:30"))
        })?)),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let reading = runtime
        .block_on(ask(&arguments.kubeconfig, turn))
        .map_err(|error| Refusal::not_run(format_args!("{error:#}")))?;
    let speed = match (reading.paused, reading.speed) {
        (true, _) => "paused".to_owned(),
        (false, speed) => format!("speed {speed}"),
    };
    paint::print(&format!("{}  {speed}\n", reading.now.strftime("%FT%TZ")))?;
    Ok(Exit::Held)
}

/// As much of a kubeconfig as `drydock serve` writes.
#[derive(Deserialize)]
struct Kubeconfig {
    clusters: Vec<Cluster>,
    #[serde(default)]
    users: Vec<User>,
}

#[derive(Deserialize)]
struct Cluster {
    cluster: Place,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Place {
    server: String,
    #[serde(default)]
    certificate_authority_data: String,
}

#[derive(Deserialize)]
struct User {
    user: Shown,
}

#[derive(Deserialize)]
struct Shown {
    #[serde(default)]
    token: String,
}

async fn ask(path: &Path, turn: Option<Turn>) -> anyhow::Result<Reading> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read {shown}: is `drydock serve` running here?"))?;
    let kubeconfig: Kubeconfig =
        serde_saphyr::from_str(&text).with_context(|| format!("{shown} is no kubeconfig"))?;
    let place = &kubeconfig.clusters.first().context("the kubeconfig names no cluster")?.cluster;
    let token = kubeconfig.users.first().map_or("", |user| &*user.user.token);
    let (scheme, address) = place.server.split_once("://").context("its server is no URL")?;
    let address = address.trim_end_matches('/');
    let stream = TcpStream::connect(address)
        .await
        .with_context(|| format!("nobody serves at {}", place.server))?;

    let body = turn.map(|turn| serde_json::to_vec(&turn)).transpose()?;
    let mut request = hyper::Request::builder()
        .method(if body.is_some() { "POST" } else { "GET" })
        .uri(PATH)
        .header(HOST, address);
    if !token.is_empty() {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    let request = request.body(Full::new(Bytes::from(body.unwrap_or_default())))?;
    if scheme == "http" {
        return answer(stream, request).await;
    }
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let authority = BASE64.decode(&place.certificate_authority_data)?;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&authority)?)?;
    let tls = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned())?;
    answer(TlsConnector::from(Arc::new(tls)).connect(name, stream).await?, request).await
}

async fn answer<S>(stream: S, request: hyper::Request<Full<Bytes>>) -> anyhow::Result<Reading>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let response = sender.send_request(request).await?;
    let code = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    if code.is_success() {
        return Ok(serde_json::from_slice(&body)?);
    }
    let status: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    match status["message"].as_str() {
        Some(message) => bail!("{message}"),
        None => bail!("the server answers {code}"),
    }
}
