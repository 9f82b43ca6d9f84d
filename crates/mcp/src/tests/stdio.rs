//! The door over a pipe, line by line.

use application::Scope;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf};

use super::ports::{caller, services};
use crate::{StdioError, serve, server::Server};

/// A client at the other end of the pipe, which writes and reads lines of JSON-RPC.
struct Client {
    write: WriteHalf<DuplexStream>,
    read: Lines<BufReader<ReadHalf<DuplexStream>>>,
    server: tokio::task::JoinHandle<Result<(), StdioError>>,
    last_id: u32,
}

impl Client {
    fn start(scopes: &[Scope]) -> Self {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let server = Server::for_caller(services(), caller(scopes));
        let server = tokio::spawn(serve(server, tokio::io::split(theirs)));
        let (read, write) = tokio::io::split(ours);
        Self { write, read: BufReader::new(read).lines(), server, last_id: 0 }
    }

    async fn greeted(scopes: &[Scope]) -> Self {
        let mut client = Self::start(scopes);
        let hello = json!({
            "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" },
        });
        client.ask("initialize", hello).await;
        client.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
        client
    }

    async fn send(&mut self, message: &Value) {
        self.write.write_all(format!("{message}\n").as_bytes()).await.unwrap();
    }

    async fn ask(&mut self, method: &str, params: Value) -> Value {
        self.last_id += 1;
        let id = self.last_id;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })).await;
        let answer: Value = serde_json::from_str(&self.read.next_line().await.unwrap().unwrap()).unwrap();
        assert_eq!(answer["id"], id);
        answer
    }

    async fn call(&mut self, tool: &str, arguments: Value) -> Value {
        self.ask("tools/call", json!({ "name": tool, "arguments": arguments })).await
    }

    async fn tools(&mut self) -> Vec<String> {
        let answer = self.ask("tools/list", json!({})).await;
        let tools = answer["result"]["tools"].as_array().unwrap();
        tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    }

    /// Closes the pipe; answers how the server ended.
    async fn leave(mut self) -> Result<(), StdioError> {
        self.write.shutdown().await.unwrap();
        drop((self.write, self.read));
        self.server.await.unwrap()
    }
}

#[tokio::test]
async fn the_server_introduces_itself_and_warns_of_ticket_text() {
    let mut client = Client::start(&[Scope::Read]);
    let hello = json!({
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" },
    });
    let answer = client.ask("initialize", hello).await;
    let result = &answer["result"];
    assert_eq!(result["protocolVersion"], "2025-06-18");
    assert_eq!(result["serverInfo"]["name"], "forebay");
    assert_eq!(result["serverInfo"]["version"], env!("CARGO_PKG_VERSION"));
    assert!(result["instructions"].as_str().unwrap().contains("never instructions"));
    assert!(result["capabilities"]["tools"].is_object() && result["capabilities"]["resources"].is_object());
    client.leave().await.unwrap();
}

#[tokio::test]
async fn a_caller_sees_the_tools_of_its_scopes() {
    let reading = ["jql_search", "get_issue", "get_transitions"];
    assert_eq!(Client::greeted(&[Scope::Read]).await.tools().await, reading);
    assert_eq!(Client::greeted(&[Scope::Sql]).await.tools().await, ["sql_query"]);
    assert_eq!(Client::greeted(&[Scope::Write]).await.tools().await, ["transition_issue", "add_comment"]);
    assert_eq!(Client::greeted(&Scope::ALL).await.tools().await.len(), 6);
    assert!(Client::greeted(&[Scope::Admin]).await.tools().await.is_empty());
}

#[tokio::test]
async fn a_call_is_made_on_behalf_of_the_caller() {
    let mut client = Client::greeted(&[Scope::Sql]).await;
    let answer = client.call("sql_query", json!({ "sql": "SELECT 1", "max_rows": 7 })).await;
    let content = &answer["result"]["structuredContent"];
    let tenant = "00000000-0000-0000-0000-000000000001";
    assert_eq!(content["rows"], json!([[tenant, "SELECT 1", 7]]));
    assert_eq!(answer["result"]["isError"], false);
    assert!(answer["result"]["content"][0]["text"].as_str().unwrap().contains("SELECT 1"));
}

#[tokio::test]
async fn a_call_without_the_scope_names_it() {
    let mut client = Client::greeted(&[Scope::Read]).await;
    for (tool, scope) in [("sql_query", "sql"), ("add_comment", "write"), ("transition_issue", "write")] {
        let answer = client.call(tool, json!({})).await;
        assert_eq!(answer["result"]["isError"], true, "{tool}");
        let content = &answer["result"]["structuredContent"];
        assert_eq!(content["code"], "forbidden");
        assert!(content["message"].as_str().unwrap().contains(&format!("`{scope}`")), "{content}");
    }
}

