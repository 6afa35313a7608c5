//! A database server that goes away under a running server, and comes back.

use futures_util::future::join_all;
use reinstate_http::route::{ROUTES, Route};
use reinstate_test_postgres::{Cluster, ClusterOptions};
use serde_json::{Value as Json, json};

use crate::harness::{Answer, Session, TestServer, orders_archive};

/// Sends what would be a good request to a route.
async fn ask(session: Session, route: &Route) -> Answer {
    let path = route.pattern.replace("{model}", "orders").replace("{field}", "title").replace("{id}", "a");
    let method = route.verb.as_str();
    let body = match (method, route.pattern) {
        (_, "/api/restores/import" | "/api/restores/uploads") => {
            return session.form(&path, orders_archive(&["z"]), &[]).await;
        }
        ("GET", _) | ("DELETE", "/api/data/{model}/{id}") => return session.call(method, &path).await,
        ("PUT" | "DELETE", "/api/data/{model}") => json!([{ "id": "a", "title": "x" }]),
        ("POST" | "PUT", "/api/describe/{model}/fields") => {
            json!([{ "field_name": "title", "type": "text" }])
        }
        ("POST", "/api/describe/{model}/fields/{field}") => json!({ "type": "text" }),
        (_, pattern) if pattern.starts_with("/api/describe") => json!({ "description": "x" }),
        (_, pattern) if pattern.starts_with("/api/data") => json!({ "title": "x" }),
        _ => Json::Null,
    };
    session.send(session.request(method, &path).json(&body)).await
}

#[actix_web::test]
async fn requests_are_asked_to_come_again_while_the_server_is_away_and_answered_once_it_is_back() {
    let mut cluster = Cluster::start_new(ClusterOptions::default());
    let server = TestServer::start_on(cluster.url().parse().unwrap(), |settings| {
        settings.store.busy_timeout_ms = 100;
    })
    .await;
    let (full, nobody) = (server.session("alpha", "full"), server.session_with(None));
    full.orders(&["a"]).await;
    assert_eq!(nobody.get("/readyz").await.status, 200);

    cluster.stop();
    let with_token = ROUTES.iter().filter(|route| route.least.is_some());
    for (route, answer) in
        join_all(with_token.map(async |route| (route, ask(full.clone(), route).await))).await
    {
        assert_eq!(
            (answer.status, answer.code()),
            (503, "SERVICE_UNAVAILABLE"),
            "{route:?}: {}",
            answer.text
        );
        assert!(answer.header("retry-after").is_some(), "{route:?}");
    }
    let away = nobody.get("/readyz").await;
    away.refused(503, "SERVICE_UNAVAILABLE");
    assert!(away.message().contains("database"), "{}", away.text);
    assert_eq!(nobody.get("/healthz").await.status, 200);
    nobody.get("/metrics").await.refused(503, "SERVICE_UNAVAILABLE");

    cluster.start();
    let answer = full.get("/api/data/orders/a").await;
    assert_eq!((answer.status, &answer.data()["title"]), (200, &json!("mine")), "{}", answer.text);
    assert_eq!(nobody.get("/readyz").await.status, 200);
}
