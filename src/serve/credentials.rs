//! Who may come in: a certificate authority that lives as long as the server, a token, and the kubeconfig that holds
//! what a client needs of both.

use std::fs::OpenOptions;
use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use drydock_apiserver::User;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto};

/// As whom the kubeconfig comes in.
const ADMIN: &str = "kubernetes-admin";
const MASTERS: &str = "system:masters";

/// The names a server of a cluster goes by.
const NAMES: &[&str] = &[
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
];

pub struct Credentials {
    pub token: String,
    pub tls: Arc<ServerConfig>,
    /// What clients trust, as PEM.
    pub authority: String,
    certificate: String,
    key: String,
}

impl Credentials {
    pub fn new() -> anyhow::Result<Self> {
        let own_key = KeyPair::generate()?;
        let mut own = CertificateParams::default();
        own.distinguished_name.push(DnType::CommonName, "drydock-ca");
        own.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        own.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let authority = own.self_signed(&own_key)?;
        let issuer = Issuer::new(own, own_key);

        let server_key = KeyPair::generate()?;
        let names = NAMES.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let mut server = CertificateParams::new(names)?;
        server.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        server.subject_alt_names.extend([
            SanType::IpAddress(Ipv4Addr::LOCALHOST.into()),
            SanType::IpAddress(Ipv6Addr::LOCALHOST.into()),
            SanType::IpAddress(Ipv4Addr::new(10, 96, 0, 1).into()),
        ]);
        let server = server.signed_by(&server_key, &issuer)?;

        let admin_key = KeyPair::generate()?;
        let mut admin = CertificateParams::default();
        admin.distinguished_name.push(DnType::CommonName, ADMIN);
        admin.distinguished_name.push(DnType::OrganizationName, MASTERS);
        admin.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let admin = admin.signed_by(&admin_key, &issuer)?;

        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone())?;
        let provider = Arc::new(crypto::ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .allow_unauthenticated()
                .build()?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(server_key.serialize_der()));
        let mut tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![server.der().clone()], key)?;
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            token: random_text()?,
            tls: Arc::new(tls),
            authority: authority.pem(),
            certificate: admin.pem(),
            key: admin_key.serialize_pem(),
        })
    }

    /// The user whose token it is.
    pub fn admin() -> User {
        let mut user = User::new(ADMIN, [MASTERS]);
        ADMIN.clone_into(&mut user.uid);
        user
    }

    /// A kubeconfig with two users: one by token, the other by certificate.
    pub fn kubeconfig(&self, address: SocketAddr) -> String {
        let encoded = |text: &str| BASE64.encode(text);
        let (authority, token) = (encoded(&self.authority), &self.token);
        let (certificate, key) = (encoded(&self.certificate), encoded(&self.key));
        format!(
            "apiVersion: v1\n\
             kind: Config\n\
             current-context: drydock\n\
             clusters:\n\
             - name: drydock\n  cluster:\n    server: https://{address}\n    certificate-authority-data: {authority}\n\
             users:\n\
             - name: drydock\n  user:\n    token: {token}\n\
             - name: drydock-certificate\n  user:\n    client-certificate-data: {certificate}\n    client-key-data: {key}\n\
             contexts:\n\
             - name: drydock\n  context: {{cluster: drydock, user: drydock}}\n\
             - name: drydock-certificate\n  context: {{cluster: drydock, user: drydock-certificate}}\n"
        )
    }
}

/// A kubeconfig for a server that trusts everybody who reaches it.
pub fn open_kubeconfig(address: SocketAddr) -> String {
    format!(
        "apiVersion: v1\n\
         kind: Config\n\
         current-context: drydock\n\
         clusters:\n\
         - name: drydock\n  cluster:\n    server: http://{address}\n\
         contexts:\n\
         - name: drydock\n  context: {{cluster: drydock, user: \"\"}}\n"
    )
}

pub fn random_key() -> anyhow::Result<[u8; 32]> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    Ok(key)
}

fn random_text() -> anyhow::Result<String> {
    let key = random_key()?;
    Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(key))
}

/// Writes a file that only its owner may read, in one piece: whoever reads it meanwhile sees the old one or the new.
pub fn write_secret(path: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let mut name = path.file_name().context("a file has a name")?.to_owned();
    name.push(format!(".{}", std::process::id()));
    let draft = path.with_file_name(name);
    let written = || -> std::io::Result<()> {
        // A draft that somebody else put there would have other permissions.
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.write_all(text.as_bytes())?;
        std::fs::rename(&draft, path)
    };
    written().with_context(|| format!("cannot write {}", path.display()))
}
