//! Certificates for a server of a test's own.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// A server's certificate with its key, and the one that signed it, all as PEM.
pub(crate) struct Certificates {
    pub(crate) root: String,
    pub(crate) server: String,
    pub(crate) server_key: String,
}

/// Makes certificates for `127.0.0.1` and `localhost`.
pub(crate) fn make() -> Certificates {
    let root_key = KeyPair::generate().expect("a key");
    let mut root = CertificateParams::default();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    root.distinguished_name.push(DnType::CommonName, "root of a test");
    let root_certificate = root.self_signed(&root_key).expect("a root certificate");
    let server_key = KeyPair::generate().expect("a key");
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let mut server = CertificateParams::new(names).expect("names of a server");
    server.distinguished_name.push(DnType::CommonName, "localhost");
    let issuer = Issuer::from_params(&root, &root_key);
    let server_certificate = server.signed_by(&server_key, &issuer).expect("a server's certificate");
    Certificates {
        root: root_certificate.pem(),
        server: server_certificate.pem(),
        server_key: server_key.serialize_pem(),
    }
}
