//! The client of a bucket, with bounds on how long it tries.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
// Named so that the client under `object_store` is built with TLS.
use objects_reqwest as _;

use super::storage_url::{BucketKind, BucketUrl, StorageSettings};

/// Longest wait for a connection.
const CONNECT_MAX: Duration = Duration::from_secs(4);

/// A request that failed later than this after the first try is not tried again. So one that nobody answers is
/// given up after its first silence, and one that is refused for the moment is tried for a few seconds.
const RETRY_MAX: Duration = Duration::from_secs(5);

/// Tries after the first: with the pauses below they are over in less than that.
const RETRIES_MAX: usize = 5;

/// Shortest and longest pause between two tries.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// Connections idle for longer are closed: what is between us and a bucket may forget them without a word.
const IDLE_MAX: Duration = Duration::from_secs(20);

/// Makes a client that gives a request up when nothing comes for `silence_max`. Nothing is sent yet.
pub(super) fn open(
    url: &BucketUrl,
    settings: &StorageSettings,
    silence_max: Duration,
) -> Result<Arc<dyn ObjectStore>, object_store::Error> {
    // Only one can be the process's; whichever it is already is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = client(settings, silence_max);
    let store = match url.kind {
        BucketKind::S3 => s3(url, settings, client)?,
        BucketKind::Gcs => Arc::new(
            GoogleCloudStorageBuilder::from_env()
                .with_client_options(client)
                .with_retry(retry())
                .with_bucket_name(&url.name)
                .build()?,
        ),
        BucketKind::Azure => Arc::new(
            MicrosoftAzureBuilder::from_env()
                .with_client_options(client)
                .with_retry(retry())
                .with_container_name(&url.name)
                .build()?,
        ),
    };
    if url.prefix.as_ref().is_empty() {
        return Ok(store);
    }
    Ok(Arc::new(PrefixStore::new(store, url.prefix.clone())))
}

fn s3(
    url: &BucketUrl,
    settings: &StorageSettings,
    client: ClientOptions,
) -> Result<Arc<dyn ObjectStore>, object_store::Error> {
    let given = &settings.s3;
    let mut builder = AmazonS3Builder::from_env()
        .with_client_options(client)
        .with_retry(retry())
        .with_bucket_name(&url.name)
        .with_virtual_hosted_style_request(!given.path_style);
    if let Some(endpoint) = &given.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    if let Some(region) = &given.region {
        builder = builder.with_region(region);
    }
    if let Some(keys) = &given.keys {
        builder =
            builder.with_access_key_id(&keys.access_key_id).with_secret_access_key(&keys.secret_access_key);
    }
    Ok(Arc::new(builder.build()?))
}

fn client(settings: &StorageSettings, silence_max: Duration) -> ClientOptions {
    ClientOptions::new()
        .with_allow_http(settings.allow_http)
        .with_connect_timeout(CONNECT_MAX)
        .with_read_timeout(silence_max)
        // An object takes as long as it takes, as long as something comes.
        .with_timeout_disabled()
        .with_pool_idle_timeout(IDLE_MAX)
}

fn retry() -> RetryConfig {
    let (init_backoff, max_backoff) = PAUSES;
    RetryConfig {
        backoff: BackoffConfig { init_backoff, max_backoff, base: 2.0 },
        max_retries: RETRIES_MAX,
        retry_timeout: RETRY_MAX,
    }
}
