//! The public contract of Daytona: what its SDKs send, and what they read out of an answer.
//!
//! Shapes alone, in the contract's own words; what they mean to infield is the door's business.
//! What users install is newer than the published specifications in `openapi/`, so a shape is the
//! union of both: fields that are not known are ignored, and none that any SDK requires is left
//! out.

mod error;
pub use error::{ErrorBody, Source};

mod process;
pub use process::{
    Artifacts, Chart, CodeRunRequest, CreateSessionRequest, ExecuteRequest, ExecuteResponse,
    Folder, Session, SessionCommand, SessionExecuteRequest, SessionExecuteResponse,
    SessionInputRequest, SessionLogs, UpdateEnvRequest,
};

mod sandbox;
pub use sandbox::{
    BuildWish, CreateSandbox, NetworkSettings, ResizeSandbox, Sandbox, SandboxLabels, SandboxPage,
    SandboxVolume, ToolboxProxyUrl,
};

mod ssh;
pub use ssh::{SshAccess, SshAccessValidation};

mod files;
pub use files::{
    FileError, FileFacts, FilesDownloadRequest, FoundFiles, Match, ReplaceRequest, ReplaceResult,
    UploadedFile,
};

mod git;
pub use git::{
    FileStatus, GitAddRemoteRequest, GitAddRequest, GitAuthenticateRequest, GitBranchRequest,
    GitCheckoutRequest, GitCloneRequest, GitCommitRequest, GitCommitResponse, GitConfigResponse,
    GitConfigureUserRequest, GitHistoryCommit, GitInitRequest, GitPullRequest, GitPushRequest,
    GitRemote, GitResetRequest, GitRestoreRequest, GitSetConfigRequest, GitStatus,
    ListBranchResponse, ListRemotesResponse,
};

mod interpreter;
pub use interpreter::{
    CreateContextRequest, InterpreterContext, InterpreterMessage, InterpreterRequest,
    ListContextsResponse,
};

mod terminal;
pub use terminal::{
    PtyControl, PtyCreateRequest, PtyCreateResponse, PtyExit, PtyListResponse, PtyResizeRequest,
    PtySession, PtyStatus,
};

mod lsp;
pub use lsp::{
    CompletionItem, CompletionList, Documentation, LspCompletionParams, LspDocumentRequest,
    LspLocation, LspPosition, LspRange, LspServerRequest, LspSymbol, LspSymbolsQuery,
};

mod system;
pub use system::{IsPortInUse, PortList, SystemMetrics};

mod page;
pub use page::NumberedPage;

mod account;
pub use account::{
    Member, Organization, Quota, Region, RegionQuota, RegionUsage, Role, Usage, User,
};

mod key;
pub use key::{ApiKey, ApiKeyMade, CreateApiKey, Scope};

mod snapshot;
pub use snapshot::Snapshot;

mod secret;
pub use secret::{
    CreateSecret, SandboxSecret, Secret, SecretPage, UpdateSandboxSecrets, UpdateSecret,
};

mod volume;
pub use volume::{CreateVolume, Volume};

mod preview;
pub use preview::{PreviewUrl, SignedPreviewUrl};

mod audit;
pub use audit::{AuditLog, AuditPage};
