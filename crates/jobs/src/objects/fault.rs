//! What a storage's failure means for who asked.

use std::error::Error as StdError;

use object_store::client::HttpError;

use crate::error::{JobsError, StorageFault, chain};

/// Codes in a bucket's answer by which it says that there is no bucket of the name, or none for us. Some of them come
/// with a status that says less.
const DENIED_CODES: [&str; 8] = [
    "<Code>AuthorizationHeaderMalformed</Code>",
    "<Code>ContainerNotFound</Code>",
    "<Code>ExpiredToken</Code>",
    "<Code>InvalidAccessKeyId</Code>",
    "<Code>InvalidToken</Code>",
    "<Code>NoSuchBucket</Code>",
    "<Code>PermanentRedirect</Code>",
    "<Code>SignatureDoesNotMatch</Code>",
];

/// What the client's messages have in front of a status. The status itself is not to be had in another way.
const STATUS_PREFIX: &str = "non-2xx status code: ";

/// The error for a failure of the client.
pub(super) fn of_store(doing: &'static str, error: object_store::Error) -> JobsError {
    JobsError::Storage { kind: kind(&error), doing, source: told(&error).into() }
}

/// What the client says, with its causes. Of a bucket's answer only the code and the message are kept: there are services
/// that tell the key's id and what was signed, too.
fn told(error: &object_store::Error) -> String {
    let text = chain(error);
    match text.find('<') {
        None => text,
        Some(body) => {
            let (said, body) = text.split_at(body);
            let tags = ["Code", "Message"].iter().filter_map(|tag| tagged(body, tag));
            tags.fold(said.trim_end().to_owned(), |told, tag| told + " " + tag)
        }
    }
}

/// The text within a tag.
fn tagged<'a>(body: &'a str, tag: &str) -> Option<&'a str> {
    let (_, rest) = body.split_once(&format!("<{tag}>"))?;
    rest.split_once('<').map(|(text, _)| text)
}

/// Whether the failure says that there is no such object; a bucket that is missing is something else.
pub(super) fn is_not_found(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::NotFound { .. }) && kind(error) != StorageFault::Denied
}

/// The error that a reader wrapped on its way through `std::io`, where there is one.
pub(crate) fn kind_within(error: &(dyn StdError + 'static)) -> Option<StorageFault> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if let Some(JobsError::Storage { kind, .. }) = wrapped.and_then(|inner| inner.downcast_ref()) {
            return Some(*kind);
        }
        cause = error.source();
    }
    None
}

fn kind(error: &object_store::Error) -> StorageFault {
    use object_store::Error;
    let text = error.to_string();
    let is_refused = matches!(error, Error::PermissionDenied { .. } | Error::Unauthenticated { .. });
    let status = status(&text);
    if is_refused || matches!(status, Some(401 | 403)) || DENIED_CODES.iter().any(|code| text.contains(code))
    {
        return StorageFault::Denied;
    }
    match status {
        Some(408 | 429 | 500..) => StorageFault::Unavailable,
        Some(_) => StorageFault::Failed,
        None if is_unanswered(error) => StorageFault::Unavailable,
        None => StorageFault::Failed,
    }
}

/// The status of the answer that a message tells of.
fn status(text: &str) -> Option<u16> {
    let (_, rest) = text.split_once(STATUS_PREFIX)?;
    rest.get(..3)?.parse().ok()
}

/// Whether no answer came, or not all of it.
fn is_unanswered(error: &object_store::Error) -> bool {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<HttpError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(text: &str) -> object_store::Error {
        object_store::Error::Generic { store: "S3", source: text.into() }
    }

    #[test]
    fn an_answer_tells_by_status_and_code_what_is_the_matter() {
        for (text, expected) in [
            ("Server returned non-2xx status code: 503 Service Unavailable: ", StorageFault::Unavailable),
            ("Server returned non-2xx status code: 429 Too Many Requests: ", StorageFault::Unavailable),
            ("Server returned non-2xx status code: 403 Forbidden: ", StorageFault::Denied),
            (
                "Server returned non-2xx status code: 400 Bad Request: <Code>ExpiredToken</Code>",
                StorageFault::Denied,
            ),
            ("Server returned non-2xx status code: 400 Bad Request: <Code>Odd</Code>", StorageFault::Failed),
            ("something else", StorageFault::Failed),
        ] {
            assert_eq!(kind(&generic(text)), expected, "{text}");
        }
    }

    #[test]
    fn a_missing_bucket_is_not_a_missing_object() {
        let missing =
            |text: &str| object_store::Error::NotFound { path: "a".to_owned(), source: text.into() };
        assert!(is_not_found(&missing("<Code>NoSuchKey</Code>")));
        assert!(!is_not_found(&missing("<Code>NoSuchBucket</Code>")));
    }

    #[test]
    fn nothing_is_told_of_an_answer_but_its_code_and_message() {
        let error = generic(
            "non-2xx status code: 403 Forbidden: <?xml?><Error><Code>SignatureDoesNotMatch</Code>\
             <Message>Check your key</Message><AWSAccessKeyId>AKIA1</AWSAccessKeyId></Error>",
        );
        let told = of_store("reading", error).chain();
        assert!(told.ends_with("403 Forbidden: SignatureDoesNotMatch Check your key"), "{told}");
    }

    #[test]
    fn the_kind_is_found_behind_errors_of_input_and_output() {
        let error = of_store("reading", generic("non-2xx status code: 503"));
        assert_eq!(kind_within(&std::io::Error::other(error)), Some(StorageFault::Unavailable));
        assert_eq!(kind_within(&std::io::Error::other("disk")), None);
    }
}
