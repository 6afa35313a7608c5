//! The address of a server: checked where a password could leak through a message, and never shown.

use std::fmt;

/// Where the server is and how to get in: a `postgres://` URL with whatever libpq understands in it. It may hold a
/// password, which is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresAddress(String);

/// Why a text is no [`PostgresAddress`]. Never repeats any of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PostgresAddressError {
    /// A `%` that is not followed by two hexadecimal digits, or a NUL.
    #[error(
        "the database URL has a % that is not followed by two hexadecimal digits (write % itself as %25)"
    )]
    Escape,
    /// Characters after which nobody can tell where the password ends.
    #[error(
        "the database URL has characters in its user or password that must be escaped: write @ as %40, / as %2F, \
         : as %3A, ? as %3F, # as %23, % as %25, a space as %20"
    )]
    Credentials,
}

/// Parameters of libpq's that every connection has unless the URL names them: ten seconds to connect to a host, and
/// an end within half a minute for a connection whose other side is gone without a word. In seconds, the last one but
/// one in milliseconds.
const CONNECTION_DEFAULTS: [(&str, &str); 6] = [
    ("connect_timeout", "10"),
    ("keepalives_idle", "10"),
    ("keepalives_interval", "5"),
    ("keepalives_count", "3"),
    ("tcp_user_timeout", "30000"),
    ("fallback_application_name", "reinstate"),
];

impl PostgresAddress {
    /// Takes a URL. libpq reads it later, and repeats the part that it does not understand in its messages: a URL
    /// whose password could be such a part is refused here.
    ///
    /// # Errors
    /// [`PostgresAddressError`] where a `%`, a space or a separator in the user or the password is not escaped.
    pub fn new(url: impl Into<String>) -> Result<Self, PostgresAddressError> {
        let address = Self(url.into());
        address.check()?;
        Ok(address)
    }

    /// The URL for a connection: with what keeps a dead network from holding it for good, where the URL itself says
    /// nothing of that.
    pub(crate) fn connection_url(&self) -> String {
        let (_, query) = self.place_and_query();
        let is_given =
            |name: &str| query.split('&').any(|parameter| parameter.split('=').next() == Some(name));
        let missing = CONNECTION_DEFAULTS.iter().filter(|(name, _)| !is_given(name));
        let mut url = self.0.clone();
        let mut separator = if query.is_empty() { '?' } else { '&' };
        if self.0.ends_with('?') {
            url.pop();
        }
        for (name, value) in missing {
            url.push(separator);
            url.push_str(name);
            url.push('=');
            url.push_str(value);
            separator = '&';
        }
        url
    }

    /// A message of libpq's or the server's without the URL and without the password, should they be in it.
    pub(crate) fn hidden_in(&self, message: &str) -> String {
        let mut hidden = message.replace(&self.connection_url(), "…").replace(&self.0, "…");
        for password in self.passwords() {
            let decoded = percent_decoded(&password);
            for form in [password, decoded] {
                if !form.is_empty() {
                    hidden = hidden.replace(&form, "…");
                }
            }
        }
        hidden
    }

    fn check(&self) -> Result<(), PostgresAddressError> {
        let has_bad_escape = self.0.split('%').skip(1).any(|rest| {
            let digits: Vec<char> = rest.chars().take(2).collect();
            !(digits.len() == 2 && digits.iter().all(char::is_ascii_hexdigit)) || digits == ['0', '0']
        });
        if has_bad_escape {
            return Err(PostgresAddressError::Escape);
        }
        let (place, query) = self.place_and_query();
        let authority = place.split('/').next().unwrap_or_default();
        let user = authority.rsplit_once('@').map(|(user, _)| user).unwrap_or_default();
        let is_ambiguous = place.matches('@').count() > usize::from(authority.contains('@'))
            || query.contains('@')
            || user.matches(':').count() > 1
            || self.0.contains([' ', '#'])
            || self.0.contains(char::is_control);
        if is_ambiguous { Err(PostgresAddressError::Credentials) } else { Ok(()) }
    }

    /// What is between the scheme and the `?`, and what is behind that.
    fn place_and_query(&self) -> (&str, &str) {
        let rest = self.0.split_once("://").map_or(self.0.as_str(), |(_, rest)| rest);
        rest.split_once('?').unwrap_or((rest, ""))
    }

    /// The passwords as they are spelled: in front of the host, and among the parameters.
    fn passwords(&self) -> Vec<String> {
        let (place, query) = self.place_and_query();
        let in_front = place.rsplit_once('@').and_then(|(user, _)| user.split_once(':'));
        let parameters = query.split('&').filter_map(|parameter| parameter.split_once('='));
        let secret = parameters.filter(|(name, _)| ["password", "sslpassword"].contains(name));
        in_front.into_iter().chain(secret).map(|(_, password)| password.to_owned()).collect()
    }
}

/// The text with its escapes resolved, as libpq has it. Bytes that are no UTF-8 become replacement characters.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, escaped)) = rest.split_once('%') {
        bytes.extend_from_slice(plain.as_bytes());
        let byte = escaped.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(b'%'));
        rest = if byte.is_some() { escaped.get(2..).unwrap_or_default() } else { escaped };
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

impl fmt::Debug for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PostgresAddress(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_all_kinds_are_taken() {
        for url in [
            "postgres://host/db",
            "postgresql://user@host:5433/db?sslmode=require&sslrootcert=/etc/root%20ca.pem",
            "postgres://user:p%40ss%25@[::1]:5432,other:5433/db?target_session_attrs=read-write",
            "postgres:///db?host=/var/run/postgresql",
            "postgres://",
        ] {
            assert!(PostgresAddress::new(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn a_password_that_libpq_would_take_for_something_else_is_refused_without_repeating_it() {
        for url in [
            "postgres://me:hu%sh@host/db",
            "postgres://me:hu%00sh@host/db",
            "postgres://me:hu@sh@host/db",
            "postgres://me:hu/sh@host/db",
            "postgres://me:hu?sh@host/db",
            "postgres://me:hu:sh@host/db",
            "postgres://me:hu sh@host/db",
            "postgres://me:hu#sh@host/db",
        ] {
            let error = PostgresAddress::new(url).unwrap_err().to_string();
            assert!(!error.contains("hu") && !error.contains("host"), "{error}");
        }
    }

    #[test]
    fn connections_do_not_wait_for_good_unless_the_url_says_so() {
        let url = |text: &str| PostgresAddress::new(text).unwrap().connection_url();
        assert!(
            url("postgres://host/db")
                .starts_with("postgres://host/db?connect_timeout=10&keepalives_idle=10&")
        );
        assert!(url("postgres://host?").starts_with("postgres://host?connect_timeout=10&"));
        let given = url("postgres://host/db?sslmode=require&connect_timeout=2");
        assert!(
            given.starts_with("postgres://host/db?sslmode=require&connect_timeout=2&keepalives_idle=10&")
        );
    }

    #[test]
    fn passwords_are_taken_out_of_messages() {
        let address = PostgresAddress::new("postgres://me:hu%40sh@host/db?sslpassword=quiet").unwrap();
        let message = "bad \"postgres://me:hu%40sh@host/db?sslpassword=quiet\": hu%40sh hu@sh quiet host";
        assert_eq!(address.hidden_in(message), "bad \"…\": … … … host");
        assert_eq!(format!("{address:?}"), "PostgresAddress(…)");
    }
}
