//! Connections: each a task, all on one thread, by TLS or in the open.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use drydock_apiserver::User;
use drydock_apiserver::http::Trust;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use super::http::{self, Shared};
use super::subject;

/// How many clients may be connected. The next one waits.
const CONNECTIONS: usize = 4096;
/// How long a client may take to shake hands, and to say what it wants.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much of a head is read.
const HEAD: usize = 64 << 10;
const HEAD_H2: u32 = 64 << 10;
/// How many headers there may be.
const HEADERS: usize = 200;
/// The first byte of a TLS connection.
const HANDSHAKE: u8 = 0x16;

/// Who is at the other end.
#[derive(Clone)]
pub struct Peer {
    pub address: SocketAddr,
    /// By certificate, or because everybody is trusted.
    pub user: Option<User>,
}

impl Peer {
    pub fn trust(&self) -> Trust {
        self.user.clone().map_or(Trust::Anonymous, Trust::User)
    }
}

/// Accepts clients until the future is dropped. `tls`: None to speak in the open, with whoever comes.
pub async fn accept(
    listener: &TcpListener,
    tls: Option<Arc<ServerConfig>>,
    shared: Shared,
    graceful: &GracefulShutdown,
) {
    let acceptor = tls.map(TlsAcceptor::from);
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        // A connection that cannot be accepted is its client's trouble; a table of files that is full is ours.
        let Ok((stream, address)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let _slow = stream.set_nodelay(true);
        let (shared, acceptor, watcher) = (shared.clone(), acceptor.clone(), graceful.watcher());
        tokio::spawn(async move {
            match acceptor {
                None => {
                    let peer = Peer { address, user: Some(User::default()) };
                    speak(Box::new(stream), peer, shared, watcher).await;
                }
                Some(acceptor) => {
                    let Some(stream) = handshake(stream, &acceptor).await else { return };
                    let certificates = stream.get_ref().1.peer_certificates();
                    let certificate = certificates.and_then(<[_]>::first);
                    let user = certificate.and_then(|certificate| subject::user(certificate));
                    let peer = Peer { address, user };
                    speak(Box::new(stream), peer, shared, watcher).await;
                }
            }
            drop(place);
        });
    }
}

/// TLS or not.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

type Tls = tokio_rustls::server::TlsStream<TcpStream>;

async fn handshake(mut stream: TcpStream, acceptor: &TlsAcceptor) -> Option<Tls> {
    let shaken = async {
        let mut first = [0];
        if stream.peek(&mut first).await.ok()? == 1 && first[0] != HANDSHAKE {
            // What a real server says to who speaks in the open.
            let answer =
                "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
            let _gone = stream.write_all(answer.as_bytes()).await;
            let _gone = stream.shutdown().await;
            return None;
        }
        acceptor.accept(stream).await.ok()
    };
    tokio::time::timeout(PATIENCE, shaken).await.ok().flatten()
}

async fn speak(stream: Box<dyn Stream>, peer: Peer, shared: Shared, watcher: Watcher) {
    let service = hyper::service::service_fn(move |request| {
        http::answer(shared.clone(), peer.clone(), request)
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(HEAD)
        .max_headers(HEADERS);
    builder.http2().timer(TokioTimer::new()).max_header_list_size(HEAD_H2);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let _closed = watcher.watch(connection).await;
}
