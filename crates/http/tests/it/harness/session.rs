//! Requests of one token, and their answers.

use std::time::Duration;

use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value as Json, json};

/// How long a run of a test may take at most: far more than any needs on a busy machine.
const RUN_TIMEOUT_S: u64 = 60;

/// How often a run is looked at.
const POLL_MS: u64 = 10;

/// Requests to one server with one token.
#[derive(Clone)]
pub(crate) struct Session {
    http: reqwest::Client,
    url: String,
    token: Option<String>,
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) bytes: Vec<u8>,
    pub(crate) text: String,
    /// The body as JSON; null where it is none.
    pub(crate) body: Json,
}

impl Session {
    pub(crate) fn new(http: reqwest::Client, url: String, token: Option<String>) -> Self {
        Self { http, url, token }
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.http.request(method, format!("{}{path}", self.url));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        Answer::of(request.send().await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Json) -> Answer {
        self.send(self.request("POST", path).json(&body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Json) -> Answer {
        self.send(self.request("PUT", path).json(&body)).await
    }

    /// A request without a body.
    pub(crate) async fn call(&self, method: &str, path: &str) -> Answer {
        self.send(self.request(method, path)).await
    }

    /// A request whose body is this text, declared as JSON.
    pub(crate) async fn text(&self, method: &str, path: &str, body: &str) -> Answer {
        let request = self.request(method, path).header("content-type", "application/json");
        self.send(request.body(body.to_owned())).await
    }

    /// Uploads an archive to a form address, with further fields.
    pub(crate) async fn form(&self, path: &str, file: Vec<u8>, fields: &[(&str, &str)]) -> Answer {
        let form = Form::new().part("file", Part::bytes(file).file_name("test.zip"));
        let form = fields
            .iter()
            .fold(form, |form, (name, value)| form.text((*name).to_owned(), (*value).to_owned()));
        self.send(self.request("POST", path).multipart(form)).await
    }

    /// Queues an import and answers its run's id.
    pub(crate) async fn import(&self, file: Vec<u8>, fields: &[(&str, &str)]) -> String {
        let answer = self.form("/api/restores/import", file, fields).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body["data"]["run_id"].as_str().unwrap().to_owned()
    }

    /// Imports and waits for the end; answers the run's record.
    pub(crate) async fn restore(&self, file: Vec<u8>, strategy: &str) -> Json {
        self.restore_with(file, &[("conflict_strategy", strategy)]).await
    }

    /// As [`Session::restore`], with any fields.
    pub(crate) async fn restore_with(&self, file: Vec<u8>, fields: &[(&str, &str)]) -> Json {
        let run_id = self.import(file, fields).await;
        self.wait_for_run(&run_id).await
    }

    /// The run's record once it has ended.
    pub(crate) async fn wait_for_run(&self, run_id: &str) -> Json {
        self.wait_until(&format!("/api/data/restore_runs/{run_id}"), is_ended).await
    }

    /// Makes an extract configuration and answers its id.
    pub(crate) async fn extract_made(&self, body: Json) -> String {
        let made = self.post("/api/data/extracts", body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made.body["data"]["id"].as_str().unwrap().to_owned()
    }

    /// Makes an extract configuration, runs it and answers the run's record, which must be completed.
    pub(crate) async fn extract(&self, body: Json) -> Json {
        let id = self.extract_made(body).await;
        let run = self.extract_ran(&id).await;
        assert_eq!(run["status"], "completed", "{run}");
        run
    }

    /// Runs an extract configuration and answers the run's record once it has ended.
    pub(crate) async fn extract_ran(&self, id: &str) -> Json {
        let queued = self.call("POST", &format!("/api/extracts/{id}/run")).await;
        assert_eq!(queued.status, 200, "{}", queued.text);
        self.wait_for_extract(queued.body["data"]["run_id"].as_str().unwrap()).await
    }

    /// The record of an extract's run once it has ended.
    pub(crate) async fn wait_for_extract(&self, run_id: &str) -> Json {
        self.wait_until(&format!("/api/data/extract_runs/{run_id}"), is_ended).await
    }

    /// The records of what a run made.
    pub(crate) async fn artifacts(&self, run: &Json) -> Vec<Json> {
        let run_id = run["id"].as_str().unwrap();
        let path = format!("/api/data/extract_artifacts?filter[where][run_id]={run_id}&order=artifact_name");
        self.get(&path).await.records().to_vec()
    }

    /// The archive of a completed run.
    pub(crate) async fn archive_of(&self, run: &Json) -> Vec<u8> {
        let path = format!("/api/extracts/runs/{}/download", run["id"].as_str().unwrap());
        let answer = self.get(&path).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.bytes
    }

    /// The record at `path` once it is as asked for.
    pub(crate) async fn wait_until(&self, path: &str, is_met: impl Fn(&Json) -> bool) -> Json {
        let poll = async {
            let mut ticks = tokio::time::interval(Duration::from_millis(POLL_MS));
            loop {
                ticks.tick().await;
                let answer = self.get(path).await;
                assert_eq!(answer.status, 200, "{}", answer.text);
                if is_met(&answer.body["data"]) {
                    return answer.body["data"].clone();
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(RUN_TIMEOUT_S), poll).await.expect("the wait is bounded")
    }

    /// Creates the model `orders` with a field `title`, and records of the given ids titled `mine`.
    pub(crate) async fn orders(&self, ids: &[&str]) {
        let fields = json!([{ "field_name": "title", "type": "text" }]);
        let made = self.post("/api/describe/orders", json!({ "fields": fields })).await;
        assert_eq!(made.status, 201, "{}", made.text);
        if !ids.is_empty() {
            let records: Vec<Json> = ids.iter().map(|id| json!({ "id": id, "title": "mine" })).collect();
            let made = self.post("/api/data/orders", Json::Array(records)).await;
            assert_eq!(made.status, 201, "{}", made.text);
        }
    }

    /// The titles of all orders by id, trashed ones included.
    pub(crate) async fn titles(&self) -> Vec<(String, String)> {
        let answer = self.get("/api/data/orders?trashed=include&order=id&select=id,title").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        answer.records().iter().map(|record| (text(&record["id"]), text(&record["title"]))).collect()
    }
}

/// Whether a run will not change any more.
fn is_ended(run: &Json) -> bool {
    ["completed", "failed", "cancelled"].contains(&run["status"].as_str().unwrap_or_default())
}

impl Answer {
    async fn of(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await.unwrap().to_vec();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let body = serde_json::from_str(&text).unwrap_or_default();
        Self { status, headers, bytes, text, body }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn code(&self) -> &str {
        self.body["error_code"].as_str().unwrap_or_default()
    }

    pub(crate) fn message(&self) -> &str {
        self.body["error"].as_str().unwrap_or_default()
    }

    pub(crate) fn data(&self) -> &Json {
        &self.body["data"]
    }

    pub(crate) fn records(&self) -> &[Json] {
        self.body["data"].as_array().expect("the answer is a list")
    }

    /// The ids of a list, in its order.
    pub(crate) fn ids(&self) -> Vec<&str> {
        self.records().iter().map(|record| record["id"].as_str().unwrap()).collect()
    }

    /// Checks status and error code, and that the failure has its envelope.
    pub(crate) fn refused(&self, status: u16, code: &str) -> &Self {
        assert_eq!((self.status, self.code()), (status, code), "{}", self.text);
        assert_eq!(self.body["success"], json!(false));
        assert!(!self.message().is_empty());
        self
    }
}
