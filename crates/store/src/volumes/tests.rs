use infield_domain::Kind;
use infield_domain::isolation::Mechanism;
use infield_domain::volume::VolumeLimits;

use super::*;

fn volume(letter: u8, name: &str, owner: &str) -> Volume {
    Volume {
        id: VolumeId::from_random([letter; 16]),
        name: name.parse().expect("a name"),
        owner: owner.to_owned(),
        limits: VolumeLimits::DEFAULT,
        enforced: Mechanism::Sampled,
        created_at: 1,
        used_at: None,
    }
}

#[test]
fn a_volume_is_kept_by_one_name_of_its_owner_and_removed() {
    let mut store = Store::in_memory().expect("memory");
    let (b, a) = (volume(1, "b", "alice"), volume(2, "a", "alice"));
    store.insert_volume(&b).expect("kept");
    store.insert_volume(&a).expect("kept");
    let again = store.insert_volume(&volume(3, "a", "alice")).expect_err("the name is taken");
    assert_eq!(again.kind(), Kind::Conflict);
    store.insert_volume(&volume(4, "b", "bob")).expect("another owner's");
    let found: Vec<_> = store.volumes().expect("read").into_iter().map(|one| one.id).collect();
    assert_eq!(found, [a.id.clone(), b.id, VolumeId::from_random([4; 16])]);
    assert!(store.remove_volume(&a.id).expect("removed"));
    assert!(!store.remove_volume(&a.id).expect("looked for"));
    assert_eq!(store.volumes().expect("read").len(), 2);
}
