//! What each route is asked, and what the right key gets. Their order matters: things are made
//! before they are asked for, and ended last.

use super::things::Things;

/// One request.
pub(super) struct Row {
    pub(super) method: &'static str,
    /// As the table of routes has it.
    pub(super) path: &'static str,
    query: &'static str,
    pub(super) sends: Sends,
    pub(super) control: Control,
    /// What the parts of this path are, where their names alone do not say it.
    means: &'static [(&'static str, &'static str)],
    /// What is kept of the answer: where it is, and under which name.
    pub(super) keeps: &'static [(&'static str, &'static str)],
}

/// What is sent, with the words for things still in it.
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    pub(super) target: String,
    pub(super) sends: Sends,
}

/// The body of a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sends {
    Nothing,
    Json(&'static str),
    /// A form with one file.
    File(&'static str),
    /// A form with a path and a file.
    Files {
        path: &'static str,
        content: &'static str,
    },
    /// Nothing but the wish for a WebSocket.
    Socket,
}

/// How the right key's answer differs from the wrong one's.
#[derive(Clone, Copy, Debug)]
pub(super) enum Control {
    /// The right one gets this, the wrong one the 404 of things that are nowhere.
    Hidden(u16),
    /// The right one gets a 404 that says what its thing lacks, the wrong one that of things that
    /// are nowhere.
    Lacking,
    /// Both get this, and each is told of its own things alone.
    Own(u16),
    /// Each can make a thing of this name, and the second time it is taken.
    Name { status: u16, taken: u16 },
    /// Each makes a thing of its own, for the rows that follow.
    Prepare(u16),
    /// What it tells is nobody's; the reason.
    Nobodys(u16, &'static str),
}

use Control::{Hidden, Lacking, Name, Nobodys, Own, Prepare};
use Sends::{File, Files, Json, Nothing, Socket};

const fn row(method: &'static str, path: &'static str, sends: Sends, control: Control) -> Row {
    Row { method, path, query: "", sends, control, means: &[], keeps: &[] }
}

impl Row {
    const fn query(mut self, query: &'static str) -> Self {
        self.query = query;
        self
    }

    const fn means(mut self, means: &'static [(&'static str, &'static str)]) -> Self {
        self.means = means;
        self
    }

    const fn keeps(mut self, keeps: &'static [(&'static str, &'static str)]) -> Self {
        self.keeps = keeps;
        self
    }

    /// The request's target, with the words for things still in it.
    pub(super) fn target(&self) -> String {
        let mut target = self.path.to_owned();
        for (part, thing) in self.means {
            target = target.replace(&format!("{{{part}}}"), thing);
        }
        match self.query {
            "" => target,
            query => format!("{target}?{query}"),
        }
    }

    /// What is sent.
    pub(super) fn request(&self) -> Request<'static> {
        Request { method: self.method, target: self.target(), sends: self.sends }
    }

    /// Whether it names a thing within a sandbox.
    pub(super) fn has_inner_thing(&self) -> bool {
        let (in_sandbox, inner) = match self.path.split_once("}/") {
            Some((base, rest)) => (base.contains("/{sandboxId"), rest),
            None => (false, ""),
        };
        in_sandbox && ["{sessionId}", "{commandId}", "{id}"].iter().any(|part| inner.contains(part))
    }
}

const BOUNDARY: &str = "walk-7b1d";

impl Sends {
    /// Whether it is what the page of a browser can send as well.
    pub(super) fn is_form(self) -> bool {
        matches!(self, Self::File(_) | Self::Files { .. })
    }

    /// The content type and the body.
    pub(super) fn body(self, things: &Things) -> (String, String) {
        let form = format!("multipart/form-data; boundary={BOUNDARY}");
        let file = |name: &str, content: &str| {
            let content = things.fill(content);
            format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"; \
                 filename=\"a.txt\"\r\n\r\n{content}\r\n--{BOUNDARY}--\r\n"
            )
        };
        match self {
            Self::Nothing | Self::Socket => ("application/json".to_owned(), String::new()),
            Self::Json(text) => ("application/json".to_owned(), things.fill(text)),
            Self::File(content) => (form, file("file", content)),
            Self::Files { path, content } => {
                let path = things.fill(path);
                let part = format!(
                    "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"files[0].path\"\
                     \r\n\r\n{path}\r\n"
                );
                (form, part + &file("files[0].file", content))
            }
        }
    }
}

