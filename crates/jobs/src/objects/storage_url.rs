//! Where the storage is: a folder, or a bucket of one of three kinds.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use object_store::path::Path as Key;

/// The address of a storage: `file://FOLDER`, `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX` or `az://CONTAINER/PREFIX`.
/// The prefix may be left out. There is no place for credentials in it: they come from the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StorageUrl {
    /// A folder of this machine, or one that several machines have mounted.
    Folder(PathBuf),
    /// A bucket.
    Bucket(BucketUrl),
}

/// The address of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketUrl {
    pub(super) kind: BucketKind,
    pub(super) name: String,
    pub(super) prefix: Key,
}

/// Who keeps a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BucketKind {
    /// Amazon S3, or anything that speaks like it.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
}

/// Why a text is no address of a storage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StorageUrlError {
    /// No such scheme.
    #[error(
        "must have the form file://FOLDER, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX"
    )]
    Scheme,
    /// Nothing behind the scheme.
    #[error("names no folder or bucket")]
    Nameless,
    /// What follows looks like another host.
    #[error(
        "must name a folder of this machine, as in file:///var/lib/reinstate/objects or file://./objects"
    )]
    OtherHost,
    /// A bucket's name has something else in it than letters, digits, dots, dashes and underscores.
    #[error("has characters that no bucket's name has; credentials and ports do not belong into it")]
    Name,
    /// The prefix is no path of an object.
    #[error("has a prefix that cannot be part of an object's key")]
    Prefix,
}

impl StorageUrl {
    /// A folder.
    #[must_use]
    pub fn folder(path: impl AsRef<Path>) -> Self {
        Self::Folder(path.as_ref().to_owned())
    }
}

impl FromStr for StorageUrl {
    type Err = StorageUrlError;

    fn from_str(text: &str) -> Result<Self, StorageUrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(StorageUrlError::Scheme)?;
        let kind = match scheme {
            "file" if rest.is_empty() => return Err(StorageUrlError::Nameless),
            "file" if !rest.starts_with(['/', '.']) => return Err(StorageUrlError::OtherHost),
            "file" => return Ok(Self::folder(rest)),
            "s3" => BucketKind::S3,
            "gs" => BucketKind::Gcs,
            "az" => BucketKind::Azure,
            _ => return Err(StorageUrlError::Scheme),
        };
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if name.is_empty() {
            return Err(StorageUrlError::Nameless);
        }
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_$".contains(&byte)) {
            return Err(StorageUrlError::Name);
        }
        let prefix = Key::parse(prefix).map_err(|_| StorageUrlError::Prefix)?;
        Ok(Self::Bucket(BucketUrl { kind, name: name.to_owned(), prefix }))
    }
}

impl fmt::Display for BucketUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.kind {
            BucketKind::S3 => "s3",
            BucketKind::Gcs => "gs",
            BucketKind::Azure => "az",
        };
        write!(f, "{scheme}://{}/{}", self.name, self.prefix)
    }
}

/// How long a bucket may be silent where nobody says otherwise.
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// The same for how long it may take to finish an object.
const FINISH_MAX: Duration = Duration::from_secs(300);

/// A storage's address with what it takes to reach it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StorageSettings {
    /// Where it is.
    pub url: StorageUrl,
    /// Whether a bucket may be spoken to without TLS.
    pub allow_http: bool,
    /// How long a bucket may be silent: until it answers a request that was sent whole, and between two pieces of its
    /// answer. A part of 8 MiB has to get there within it. 15 seconds by default, which every call stays within five
    /// seconds of.
    pub silence_max: Duration,
    /// How long a bucket may take to put the parts of an object together, silent or not. Five minutes by default: the
    /// services speak of minutes for large objects.
    pub finish_max: Duration,
    /// What only buckets of S3's kind need.
    pub s3: S3Settings,
}

/// How to reach a bucket of S3's kind.
#[derive(Debug, Clone, Default)]
pub struct S3Settings {
    /// The address of the service where it is not Amazon's.
    pub endpoint: Option<String>,
    /// The region; where none is given, `AWS_REGION` or `us-east-1`.
    pub region: Option<String>,
    /// Whether the bucket's name is in the path of requests, as most compatible services want it, not in the host's name.
    pub path_style: bool,
    /// Keys of whoever puts the rooms together himself; the program has them from the environment alone.
    pub keys: Option<S3Keys>,
}

/// An access key and its secret.
#[derive(Clone)]
pub struct S3Keys {
    /// The key's id.
    pub access_key_id: String,
    /// The secret; never shown.
    pub secret_access_key: String,
}

impl fmt::Debug for S3Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Keys").finish_non_exhaustive()
    }
}

impl StorageSettings {
    /// A storage that is reached by its address alone.
    #[must_use]
    pub fn new(url: StorageUrl) -> Self {
        Self {
            url,
            allow_http: false,
            silence_max: SILENCE_MAX,
            finish_max: FINISH_MAX,
            s3: S3Settings::default(),
        }
    }

    /// A folder.
    #[must_use]
    pub fn folder(path: impl AsRef<Path>) -> Self {
        Self::new(StorageUrl::folder(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(text: &str) -> BucketUrl {
        match text.parse().unwrap() {
            StorageUrl::Bucket(url) => url,
            StorageUrl::Folder(folder) => panic!("{text} is a folder: {}", folder.display()),
        }
    }

    #[test]
    fn an_address_names_a_folder_or_a_bucket_with_its_prefix() {
        assert_eq!("file:///var/lib/objects".parse(), Ok(StorageUrl::folder("/var/lib/objects")));
        assert_eq!("file://./objects".parse(), Ok(StorageUrl::folder("./objects")));
        for (text, kind, name, prefix) in [
            ("s3://archives", BucketKind::S3, "archives", ""),
            ("s3://archives/", BucketKind::S3, "archives", ""),
            ("gs://my.bucket_1/a/b/", BucketKind::Gcs, "my.bucket_1", "a/b"),
            ("az://$web/prefix", BucketKind::Azure, "$web", "prefix"),
        ] {
            let url = bucket(text);
            assert_eq!((url.kind, url.name.as_str(), url.prefix.as_ref()), (kind, name, prefix), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_being_repeated() {
        for (text, error) in [
            ("objects", StorageUrlError::Scheme),
            ("ftp://host", StorageUrlError::Scheme),
            ("file://", StorageUrlError::Nameless),
            ("file://host/objects", StorageUrlError::OtherHost),
            ("s3://", StorageUrlError::Nameless),
            ("s3:///prefix", StorageUrlError::Nameless),
            ("s3://key:hush@bucket", StorageUrlError::Name),
            ("s3://bucket/../other", StorageUrlError::Prefix),
        ] {
            assert_eq!(text.parse::<StorageUrl>(), Err(error.clone()), "{text}");
            assert!(!error.to_string().contains("hush"));
        }
    }

    #[test]
    fn keys_are_never_shown() {
        let keys = S3Keys { access_key_id: "visible".to_owned(), secret_access_key: "hush".to_owned() };
        let mut settings = StorageSettings::new("s3://bucket".parse().unwrap());
        settings.s3.keys = Some(keys);
        let shown = format!("{settings:?}");
        assert!(!shown.contains("hush") && !shown.contains("visible"), "{shown}");
    }
}
