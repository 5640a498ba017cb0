//! Where the programs of a sandbox with secrets find whom they trust.

/// The authorities of the system, the sandbox's own among them.
pub const BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";
/// The sandbox's own authority alone.
pub const AUTHORITY: &str = "/etc/ssl/certs/infield-authority.pem";

/// Variables for programs that do not look there by themselves: they have a store of their own, or
/// the system's in another form.
pub const VARIABLES: [(&str, &str); 10] = [
    // OpenSSL where it looks for single files by their hashes, and so Python, Ruby, PHP.
    ("SSL_CERT_FILE", BUNDLE),
    ("REQUESTS_CA_BUNDLE", BUNDLE),
    ("PIP_CERT", BUNDLE),
    ("CURL_CA_BUNDLE", BUNDLE),
    ("GIT_SSL_CAINFO", BUNDLE),
    ("CARGO_HTTP_CAINFO", BUNDLE),
    ("AWS_CA_BUNDLE", BUNDLE),
    ("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", BUNDLE),
    // These come besides what the runtime has.
    ("NODE_EXTRA_CA_CERTS", AUTHORITY),
    ("DENO_CERT", AUTHORITY),
];
