//! Nodes behind a TLS proxy, because not every server is built with TLS.
//!
//! The certificate is self-signed, for `localhost`, and valid for a hundred years:
//! `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem
//! -out certificate.pem -days 36500 -subj /CN=localhost -addext subjectAltName=DNS:localhost
//! -addext basicConstraints=critical,CA:FALSE`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use redlock_tests::Servers;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::command::{Ran, redlock};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cli/tls")
        .join(name)
}

/// Returns the URLs of TLS proxies before the servers, which run as long as the test's runtime.
async fn under_tls(servers: &Servers) -> Vec<String> {
    let certificate = CertificateDer::from_pem_file(file("certificate.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(file("key.pem")).unwrap();
    let config = ServerConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let mut urls = Vec::new();
    for server in servers {
        let listener = TcpListener::bind("localhost:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        urls.push(format!("rediss://localhost:{port}"));
        tokio::spawn(serve(listener, acceptor.clone(), server.port()));
    }
    urls
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, port: u16) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            // A client that rejects the certificate ends the handshake.
            if let Ok(mut client) = acceptor.accept(client).await {
                let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let _result = copy_bidirectional(&mut client, &mut server).await;
            }
        });
    }
}

/// Runs the command on these nodes, with or without trust in the certificate.
async fn run(urls: &[String], is_trusting: bool, args: &[&str]) -> Ran {
    let mut command = redlock(urls.iter().map(String::as_str));
    command.args(args);
    if is_trusting {
        command.env("SSL_CERT_FILE", file("certificate.pem"));
    }
    let running = tokio::task::spawn_blocking(move || Ran::of(&mut command));
    running.await.unwrap()
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_lock_is_acquired_and_released_over_tls() {
    let servers = Servers::start(3);
    let urls = under_tls(&servers).await;
    let ran = run(&urls, true, &["lock", "a", "60000"]).await.expect(0);
    let key = ran.out.trim_end();
    let held = servers
        .iter()
        .filter(|it| it.probe().get("a").as_deref() == Some(key));
    assert!(held.count() >= 2);
    let ran = run(&urls, true, &["status", "a"]).await.expect(0);
    assert!(ran.out.contains(key), "{ran:?}");
    run(&urls, true, &["unlock", "a", key]).await.expect(0);
    let ran = run(&urls, true, &["run", "a", "--", "echo", "done"]).await;
    assert_eq!(ran.expect(0).out, "done\n");
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn an_untrusted_certificate_is_named_in_the_error() {
    let servers = Servers::start(3);
    let urls = under_tls(&servers).await;
    let args = ["lock", "--retry-count=0", "a", "60000"];
    let ran = run(&urls, false, &args).await.expect(3);
    assert_eq!(ran.out, "");
    assert!(ran.err.contains("certificate"), "{ran:?}");
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_url_with_the_wrong_scheme_is_explained() {
    let servers = Servers::start(3);
    let plain = under_tls(&servers).await;
    let plain: Vec<_> = plain
        .iter()
        .map(|it| it.replace("rediss:", "redis:"))
        .collect();
    let ran = run(&plain, true, &["run", "--wait=0", "a", "--", "true"]).await;
    assert!(ran.expect(113).err.contains("write rediss:// in its URL"));

    let urls = servers.urls();
    let urls: Vec<_> = urls
        .iter()
        .map(|it| it.replace("redis:", "rediss:"))
        .collect();
    let ran = run(&urls, true, &["run", "--wait=3s", "a", "--", "true"]).await;
    assert!(ran.err.contains("write redis:// in its URL"), "{ran:?}");
    assert_eq!(ran.code, 113);
}
