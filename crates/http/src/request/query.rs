//! Query strings as pairs, in their order.

use actix_web::HttpRequest;

use super::path::decoded;
use crate::error::ApiError;

/// More pairs than any list query needs; each costs a test in the database.
const PAIRS_MAX: usize = 1_000;

/// The decoded pairs of a query string.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Takes the request's query apart; `+` is a space.
    pub(crate) fn of(request: &HttpRequest) -> Result<Self, ApiError> {
        let pairs: Vec<&str> = request.query_string().split('&').filter(|pair| !pair.is_empty()).collect();
        if pairs.len() > PAIRS_MAX {
            return Err(ApiError::bad_request(format!("The query has more than {PAIRS_MAX} parameters")));
        }
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decoded(&name.replace('+', " "))?, decoded(&value.replace('+', " "))?))
        };
        pairs.into_iter().map(pair).collect::<Result<_, _>>().map(Self)
    }

    /// The pairs in their order.
    pub(crate) fn into_pairs(self) -> Vec<(String, String)> {
        self.0
    }

    /// The value of a parameter; the last one counts where it comes more than once.
    pub(crate) fn last(&self, name: &str) -> Option<&str> {
        self.0.iter().rfind(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A flag: absent is false; `true` and an empty value are true; anything but `false` is refused.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, ApiError> {
        match self.last(name) {
            None | Some("false") => Ok(false),
            Some("true" | "") => Ok(true),
            Some(other) => {
                Err(ApiError::bad_request(format!("'{name}' must be true or false, not '{other}'")))
            }
        }
    }

    /// Refuses parameters that this address does not know: a misspelled flag must not be passed over.
    pub(crate) fn only(&self, allowed: &[&str]) -> Result<(), ApiError> {
        match self.0.iter().find(|(key, _)| !allowed.contains(&key.as_str())) {
            None => Ok(()),
            Some((key, _)) if allowed.is_empty() => {
                Err(ApiError::bad_request(format!("Unknown parameter '{key}': this address takes none")))
            }
            Some((key, _)) => Err(ApiError::bad_request(format!(
                "Unknown parameter '{key}'; allowed: {}",
                allowed.join(", ")
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn query(text: &str) -> Result<Query, ApiError> {
        Query::of(&TestRequest::with_uri(&format!("/?{text}")).to_http_request())
    }

    #[test]
    fn pairs_are_decoded_in_their_order() {
        let pairs = query("a=1+2&&b%5Bc%5D=%26&d&a=").unwrap().into_pairs();
        let expected = [("a", "1 2"), ("b[c]", "&"), ("d", ""), ("a", "")];
        assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn flags_are_true_false_or_refused() {
        for (text, expected) in [("", Some(false)), ("f", Some(true)), ("f=true", Some(true)), ("f=1", None)]
        {
            assert_eq!(query(text).unwrap().flag("f").ok(), expected, "{text}");
        }
    }

    #[test]
    fn floods_of_parameters_are_refused() {
        assert!(query(&"a=1&".repeat(PAIRS_MAX)).is_ok());
        assert!(query(&"a=1&".repeat(PAIRS_MAX + 1)).is_err());
    }
}
