//! Whom TLS connections trust.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use rustls_platform_verifier::Verifier;

use crate::environment::Environment;

/// For connections without TLS: an empty store trusts nobody, and reading the system's certificates takes a while.
///
/// # Errors
/// Why it cannot be made, in a word or two.
pub(crate) fn trusting_nobody() -> Result<ClientConfig, String> {
    let (builder, _) = builder()?;
    Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

/// Trusts whom the system trusts (or `SSL_CERT_FILE`), and the authorities in a file besides; everybody if `insecure`.
///
/// # Errors
/// Which file cannot be used and why, in words that hold no secret.
pub(crate) fn trusting(
    environment: &Environment,
    insecure: bool,
    ca_file: Option<&Path>,
) -> Result<ClientConfig, String> {
    let (builder, provider) = builder()?;
    let verifier: Arc<dyn ServerCertVerifier> = if insecure {
        Arc::new(TrustAnyone(provider))
    } else {
        let extra = match ca_file {
            Some(path) => certificates(environment, path, "the CA file")?,
            None => Vec::new(),
        };
        let own = match environment.variable("SSL_CERT_FILE") {
            // Read here although the verifier would: it passes over a file that it cannot read.
            Some(path) => certificates(environment, &PathBuf::from(path), "SSL_CERT_FILE")?,
            None => Vec::new(),
        };
        let verifier = Verifier::new_with_extra_roots(extra.into_iter().chain(own), provider)
            .map_err(|error| format!("no certificate authorities to trust: {error}"))?;
        Arc::new(verifier)
    };
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

/// The provider is named here and not installed for the process, which may hold other users of TLS.
fn builder() -> Result<(ConfigBuilder<ClientConfig, WantsVerifier>, Arc<CryptoProvider>), String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok((builder, provider))
}

fn certificates(
    environment: &Environment,
    path: &Path,
    what: &str,
) -> Result<Vec<CertificateDer<'static>>, String> {
    let shown = path.display();
    let file = environment.read(path).map_err(|error| format!("{what} {shown} cannot be read: {error}"))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&file.contents).collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => {
            Err(format!("{what} {shown} holds no certificate in PEM form"))
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(format!("{what} {shown} is damaged: {error}")),
    }
}

/// For `insecure`: signatures are still checked, so that a broken handshake is noticed; certificates are not.
#[derive(Debug)]
struct TrustAnyone(Arc<CryptoProvider>);

impl ServerCertVerifier for TrustAnyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
