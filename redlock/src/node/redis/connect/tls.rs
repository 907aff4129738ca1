//! What connections under TLS need.

/// Whether a connection under TLS can be made at all.
pub(crate) const IS_THERE: bool = cfg!(any(feature = "tls-native", feature = "tls-rustls"));

/// Sees to it that there is some cryptography.
///
/// `rustls` has several implementations, and panics where it cannot tell which to use: none is
/// built in, or another dependency of the application has brought a second one. An application that
/// cares installs its own before it connects; for all others there is `ring`.
pub(crate) fn provide() {
    #[cfg(feature = "tls-rustls")]
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Fails if another thread was faster, which is as well.
        drop(rustls::crypto::ring::default_provider().install_default());
    }
}
