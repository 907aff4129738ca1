//! Requirements of connections under TLS.

/// Whether a TLS feature is enabled.
pub(crate) const IS_AVAILABLE: bool = cfg!(any(feature = "tls-native", feature = "tls-rustls"));

/// Installs `ring` as the cryptography of `rustls`, unless the application has installed another.
///
/// `rustls` supports several implementations, and panics if it cannot decide on one: none is built
/// in, or another dependency of the application has added a second. An application that prefers
/// another installs it before it connects.
pub(crate) fn ensure_crypto_provider() {
    #[cfg(feature = "tls-rustls")]
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Fails if another thread was faster. A provider is then installed.
        drop(rustls::crypto::ring::default_provider().install_default());
    }
}