const SESSION: &[(&str, &str)] = &[("sessionId", "{mark}-session")];
const TERMINAL: &[(&str, &str)] = &[("sessionId", "{mark}-terminal")];
const CONTEXT: &[(&str, &str)] = &[("id", "{contextId}")];
const KEY: &[(&str, &str)] = &[("name", "{mark}-key")];

/// Every row.
#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    // Sandboxes, and what is told of them.
    row("POST", "/api/sandbox", Json(r#"{"name":"{mark}-box","labels":{"of":"{mark}-label"},"env":{"HINT":"{mark}-value"}}"#), Prepare(200))
        .keeps(&[("/id", "sandboxId"), ("/id", "sandboxIdOrName")]),
    row("POST", "/api/sandbox", Json(r#"{"name":"taken"}"#), Name { status: 200, taken: 409 }),
    row("GET", "/api/sandbox", Nothing, Own(200)),
    row("GET", "/api/sandbox", Nothing, Own(200)).query("name={mark}-box&limit=200"),
    row("GET", "/api/sandbox", Nothing, Own(200)).query("id={sandboxId}"),
    row("GET", "/api/sandbox", Nothing, Own(200)).query("labels=%7B%22of%22%3A%22{mark}-label%22%7D"),
    row("GET", "/api/sandbox/paginated", Nothing, Own(200)),
    row("GET", "/api/sandbox/{sandboxIdOrName}", Nothing, Hidden(200)),
    row("GET", "/api/sandbox/{sandboxId}/toolbox-proxy-url", Nothing, Hidden(200)),
    row("GET", "/api/sandbox/{sandboxId}/organization", Nothing, Hidden(200)),
    row("GET", "/api/sandbox/{sandboxId}/region-quota", Nothing, Hidden(200)),
    row("GET", "/api/sandbox/for-runner", Nothing, Nobodys(403, "there are no runners")),
    row("PUT", "/api/sandbox/{sandboxId}/state", Json(r#"{"state":"started"}"#), Nobodys(403, "there are no runners")),
    row("PUT", "/api/sandbox/{sandboxIdOrName}/labels", Json(r#"{"labels":{"of":"{mark}-label"}}"#), Hidden(200)),
    row("POST", "/api/sandbox/{sandboxIdOrName}/autostop/{interval}", Nothing, Hidden(200)),
    row("POST", "/api/sandbox/{sandboxIdOrName}/autopause/{interval}", Nothing, Hidden(200)).means(&[("interval", "0")]),
    row("POST", "/api/sandbox/{sandboxIdOrName}/autoarchive/{interval}", Nothing, Hidden(200)),
    row("POST", "/api/sandbox/{sandboxIdOrName}/autodelete/{interval}", Nothing, Hidden(200)),
    row("POST", "/api/sandbox/{sandboxIdOrName}/ttl/{ttlMinutes}", Nothing, Hidden(200)),
    row("POST", "/api/sandbox/{sandboxIdOrName}/public/{isPublic}", Nothing, Hidden(200)),
    row("POST", "/api/sandbox/{sandboxIdOrName}/network-settings", Json(r#"{"networkBlockAll":true}"#), Hidden(200)),
    row("POST", "/api/sandbox/{sandboxId}/last-activity", Nothing, Hidden(201)),
    row("GET", "/api/sandbox/{sandboxIdOrName}/ports/{port}/preview-url", Nothing, Hidden(200)),
    row("GET", "/api/sandbox/{sandboxIdOrName}/ports/{port}/signed-preview-url", Nothing, Hidden(200)),
    row("POST", "/api/sandbox/{sandboxIdOrName}/ports/{port}/signed-preview-url/{token}/expire", Nothing, Hidden(200)),
    row("GET", "/api/sandbox/{sandboxId}/signing-key", Nothing, Hidden(200)),
    row("POST", "/api/sandbox/{sandboxId}/signing-key/rotate", Nothing, Hidden(200)),
    row("POST", "/api/sandbox/{sandboxIdOrName}/ssh-access", Nothing, Hidden(200)),
    row("GET", "/api/sandbox/ssh-access/validate", Nothing, Nobodys(200, "it is of nobody")).query("token=nothing"),
    row("DELETE", "/api/sandbox/{sandboxIdOrName}/ssh-access", Nothing, Hidden(200)),
    row("GET", "/api/sandbox/{sandboxIdOrName}/forks", Nothing, Hidden(200)),
    row("GET", "/api/sandbox/{sandboxIdOrName}/parent", Nothing, Lacking),
    row("GET", "/api/sandbox/{sandboxIdOrName}/ancestors", Nothing, Hidden(200)),
    row("GET", "/api/sandbox/{sandboxIdOrName}/build-logs", Nothing, Lacking),
    row("GET", "/api/sandbox/{sandboxIdOrName}/build-logs-url", Nothing, Lacking),

    // Who somebody is, and keys.
    row("GET", "/api/config", Nothing, Nobodys(200, "it tells of the server alone")),
    row("GET", "/api/socket.io/", Socket, Nobodys(101, "it tells what the key of the first packet may see")).query("EIO=4&transport=websocket"),
    row("GET", "/api/health/ready", Nothing, Nobodys(200, "it tells of the server alone")),
    row("GET", "/api/regions", Nothing, Nobodys(200, "the machine is the one region")),
    row("GET", "/api/regions/{id}", Nothing, Nobodys(200, "the machine is the one region")).means(&[("id", "local")]),
    row("GET", "/api/shared-regions", Nothing, Nobodys(200, "the machine is the one region")),
    row("GET", "/api/snapshots", Nothing, Nobodys(200, "images are the machine's")),
    row("GET", "/api/snapshots/{id}", Nothing, Nobodys(200, "images are the machine's")).means(&[("id", "host")]),
    row("GET", "/api/users/me", Nothing, Own(200)),
    row("GET", "/api/organizations", Nothing, Own(200)),
    row("GET", "/api/organizations/{organizationId}", Nothing, Hidden(200)),
    row("GET", "/api/organizations/{organizationId}/usage", Nothing, Hidden(200)),
    row("GET", "/api/organizations/{organizationId}/roles", Nothing, Hidden(200)),
    row("GET", "/api/organizations/{organizationId}/users", Nothing, Hidden(200)),
    row("GET", "/api/audit/organizations/{organizationId}", Nothing, Hidden(200)),
    row("POST", "/api/api-keys", Json(r#"{"name":"taken","permissions":["write:sandboxes"]}"#), Name { status: 201, taken: 409 }),
    row("POST", "/api/api-keys", Json(r#"{"name":"{mark}-first","permissions":[]}"#), Prepare(201)),
    row("POST", "/api/api-keys", Json(r#"{"name":"{mark}-second","permissions":[]}"#), Prepare(201)),
    row("GET", "/api/api-keys", Nothing, Own(200)),
    row("GET", "/api/api-keys/current", Nothing, Own(200)),
    row("GET", "/api/api-keys/{name}", Nothing, Hidden(200)).means(KEY),
    row("DELETE", "/api/api-keys/{name}", Nothing, Hidden(204)).means(&[("name", "{mark}-first")]),
    row("DELETE", "/api/api-keys/{userId}/{name}", Nothing, Hidden(204)).means(&[("userId", "{organizationId}"), ("name", "{mark}-second")]),

    // Volumes and secrets.
    row("POST", "/api/volumes", Json(r#"{"name":"taken"}"#), Name { status: 200, taken: 409 }),
    row("POST", "/api/volumes", Json(r#"{"name":"{mark}-volume"}"#), Prepare(200)).keeps(&[("/id", "volumeId")]),
    row("GET", "/api/volumes", Nothing, Own(200)),
    row("GET", "/api/volumes/{volumeId}", Nothing, Hidden(200)),
    row("GET", "/api/volumes/by-name/{name}", Nothing, Hidden(200)).means(&[("name", "{mark}-volume")]),
    row("DELETE", "/api/volumes/{volumeId}", Nothing, Hidden(200)),
    row("POST", "/api/secret", Json(r#"{"name":"taken","value":"not for anybody","hosts":["a.example"]}"#), Name { status: 201, taken: 409 }),
    row("POST", "/api/secret", Json(r#"{"name":"{mark}_secret","value":"not for anybody","hosts":["a.example"]}"#), Prepare(201)).keeps(&[("/id", "secretId")]),
    row("GET", "/api/secret", Nothing, Own(200)),
    row("GET", "/api/secret/paginated", Nothing, Own(200)),
    row("GET", "/api/secret/{secretId}", Nothing, Hidden(200)),
    row("PATCH", "/api/secret/{secretId}", Json(r#"{"description":"{mark}-said"}"#), Hidden(200)),
    row("GET", "/api/sandbox/{sandboxId}/secrets", Nothing, Hidden(200)),
    row("PUT", "/api/sandbox/{sandboxIdOrName}/secrets", Json(r#"{"secrets":[]}"#), Hidden(200)),
    row("DELETE", "/api/secret/{secretId}", Nothing, Hidden(204)),

    // Where processes live.
    row("GET", "/toolbox/{sandboxId}/user-home-dir", Nothing, Hidden(200)),
    row("GET", "/toolbox/{sandboxId}/work-dir", Nothing, Hidden(200)),
    row("GET", "/toolbox/{sandboxId}/project-dir", Nothing, Hidden(200)),
    row("GET", "/toolbox/{sandboxId}/version", Nothing, Hidden(200)),
    row("POST", "/toolbox/{sandboxId}/env", Json(r#"{"set":{"MORE":"{mark}-value"}}"#), Hidden(200)),
    row("GET", "/toolbox/{sandboxId}/port", Nothing, Hidden(200)),
    row("GET", "/toolbox/{sandboxId}/port/{port}/in-use", Nothing, Hidden(200)),
    row("GET", "/toolbox/{sandboxId}/system/metrics", Nothing, Hidden(200)),

    // Commands and sessions.
    row("POST", "/toolbox/{sandboxId}/process/execute", Json(r#"{"command":"mkdir -p repository; echo {mark}-said > repository/a.txt"}"#), Hidden(200)),
    row("POST", "/toolbox/{sandboxId}/process/code-run", Json(r#"{"code":"print('{mark}-said')","language":"python"}"#), Hidden(200)),
    row("POST", "/toolbox/{sandboxId}/process/session", Json(r#"{"sessionId":"{mark}-session"}"#), Hidden(201)),
    row("POST", "/toolbox/{sandboxId}/process/session", Json(r#"{"sessionId":"{mark}-held"}"#), Prepare(201)),
    row("POST", "/toolbox/{sandboxId}/process/session/{sessionId}/exec", Json(r#"{"command":"echo {mark}-said"}"#), Hidden(200)).means(SESSION),
    row("POST", "/toolbox/{sandboxId}/process/session/{sessionId}/exec", Json(r#"{"command":"cat","runAsync":true}"#), Prepare(202)).means(HELD)
        .keeps(&[("/cmdId", "commandId")]),
    row("GET", "/toolbox/{sandboxId}/process/session", Nothing, Hidden(200)),
    row("GET", "/toolbox/{sandboxId}/process/session/{sessionId}", Nothing, Hidden(200)).means(SESSION),
    row("GET", "/toolbox/{sandboxId}/process/session/{sessionId}/command/{commandId}", Nothing, Hidden(200)).means(HELD),
    row("POST", "/toolbox/{sandboxId}/process/session/{sessionId}/command/{commandId}/input", Json(r#"{"data":"{mark}-said\n"}"#), Hidden(204)).means(HELD),
    row("GET", "/toolbox/{sandboxId}/process/session/{sessionId}/command/{commandId}/logs", Nothing, Hidden(200)).means(HELD),
    row("GET", "/toolbox/{sandboxId}/process/session/entrypoint", Nothing, Hidden(200)),
    row("GET", "/toolbox/{sandboxId}/process/session/entrypoint/logs", Nothing, Hidden(200)),
    row("DELETE", "/toolbox/{sandboxId}/process/session/{sessionId}", Nothing, Hidden(204)).means(SESSION),

    // Terminals and interpreters.
    row("POST", "/toolbox/{sandboxId}/process/pty", Json(r#"{"id":"{mark}-terminal","cols":80,"rows":24}"#), Hidden(201)),
    row("GET", "/toolbox/{sandboxId}/process/pty", Nothing, Hidden(200)),
    row("GET", "/toolbox/{sandboxId}/process/pty/{sessionId}", Nothing, Hidden(200)).means(TERMINAL),
    row("POST", "/toolbox/{sandboxId}/process/pty/{sessionId}/resize", Json(r#"{"cols":100,"rows":30}"#), Hidden(200)).means(TERMINAL),
    row("GET", "/toolbox/{sandboxId}/process/pty/{sessionId}/connect", Socket, Hidden(101)).means(TERMINAL),
    row("GET", "/toolbox/{sandboxId}/process/pty/create-connect", Socket, Hidden(101)).query("id={mark}-second&cols=80&rows=24"),
    row("DELETE", "/toolbox/{sandboxId}/process/pty/{sessionId}", Nothing, Hidden(200)).means(TERMINAL),
    row("POST", "/toolbox/{sandboxId}/process/interpreter/context", Json("{}"), Prepare(200)).keeps(&[("/id", "contextId")]),
    row("POST", "/toolbox/{sandboxId}/process/interpreter/context", Json("{}"), Hidden(200)),
    row("GET", "/toolbox/{sandboxId}/process/interpreter/context", Nothing, Hidden(200)),
    row("GET", "/toolbox/{sandboxId}/process/interpreter/execute", Socket, Hidden(101)),
    row("DELETE", "/toolbox/{sandboxId}/process/interpreter/context/{id}", Nothing, Hidden(200)).means(CONTEXT),

    // Files.
    row("POST", "/toolbox/{sandboxId}/files/folder", Nothing, Hidden(201)).query("path={mark}-folder&mode=755"),
    row("POST", "/toolbox/{sandboxId}/files/bulk-upload", Files { path: "{mark}-folder/a.txt", content: "{mark}-content\n" }, Hidden(200)),
    row("POST", "/toolbox/{sandboxId}/files/upload", File("{mark}-content\n"), Hidden(200)).query("path={mark}-folder/b.txt"),
    row("POST", "/toolbox/{sandboxId}/files/upload-v2", File("{mark}-content\n"), Hidden(200)).query("path={mark}-folder/c.txt"),
    row("GET", "/toolbox/{sandboxId}/files", Nothing, Hidden(200)).query("path={mark}-folder&depth=1"),
    row("GET", "/toolbox/{sandboxId}/files/info", Nothing, Hidden(200)).query("path={mark}-folder/a.txt"),
    row("GET", "/toolbox/{sandboxId}/files/download", Nothing, Hidden(200)).query("path={mark}-folder/a.txt"),
    row("POST", "/toolbox/{sandboxId}/files/bulk-download", Json(r#"{"paths":["{mark}-folder/a.txt"]}"#), Hidden(200)),
    row("GET", "/toolbox/{sandboxId}/files/find", Nothing, Hidden(200)).query("path={mark}-folder&pattern=content"),
    row("GET", "/toolbox/{sandboxId}/files/search", Nothing, Hidden(200)).query("path={mark}-folder&pattern=*.txt"),
    row("POST", "/toolbox/{sandboxId}/files/replace", Json(r#"{"files":["{mark}-folder/a.txt"],"pattern":"content","newValue":"new"}"#), Hidden(200)),
    row("POST", "/toolbox/{sandboxId}/files/permissions", Nothing, Hidden(200)).query("path={mark}-folder/a.txt&mode=600"),
    row("POST", "/toolbox/{sandboxId}/files/move", Nothing, Hidden(200)).query("source={mark}-folder/a.txt&destination={mark}-folder/d.txt"),
    row("DELETE", "/toolbox/{sandboxId}/files", Nothing, Hidden(204)).query("path={mark}-folder&recursive=true"),

    // Repositories.
    row("POST", "/toolbox/{sandboxId}/git/init", Json(r#"{"path":"repository","initial_branch":"main"}"#), Hidden(201)),
    row("POST", "/toolbox/{sandboxId}/git/init", Json(r#"{"path":"bare","bare":true,"initial_branch":"main"}"#), Hidden(201)),
    row("POST", "/toolbox/{sandboxId}/git/config/user", Json(r#"{"name":"{mark}-author","email":"a@example.com"}"#), Hidden(200)),
    row("POST", "/toolbox/{sandboxId}/git/config", Json(r#"{"key":"walk.of","value":"{mark}-value"}"#), Hidden(200)),
    row("GET", "/toolbox/{sandboxId}/git/config", Nothing, Hidden(200)).query("key=walk.of"),
    row("POST", "/toolbox/{sandboxId}/git/credentials", Json(r#"{"username":"a","password":"{mark}-password","host":"git.example"}"#), Hidden(200)),
    row("POST", "/toolbox/{sandboxId}/git/add", Json(r#"{"path":"repository","files":["a.txt"]}"#), Hidden(200)),
    row("POST", "/toolbox/{sandboxId}/git/commit", Json(r#"{"path":"repository","message":"{mark}-message","author":"a","email":"a@example.com"}"#), Hidden(200)),
    row("GET", "/toolbox/{sandboxId}/git/status", Nothing, Hidden(200)).query("path=repository"),
    row("GET", "/toolbox/{sandboxId}/git/history", Nothing, Hidden(200)).query("path=repository"),
    row("GET", "/toolbox/{sandboxId}/git/branches", Nothing, Hidden(200)).query("path=repository"),
    row("POST", "/toolbox/{sandboxId}/git/branches", Json(r#"{"path":"repository","name":"side"}"#), Hidden(201)),
    row("POST", "/toolbox/{sandboxId}/git/checkout", Json(r#"{"path":"repository","branch":"main"}"#), Hidden(200)),
    row("DELETE", "/toolbox/{sandboxId}/git/branches", Json(r#"{"path":"repository","name":"side"}"#), Hidden(204)),
    row("POST", "/toolbox/{sandboxId}/git/remotes", Json(r#"{"path":"repository","name":"origin","url":"../bare"}"#), Hidden(201)),
    row("GET", "/toolbox/{sandboxId}/git/remotes", Nothing, Hidden(200)).query("path=repository"),
    row("POST", "/toolbox/{sandboxId}/git/push", Json(r#"{"path":"repository","remote":"origin","branch":"main","set_upstream":true}"#), Hidden(200)),
    row("POST", "/toolbox/{sandboxId}/git/pull", Json(r#"{"path":"repository","remote":"origin","branch":"main"}"#), Hidden(200)),
    row("POST", "/toolbox/{sandboxId}/git/clone", Json(r#"{"path":"copy","url":"/workspace/bare"}"#), Hidden(200)),
    row("POST", "/toolbox/{sandboxId}/git/reset", Json(r#"{"path":"repository","mode":"hard"}"#), Hidden(200)),
    row("POST", "/toolbox/{sandboxId}/git/restore", Json(r#"{"path":"repository","files":["a.txt"]}"#), Hidden(200)),

    // Language servers; the image has none, of which the right key is told.
    row("POST", "/toolbox/{sandboxId}/lsp/did-open", Json(DOCUMENT), Hidden(400)),
    row("POST", "/toolbox/{sandboxId}/lsp/did-close", Json(DOCUMENT), Hidden(400)),
    row("POST", "/toolbox/{sandboxId}/lsp/completions", Json(r#"{"languageId":"python","pathToProject":"repository","uri":"a.py","position":{"line":0,"character":0}}"#), Hidden(400)),
    row("GET", "/toolbox/{sandboxId}/lsp/document-symbols", Nothing, Hidden(400)).query("languageId=python&pathToProject=repository&uri=a.py"),
    row("GET", "/toolbox/{sandboxId}/lsp/workspacesymbols", Nothing, Hidden(400)).query("languageId=python&pathToProject=repository&query=a"),
    row("POST", "/toolbox/{sandboxId}/lsp/stop", Json(r#"{"languageId":"python","pathToProject":"repository"}"#), Hidden(400)),
    row("POST", "/toolbox/{sandboxId}/lsp/start", Json(r#"{"languageId":"go","pathToProject":"repository"}"#), Hidden(400)),

    // What ends or changes the sandbox.
    row("POST", "/api/sandbox/{sandboxIdOrName}/pause", Nothing, Hidden(200)),
    row("POST", "/api/sandbox/{sandboxIdOrName}/start", Nothing, Hidden(200)),
    row("POST", "/api/sandbox/{sandboxIdOrName}/stop", Nothing, Hidden(200)),
    row("POST", "/api/sandbox/{sandboxIdOrName}/resize", Json(r#"{"cpu":2}"#), Hidden(200)),
    row("POST", "/api/sandbox/{sandboxIdOrName}/archive", Nothing, Hidden(200)),
    row("POST", "/api/sandbox/{sandboxIdOrName}/recover", Nothing, Hidden(400)),
    row("DELETE", "/api/sandbox/{sandboxIdOrName}", Nothing, Hidden(200)),
];

const DOCUMENT: &str = r#"{"languageId":"python","pathToProject":"repository","uri":"a.py"}"#;
const HELD: &[(&str, &str)] = &[("sessionId", "{mark}-held")];
