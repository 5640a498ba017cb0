use infield_domain::provider::Provider as _;
use infield_testkit::Operation;

use super::*;
use crate::testing::{Daemon, Fixture, fixture, named};
use crate::{CreateSandbox, ListAudit};

fn wish(name: &str) -> CreateVolume {
    CreateVolume { name: name.parse().expect("a name"), limits: VolumeLimits::DEFAULT }
}

fn with_volumes(name: &str, wishes: &[&str]) -> CreateSandbox {
    let wish = |text: &&str| text.parse().expect("a wish");
    CreateSandbox { volumes: wishes.iter().map(wish).collect(), ..named(name) }
}

async fn refused(f: &Fixture, create: CreateSandbox) -> Kind {
    f.engine.create_sandbox(&f.who, create).await.expect_err("refused").kind()
}

#[tokio::test]
async fn a_volume_is_made_found_given_and_deleted() {
    let f = fixture().await;
    let made = f.engine.create_volume(&f.who, wish("corpus")).await.expect("made");
    for reference in ["corpus", made.id.as_str()] {
        let found = f.engine.get_volume(&f.who, reference).await.expect("found");
        assert_eq!(found, made);
    }
    let by_name = f.engine.get_volume_by_name(&f.who, made.id.as_str()).await;
    assert_eq!(by_name.expect_err("an id is no name").kind(), Kind::NotFound);
    let again = f.engine.create_volume(&f.who, wish("corpus")).await.expect_err("taken");
    assert_eq!(again.kind(), Kind::Conflict);
    assert_eq!(f.provider.calls(Operation::MakeVolume), 1);
    let create = with_volumes("a", &["corpus:/data", "corpus:/other:sub"]);
    let sandbox = f.engine.create_sandbox(&f.who, create).await.expect("made");
    let mounts: Vec<_> = sandbox.spec.volumes.iter().map(|mount| &mount.volume).collect();
    assert_eq!(mounts, [&made.id, &made.id]);
    let inspection = f.engine.inspect_volume(&f.who, "corpus").await.expect("found");
    assert_eq!(inspection.sandboxes, std::slice::from_ref(&sandbox.id));
    let delete = async || f.engine.delete_volume(&f.who, "corpus").await;
    assert_eq!(delete().await.expect_err("it runs").kind(), Kind::Conflict);
    f.engine.stop_sandbox(&f.who, "a").await.expect("stopped");
    assert_eq!(delete().await.expect_err("it has it still").kind(), Kind::Conflict);
    f.engine.delete_sandbox(&f.who, "a").await.expect("deleted");
    delete().await.expect("nobody has it");
    assert_eq!(delete().await.expect_err("gone").kind(), Kind::NotFound);
    assert_eq!(f.provider.volumes().await.expect("read"), []);
    let list = ListAudit { subject: None, who: None, action: None, limit: 100, cursor: None };
    let audit = f.engine.list_audit(&f.who, list).await.expect("read");
    let count = |action| audit.items.iter().filter(|record| record.action == action).count();
    assert_eq!((count("volume.create"), count("volume.delete")), (2, 4));
}

#[tokio::test]
async fn one_owner_has_nothing_of_anothers() {
    let f = fixture().await;
    let bob = Principal { sees_all: false, ..Principal::operator("bob") };
    f.engine.create_volume(&f.who, wish("corpus")).await.expect("made");
    let error = f.engine.get_volume(&bob, "corpus").await.expect_err("another owner's");
    assert_eq!(error.kind(), Kind::NotFound);
    assert_eq!(f.engine.list_volumes(&bob).await.expect("listed"), []);
    let create = with_volumes("b", &["corpus:/data"]);
    let error = f.engine.create_sandbox(&bob, create).await.expect_err("another owner's");
    assert_eq!(error.kind(), Kind::NotFound);
    let error = f.engine.delete_volume(&bob, "corpus").await.expect_err("another owner's");
    assert_eq!(error.kind(), Kind::NotFound);
    f.engine.create_volume(&bob, wish("corpus")).await.expect("a name of his own");
    // Whoever sees everything gets his own by a name that two have.
    let own = f.engine.get_volume(&f.who, "corpus").await.expect("found");
    assert_eq!(own.owner, "alice");
}

#[tokio::test]
async fn a_sandbox_gets_no_volume_that_is_not_there_or_in_the_way() {
    let f = fixture().await;
    f.engine.create_volume(&f.who, wish("corpus")).await.expect("made");
    let create = with_volumes("a", &["none:/data"]);
    let error = f.engine.create_sandbox(&f.who, create).await.expect_err("it is not there");
    assert!(is_unknown_volume(&error), "{error}");
    let twice = with_volumes("a", &["corpus:/data", "corpus:/data/deep"]);
    assert_eq!(refused(&f, twice).await, Kind::Invalid);
    assert_eq!(f.provider.count(), 0);
}

#[tokio::test]
async fn a_volume_that_cannot_be_made_leaves_no_record() {
    let f = fixture().await;
    f.provider.fail_next(Operation::MakeVolume, Kind::Unsupported, "no idmapped mounts");
    let error = f.engine.create_volume(&f.who, wish("corpus")).await.expect_err("it failed");
    assert_eq!(error.kind(), Kind::Unsupported);
    assert_eq!(f.engine.list_volumes(&f.who).await.expect("listed"), []);
}

#[test]
fn a_folder_without_a_record_goes_at_the_next_start() {
    let home = tempfile::tempdir().expect("a folder");
    let provider = infield_testkit::FakeProvider::new();
    let who = Principal::operator("alice");
    let daemon = Daemon::start(home.path(), &provider);
    let kept = daemon.run(daemon.engine.create_volume(&who, wish("kept"))).expect("made");
    let stray = names::volume_id();
    daemon.run(provider.make_volume(&stray, &VolumeLimits::DEFAULT)).expect("made");
    daemon.kill();
    let daemon = Daemon::start(home.path(), &provider);
    assert_eq!(daemon.run(provider.volumes()).expect("read"), [kept.id]);
}