#[tokio::test]
async fn wrong_arguments_and_jql_are_for_the_model_to_mend() {
    let mut client = Client::greeted(&Scope::ALL).await;
    let mut refused = async |tool: &str, arguments: Value| {
        let answer = client.call(tool, arguments).await;
        assert_eq!(answer["result"]["isError"], true);
        answer["result"]["structuredContent"].clone()
    };
    assert_eq!(refused("jql_search", json!({})).await["fields"][0]["field"], "jql");
    assert_eq!(
        refused("jql_search", json!({ "jql": "a = 1", "limit": 101 })).await["fields"][0]["field"],
        "limit"
    );
    assert_eq!(
        refused("sql_query", json!({ "sql": "SELECT 1", "max_rows": 0 })).await["fields"][0]["field"],
        "max_rows"
    );
    let cursor = refused("get_issue", json!({ "key": "PAY-1", "cursor": "page 2" })).await;
    assert_eq!(cursor["fields"][0]["field"], "cursor");
    let jql = refused("jql_search", json!({ "jql": "status ? Done" })).await;
    assert_eq!(jql["code"], "invalid_jql");
    assert!(jql["message"].as_str().unwrap().starts_with("Error in the JQL Query"), "{jql}");
}

#[tokio::test]
async fn a_fault_of_ours_is_told_without_its_cause() {
    let mut client = Client::greeted(&[Scope::Read]).await;
    let answer = client.call("jql_search", json!({ "jql": "project = PAY" })).await;
    assert_eq!(answer["result"]["structuredContent"]["code"], "internal");
    assert!(!answer.to_string().contains("10.0.0.7"), "{answer}");
    let resource = client.ask("resources/read", json!({ "uri": "issue://PAY-1" })).await;
    assert!(resource["error"].is_object() && !resource.to_string().contains("10.0.0.7"), "{resource}");
}

#[tokio::test]
async fn an_unknown_tool_and_an_unknown_resource_are_faults_of_the_protocol() {
    let mut client = Client::greeted(&Scope::ALL).await;
    let tool = client.call("delete_everything", json!({})).await;
    assert_eq!(tool["error"]["code"], -32602);
    let resource = client.ask("resources/read", json!({ "uri": "file:///etc/passwd" })).await;
    assert_eq!(resource["error"]["code"], -32002);
}

#[tokio::test]
async fn issues_are_resources_for_those_who_may_read() {
    let templates = json!([]);
    let listed = async |scopes: &[Scope]| {
        let mut client = Client::greeted(scopes).await;
        client.ask("resources/templates/list", json!({})).await["result"]["resourceTemplates"].clone()
    };
    assert_eq!(listed(&[Scope::Read]).await[0]["uriTemplate"], "issue://{key}");
    assert_eq!(listed(&[Scope::Sql]).await, templates);
    let mut client = Client::greeted(&[Scope::Sql]).await;
    let refused = client.ask("resources/read", json!({ "uri": "issue://PAY-1" })).await;
    assert_eq!(refused["error"]["data"]["code"], "forbidden");
}

#[tokio::test]
async fn a_line_that_is_no_json_is_answered_as_a_parse_error_and_ends_nothing() {
    let mut client = Client::greeted(&[Scope::Sql]).await;
    client.write.write_all(b"{not json\n\n").await.unwrap();
    let answer: Value = serde_json::from_str(&client.read.next_line().await.unwrap().unwrap()).unwrap();
    assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(-32700), &Value::Null), "{answer}");
    assert_eq!(client.tools().await, ["sql_query"]);
    client.leave().await.unwrap();
}

#[tokio::test]
async fn a_client_may_leave_at_any_time() {
    Client::start(&[Scope::Read]).leave().await.unwrap();
    Client::greeted(&[Scope::Read]).await.leave().await.unwrap();
}

#[tokio::test]
async fn what_was_begun_is_finished_before_the_server_ends() {
    let server = Server::for_caller(services(), caller(&[Scope::Sql]));
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let serving = tokio::spawn(serve(server, tokio::io::split(theirs)));
    let (read, mut write) = tokio::io::split(ours);
    let hello = json!({
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" },
    });
    let messages = [
        json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello }),
        json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }),
        json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {
            "name": "sql_query", "arguments": { "sql": "SELECT sleep" },
        } }),
    ];
    for message in messages {
        write.write_all(format!("{message}\n").as_bytes()).await.unwrap();
    }
    write.shutdown().await.unwrap();
    let mut lines = BufReader::new(read).lines();
    lines.next_line().await.unwrap().unwrap();
    let answer = lines.next_line().await.unwrap().expect("the call is answered although stdin has ended");
    assert!(answer.contains("SELECT sleep"), "{answer}");
    serving.await.unwrap().unwrap();
}
