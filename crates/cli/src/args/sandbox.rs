//! Options that say what a sandbox shall be; `run` and `create` share them.

use std::path::PathBuf;

use clap::Args;
use infield_domain::Result;
use infield_rest::wire::{CreateSandbox, NetworkLimits, ResourceWishes, VolumeMount};

use super::value;

/// What a sandbox shall be.
#[derive(Debug, Args)]
#[command(next_help_heading = "Sandbox")]
pub(crate) struct SandboxOptions {
    /// The root file system: `host`, or the name of an imported image
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// Memory at most, such as `512m` or `2g`
    #[arg(short, long, value_name = "SIZE", value_parser = value::size_bytes)]
    memory: Option<u64>,
    /// Processors at most, such as `0.5`
    #[arg(long, value_name = "NUMBER", value_parser = value::cpu_millis)]
    cpus: Option<u32>,
    /// Processes and threads at most
    #[arg(long, alias = "pids", value_name = "NUMBER")]
    pids_limit: Option<u32>,
    /// Bytes of written files at most
    #[arg(long, value_name = "SIZE", value_parser = value::size_bytes)]
    disk: Option<u64>,
    /// Number of written files at most
    #[arg(long, value_name = "NUMBER")]
    inodes: Option<u64>,
    /// Open files of each process at most
    #[arg(long, value_name = "NUMBER")]
    open_files: Option<u32>,
    /// What it may reach: `none`, `limited` (package registries and public git hosts) or `public`
    #[arg(long, alias = "net", value_name = "NETWORK")]
    network: Option<String>,
    /// What it may reach besides, such as `example.org:80,443`, `*.example.org` or `10.1.2.3:5432`;
    /// can be repeated
    #[arg(long, value_name = "TARGET")]
    allow: Vec<String>,
    /// What it may not reach in any case
    #[arg(long, value_name = "TARGET")]
    deny: Vec<String>,
    /// A named network of yours that it is in: its members reach each other by name; can be repeated
    #[arg(long, value_name = "NAME")]
    join: Vec<String>,
    /// A secret that it can use, in the variable of its name or in another one; can be repeated
    #[arg(long, value_name = "NAME[=VARIABLE]")]
    secret: Vec<String>,
    /// A volume of yours that it has, at this path, all of it or a folder of it; can be repeated
    #[arg(long, value_name = "VOLUME:/PATH[:FOLDER]", value_parser = value::volume)]
    volume: Vec<VolumeMount>,
    /// Bytes a second at most that its network carries, both ways together, such as `2m`
    #[arg(long, value_name = "SIZE", value_parser = value::size_bytes)]
    net_bandwidth: Option<u64>,
    /// Connections out of it at once
    #[arg(long, value_name = "NUMBER")]
    net_connections: Option<u32>,
    /// Bytes at most that its network carries in all, such as `10g`
    #[arg(long, value_name = "SIZE", value_parser = value::size_bytes)]
    net_total: Option<u64>,
    /// The user inside that programs run as
    #[arg(short, long, value_name = "USER")]
    user: Option<String>,
    /// Refuse to start unless this limit or wall is enforced, such as `memory` or `seccomp`
    #[arg(long, value_name = "CONTROL", value_delimiter = ',')]
    require: Vec<String>,
}

impl SandboxOptions {
    /// The request for such a sandbox.
    pub(crate) fn into_request(self) -> CreateSandbox {
        CreateSandbox {
            image: self.image,
            user: self.user,
            network: self.network,
            allow: self.allow,
            deny: self.deny,
            join: self.join,
            secrets: self.secret,
            volumes: self.volume,
            network_limits: NetworkLimits {
                connections: self.net_connections,
                bytes_per_second: self.net_bandwidth,
                total_bytes: self.net_total,
            },
            require: self.require,
            resources: ResourceWishes {
                memory_bytes: self.memory,
                cpu_millis: self.cpus,
                pids: self.pids_limit,
                disk_bytes: self.disk,
                inodes: self.inodes,
                open_files: self.open_files,
            },
            ..CreateSandbox::default()
        }
    }
}

/// Variables of a program.
#[derive(Debug, Args)]
pub(crate) struct EnvironmentOptions {
    /// A variable; without a value, yours is passed on
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// A file with variables, one on a line
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
}

impl EnvironmentOptions {
    /// The variables, read and checked.
    pub(crate) fn read(&self) -> Result<std::collections::BTreeMap<String, String>> {
        value::environment(&self.env, &self.env_file)
    }
}
