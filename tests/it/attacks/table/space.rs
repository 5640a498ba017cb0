//! Files without end, where 16 MiB or 400 files are allowed.

use crate::attacks::Attack;

macro_rules! fill {
    ($name:literal, $code:literal) => {
        Attack::inside($name, "disk_limit", concat!($code, "\nverdict(True)"))
            .with(&["--disk=16m", "--memory=512m"])
    };
}

macro_rules! litter {
    ($name:literal, $code:literal) => {
        Attack::inside($name, "inode_limit", concat!($code, "\nverdict(True)"))
            .with(&["--inodes=400"])
    };
}

pub(crate) const ATTACKS: &[Attack] = &[
    fill!(
        "cannot_write_a_file_larger_than_the_disk",
        "open('/workspace/x', 'wb').write(bytes(64 << 20))"
    ),
    fill!(
        "cannot_reserve_more_than_the_disk",
        "os.posix_fallocate(os.open('/workspace/x', os.O_RDWR | os.O_CREAT), 0, 64 << 20)"
    ),
    fill!(
        "cannot_fill_the_disk_with_small_files",
        "
for number in range(1024):
    open(f'/workspace/{number}', 'wb').write(bytes(64 << 10))"
    ),
    fill!("cannot_fill_the_disk_below_usr", "open('/usr/lib/x', 'wb').write(bytes(64 << 20))"),
    fill!(
        "cannot_fill_the_disk_through_a_mapping",
        "
file = os.open('/workspace/x', os.O_RDWR | os.O_CREAT)
os.ftruncate(file, 64 << 20)
child = os.fork()
if child == 0:
    hold = mmap.mmap(file, 64 << 20)
    for at in range(0, len(hold), 4096):
        hold[at] = 1
    os._exit(0)
if os.waitpid(child, 0)[1]:
    verdict(False, 'killed')"
    ),
    fill!("cannot_fill_scratch_folders", "open('/tmp/x', 'wb').write(bytes(300 << 20))"),
    fill!("cannot_fill_shared_memory", "open('/dev/shm/x', 'wb').write(bytes(300 << 20))"),
    litter!(
        "cannot_make_files_without_end",
        "
for number in range(2000):
    os.close(os.open(f'/workspace/{number}', os.O_CREAT))"
    ),
    litter!(
        "cannot_make_folders_without_end",
        "
for number in range(2000):
    os.mkdir(f'/workspace/{number}')"
    ),
    litter!(
        "cannot_make_links_without_end",
        "
for number in range(2000):
    os.symlink('x', f'/workspace/{number}')"
    ),
    litter!(
        "cannot_make_pipes_without_end",
        "
for number in range(2000):
    os.mkfifo(f'/workspace/{number}')"
    ),
    litter!(
        "cannot_nest_folders_without_end",
        "
for _ in range(2000):
    os.mkdir('deeper')
    os.chdir('deeper')"
    ),
    litter!(
        "cannot_make_scratch_files_without_end",
        "
for number in range(2000):
    os.close(os.open(f'/tmp/{number}', os.O_CREAT))"
    ),
    litter!(
        "cannot_keep_nameless_files_without_end",
        "hold = [os.open('/workspace', os.O_TMPFILE | os.O_RDWR) for _ in range(900)]"
    ),
    Attack::inside(
        "cannot_open_files_without_end",
        "open_files",
        "
hold = [os.dup(0) for _ in range(500)]
verdict(True)",
    )
    .with(&["--open-files=64"]),
];
