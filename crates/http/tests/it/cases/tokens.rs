//! Who is let in: every kind of key, and everything that is wrong with a token.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reinstate_http::route::ROUTES;
use reinstate_http::{AuthSettings, Authenticator};
use serde_json::{Value as Json, json};

use super::BACKEND;
use crate::harness::{SECRET, TestServer, mint, mint_with, now_s};

/// An address that any token of level `read` may read.
const ANY: &str = "/api/describe";

fn key_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn claims() -> Json {
    json!({ "sub": "ann", "tenant": "alpha", "access": "read", "exp": now_s() + 600 })
}

fn claims_with(changes: &Json) -> Json {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

fn claims_without(name: &str) -> Json {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

fn signed(algorithm: Algorithm, kid: Option<&str>, pem: &str) -> String {
    let pem = std::fs::read(key_file(pem)).unwrap();
    let key = match algorithm {
        Algorithm::RS256 | Algorithm::RS384 | Algorithm::PS256 => EncodingKey::from_rsa_pem(&pem),
        Algorithm::ES256 => EncodingKey::from_ec_pem(&pem),
        _ => EncodingKey::from_ed_pem(&pem),
    };
    let header = Header { kid: kid.map(str::to_owned), ..Header::new(algorithm) };
    encode(&header, &claims(), &key.unwrap()).unwrap()
}

fn unsigned(header: &str) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.", part(header), part(&claims().to_string()))
}

#[actix_web::test]
async fn every_api_route_is_refused_without_a_token() {
    let server = TestServer::start(BACKEND).await;
    let nobody = server.session_with(None);
    for route in ROUTES {
        let path = route.pattern.replace(['{', '}'], "");
        let answer = nobody.call(route.verb.as_str(), &path).await;
        if route.pattern.starts_with("/api/") {
            assert!(route.least.is_some(), "{route:?} needs a level");
            answer.refused(401, "AUTH_TOKEN_REQUIRED");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{route:?}");
        } else {
            assert!(route.least.is_none(), "{route:?} is not part of the API");
            assert_eq!(answer.status, 200, "{route:?}: {}", answer.text);
        }
    }
}

#[actix_web::test]
async fn unknown_api_addresses_are_refused_without_a_token_too() {
    let server = TestServer::start(BACKEND).await;
    for path in ["/api", "/api/", "/api/nothing", "/%61pi/describe", "/api/restores/x/run"] {
        server.session_with(None).get(path).await.refused(401, "AUTH_TOKEN_REQUIRED");
    }
}

#[actix_web::test]
async fn tokens_with_the_wrong_claims_are_invalid() {
    let server = TestServer::start(BACKEND).await;
    let wrong = [
        claims_without("tenant"),
        claims_without("access"),
        claims_without("exp"),
        claims_without("sub"),
        claims_with(&json!({ "tenant": "" })),
        claims_with(&json!({ "tenant": "Alpha" })),
        claims_with(&json!({ "tenant": "../alpha" })),
        claims_with(&json!({ "tenant": "a".repeat(64) })),
        claims_with(&json!({ "tenant": 7 })),
        claims_with(&json!({ "access": "admin" })),
        claims_with(&json!({ "access": "Root" })),
        claims_with(&json!({ "sub": "" })),
        claims_with(&json!({ "nbf": now_s() + 600 })),
        claims_with(&json!({ "access_read": "group" })),
        claims_with(&json!({ "exp": "soon" })),
    ];
    for claims in wrong {
        let answer = server.session_with(Some(mint_with(&claims))).get(ANY).await;
        answer.refused(401, "AUTH_TOKEN_INVALID");
        assert_eq!(answer.message(), "The token is not valid", "{claims}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
}

#[actix_web::test]
async fn a_user_id_claim_stands_in_for_sub() {
    let server = TestServer::start(BACKEND).await;
    let mut claims = claims_without("sub");
    claims["user_id"] = json!("ann");
    assert_eq!(server.session_with(Some(mint_with(&claims))).get(ANY).await.status, 200);
}

#[actix_web::test]
async fn expiry_allows_thirty_seconds_and_no_more() {
    let server = TestServer::start(BACKEND).await;
    let expired_for = |seconds: u64| mint_with(&claims_with(&json!({ "exp": now_s() - seconds })));
    assert_eq!(server.session_with(Some(expired_for(15))).get(ANY).await.status, 200);
    let late = server.session_with(Some(expired_for(40))).get(ANY).await;
    late.refused(401, "AUTH_TOKEN_EXPIRED");
    assert_eq!(late.header("www-authenticate"), Some("Bearer"));
}

#[actix_web::test]
async fn tokens_of_another_algorithm_or_none_are_invalid() {
    let server = TestServer::start(BACKEND).await;
    let secret = EncodingKey::from_secret(SECRET.as_bytes());
    let other_secret = EncodingKey::from_secret(b"another secret of thirty-two bytes");
    let hs512 = encode(&Header::new(Algorithm::HS512), &claims(), &secret).unwrap();
    let foreign = encode(&Header::new(Algorithm::HS256), &claims(), &other_secret).unwrap();
    let good = mint("alpha", "root");
    let tampered = {
        let parts: Vec<&str> = good.split('.').collect();
        let payload = URL_SAFE_NO_PAD.encode(claims_with(&json!({ "tenant": "beta" })).to_string());
        format!("{}.{payload}.{}", parts[0], parts[2])
    };
    let tokens = [
        hs512,
        foreign,
        tampered,
        unsigned(r#"{"alg":"none","typ":"JWT"}"#),
        unsigned(r#"{"alg":"None"}"#),
        unsigned(r#"{"alg":"HS256"}"#),
        unsigned(r#"{"typ":"JWT"}"#),
        signed(Algorithm::RS256, None, "rsa.private.pem"),
        "a.b.c".to_owned(),
        "nonsense".to_owned(),
        "x".repeat(20_000),
    ];
    for token in tokens {
        server.session_with(Some(token)).get(ANY).await.refused(401, "AUTH_TOKEN_INVALID");
    }
}

#[actix_web::test]
async fn authorization_of_another_scheme_counts_as_no_token() {
    let server = TestServer::start(BACKEND).await;
    let nobody = server.session_with(None);
    for value in ["Basic YW5uOnNlY3JldA==", "Bearer", "Bearer ", "token"] {
        let answer = nobody.send(nobody.request("GET", ANY).header("authorization", value)).await;
        answer.refused(401, "AUTH_TOKEN_REQUIRED");
    }
    let spelled = format!("bEARER  {}", mint("alpha", "read"));
    let answer = nobody.send(nobody.request("GET", ANY).header("authorization", spelled)).await;
    assert_eq!(answer.status, 200);
}

#[actix_web::test]
async fn each_kind_of_public_key_accepts_its_own_algorithm_only() {
    let kinds = [
        (Algorithm::RS256, "rsa.private.pem", "rsa.public.pem"),
        (Algorithm::ES256, "p256.private.pem", "p256.public.pem"),
        (Algorithm::EdDSA, "ed25519.private.pem", "ed25519.public.pem"),
    ];
    for (algorithm, _, public) in kinds {
        let server = TestServer::start_with_key(BACKEND, AuthSettings::PublicKeyPem(key_file(public))).await;
        for (other, private, _) in kinds {
            let answer = server.session_with(Some(signed(other, None, private))).get(ANY).await;
            if other == algorithm {
                assert_eq!(answer.status, 200, "{algorithm:?}: {}", answer.text);
            } else {
                answer.refused(401, "AUTH_TOKEN_INVALID");
            }
        }
        // The classic confusion: the public key, taken for a shared secret.
        let confused = EncodingKey::from_secret(&std::fs::read(key_file(public)).unwrap());
        let confused = encode(&Header::new(Algorithm::HS256), &claims(), &confused).unwrap();
        server.session_with(Some(confused)).get(ANY).await.refused(401, "AUTH_TOKEN_INVALID");
    }
    let server =
        TestServer::start_with_key(BACKEND, AuthSettings::PublicKeyPem(key_file("rsa.public.pem"))).await;
    for other in [Algorithm::RS384, Algorithm::PS256] {
        let token = signed(other, None, "rsa.private.pem");
        server.session_with(Some(token)).get(ANY).await.refused(401, "AUTH_TOKEN_INVALID");
    }
}

fn set_of(keys: &[(&str, Algorithm, &str)]) -> String {
    let jwk = |(kid, algorithm, pem): &(&str, Algorithm, &str)| {
        let pem = std::fs::read(key_file(pem)).unwrap();
        let key = match algorithm {
            Algorithm::RS256 => EncodingKey::from_rsa_pem(&pem),
            Algorithm::ES256 => EncodingKey::from_ec_pem(&pem),
            _ => EncodingKey::from_ed_pem(&pem),
        };
        let jwk = jsonwebtoken::jwk::Jwk::from_encoding_key(&key.unwrap(), *algorithm).unwrap();
        let mut jwk = serde_json::to_value(jwk).unwrap();
        jwk["kid"] = json!(kid);
        jwk
    };
    json!({ "keys": keys.iter().map(jwk).collect::<Vec<_>>() }).to_string()
}

#[actix_web::test]
async fn a_key_set_is_read_again_for_an_unknown_key_once_a_minute() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys.json");
    let rsa = ("one", Algorithm::RS256, "rsa.private.pem");
    let p256 = ("two", Algorithm::ES256, "p256.private.pem");
    let ed = ("three", Algorithm::EdDSA, "ed25519.private.pem");
    std::fs::write(&path, set_of(&[rsa])).unwrap();
    let location = path.to_str().unwrap().to_owned();
    let server = TestServer::start_with_key(BACKEND, AuthSettings::Jwks(location)).await;
    let status = async |key: (&str, Algorithm, &str)| {
        let token = signed(key.1, Some(key.0), key.2);
        server.session_with(Some(token)).get(ANY).await.status
    };
    assert_eq!(status(rsa).await, 200);
    std::fs::write(&path, set_of(&[rsa, p256])).unwrap();
    assert_eq!(status(p256).await, 200, "the set is read again for a key that is not known yet");
    assert_eq!(status(rsa).await, 200);
    std::fs::write(&path, set_of(&[rsa, p256, ed])).unwrap();
    assert_eq!(status(ed).await, 401, "but not twice within a minute");
    let wrong_kid = signed(Algorithm::ES256, Some("one"), "p256.private.pem");
    server.session_with(Some(wrong_kid)).get(ANY).await.refused(401, "AUTH_TOKEN_INVALID");
}

#[actix_web::test]
async fn a_key_set_is_fetched_from_its_address_with_the_first_token() {
    let rsa = ("one", Algorithm::RS256, "rsa.private.pem");
    let set = set_of(&[rsa]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let location = format!("http://{}/keys", listener.local_addr().unwrap());
    let issuer = actix_web::HttpServer::new(move || {
        let set = set.clone();
        actix_web::App::new().default_service(actix_web::web::to(move || {
            let set = set.clone();
            async move { set }
        }))
    });
    let issuer = issuer.workers(1).disable_signals().listen(listener).unwrap().run();
    let handle = issuer.handle();
    actix_web::rt::spawn(issuer);
    let server = TestServer::start_with_key(BACKEND, AuthSettings::Jwks(location)).await;
    let token = signed(rsa.1, Some(rsa.0), rsa.2);
    assert_eq!(server.session_with(Some(token)).get(ANY).await.status, 200);
    drop(handle.stop(false));
}

#[test]
fn unusable_keys_are_refused_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let shared = dir.path().join("shared.json");
    std::fs::write(&shared, r#"{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"x","alg":"HS256"}]}"#).unwrap();
    let location = |path: &Path| AuthSettings::Jwks(path.to_str().unwrap().to_owned());
    let refused = [
        (AuthSettings::Hs256Secret("x".repeat(31)), "31 bytes"),
        (AuthSettings::PublicKeyPem(key_file("missing.pem")), "missing.pem"),
        (AuthSettings::PublicKeyPem(key_file("rsa.private.pem")), "private key"),
        (AuthSettings::PublicKeyPem(key_file("p384.public.pem")), "P-256"),
        (location(&shared), "no RSA"),
        (location(&key_file("rsa.public.pem")), "no usable key"),
        (AuthSettings::Jwks("http://keys.example/set".to_owned()), "https://"),
    ];
    for (settings, part) in refused {
        let message = Authenticator::new(&settings).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(message.contains(part), "{settings:?}: {message:?}");
    }
    assert!(Authenticator::new(&AuthSettings::Hs256Secret("x".repeat(32))).is_ok());
}
