use super::*;

const LIMITS: Limits = Limits {
    memory_bytes: 1 << 30,
    cpu_millis: 1_000,
    pids: 256,
    disk_bytes: 2 << 30,
    inodes: 100_000,
    open_files: 1_024,
};

fn shape(image: ImageShape, layer: LayerShape, ids: IdShape) -> Shape<'static> {
    Shape { image, layer, limits: &LIMITS, ids, volumes: &[] }
}

fn check(name: &str, shape: &Shape<'_>) {
    let namespaces = namespaces(shape.ids, &Without::nothing());
    let mut text = format!("namespaces {namespaces:#x}\n");
    for step in plan(shape, &Without::nothing()) {
        text += &format!("{step}\n");
    }
    insta::assert_snapshot!(name, text);
}

#[test]
fn the_plans_are_as_reviewed() {
    check("host_memory", &shape(ImageShape::Host, LayerShape::NewMemory, IdShape::Range));
    check("imported_disk", &shape(ImageShape::Imported, LayerShape::NewDisk, IdShape::Range));
    check("imported_old_disk", &shape(ImageShape::Imported, LayerShape::OldDisk, IdShape::Range));
    let volumes = [Mount {
        volume: "vol-1".to_owned(),
        path: "home/data".to_owned(),
        subpath: "sets".to_owned(),
    }];
    let with_volume = Shape {
        volumes: &volumes,
        ..shape(ImageShape::Host, LayerShape::NewMemory, IdShape::Range)
    };
    check("host_volume", &with_volume);
    check("host_saved_single", &shape(ImageShape::Host, LayerShape::SavedMemory, IdShape::Single));
}

#[test]
fn the_walls_stand_in_the_order_that_the_kernel_needs() {
    let steps =
        plan(&shape(ImageShape::Host, LayerShape::NewMemory, IdShape::Range), &Without::nothing());
    let place = |wanted: &Action| {
        steps.iter().position(|step| step.action == *wanted).expect("the plan has it")
    };
    let order = [
        Action::EnterAgentGroups,
        Action::OwnCgroupNamespace,
        Action::EnterRoot,
        Action::NoNewPrivileges,
        Action::BoundingSet,
        Action::Landlock,
        Action::Hostname,
        Action::Seccomp,
        Action::Capabilities,
        Action::CloseDescriptors,
    ];
    assert!(order.windows(2).all(|pair| place(&pair[0]) < place(&pair[1])));
}

#[test]
fn every_step_has_a_reason() {
    for layer in [LayerShape::NewMemory, LayerShape::SavedMemory, LayerShape::NewDisk] {
        for step in plan(&shape(ImageShape::Host, layer, IdShape::Single), &Without::nothing()) {
            assert!(!step.reason.is_empty(), "{step}");
        }
    }
}
