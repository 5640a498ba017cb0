//! Files and facts of the host's that the image does not have.

use std::path::Path;

use anyhow::Result;

use crate::attacks::{Attack, Outcome, Stage};

pub(crate) const ATTACKS: &[Attack] = &[
    Attack::around("cannot_read_below_usr_local", "hidden_usr", |stage| {
        read(stage, &stage.host.local.join("canary"))
    }),
    Attack::around("cannot_list_a_folder_below_usr_local", "hidden_usr", |stage| {
        list(stage, &stage.host.local)
    }),
    Attack::around("cannot_read_a_private_file_of_the_host", "hidden_usr", |stage| {
        read(stage, &stage.host.private)
    }),
    Attack::around("cannot_list_a_closed_folder_of_the_host", "hidden_usr", |stage| {
        list(stage, &stage.host.closed)
    }),
    Attack::around("cannot_copy_up_a_private_file_of_the_host", "hidden_usr", |stage| {
        let code = "
os.chmod(os.environ['PLACE'], 0o644)
verdict('canary' in open(os.environ['PLACE']).read())";
        at(stage, &stage.host.private, code)
    }),
    Attack::around("cannot_learn_the_name_of_the_host", "uts_namespace", |stage| {
        let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        stage.run(&["-e", &format!("NAME={name}")], "verdict(os.uname()[1] == os.environ['NAME'])")
    }),
];

fn at(stage: &Stage, place: &Path, code: &str) -> Result<Outcome> {
    stage.run(&["-e", &format!("PLACE={}", place.display())], code)
}

fn read(stage: &Stage, file: &Path) -> Result<Outcome> {
    at(stage, file, "verdict('canary' in open(os.environ['PLACE']).read())")
}

fn list(stage: &Stage, folder: &Path) -> Result<Outcome> {
    at(stage, folder, "verdict('canary' in os.listdir(os.environ['PLACE']))")
}
