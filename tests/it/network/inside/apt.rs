//! apt in an imported Debian tree: the host image has no database of packages.

use anyhow::{Context, Result, ensure};

use super::super::attempts::Policy;
use super::super::product::Product;
use super::super::world::World;
use super::{Client, check_fails, check_works};

/// The image's name.
const IMAGE: &str = "debian";
const FROM: &[&str] = &["--image", IMAGE];

/// apt looks its repository up, fetches as a user of its own from whom it cannot come back, and has
/// dpkg unpack what it got. The test's repository has no keys.
const APT: Client = Client {
    name: "apt-get",
    script: "rm -rf /etc/apt/sources.list.d && \
             echo 'deb [trusted=yes] http://deb.debian.org/debian probe main' \
             > /etc/apt/sources.list && \
             apt-get update --error-on=any -o Acquire::Retries=0 -o APT::Sandbox::Verify=true && \
             DEBIAN_FRONTEND=noninteractive apt-get install -y \
             -o APT::Sandbox::Verify=true infield-probe && \
             dpkg-query --show infield-probe && cat /usr/share/infield-probe/motto",
    printed: "probed",
};

impl Product {
    fn import_debian(&self) -> Result<()> {
        let archive = infield_tests::tools().join("debian.tar");
        ensure!(archive.exists(), "`{}` is missing: cargo xtask install", archive.display());
        self.run(&["image", "import", IMAGE, archive.to_str().context("a plain path")?]).map(drop)
    }
}

#[test]
fn apt_works_in_an_imported_debian() -> Result<()> {
    let Some(world) = World::shared("apt_works_in_an_imported_debian")? else { return Ok(()) };
    let product = Product::start(world)?;
    product.import_debian()?;
    product.create_with("limited", Policy::Limited, FROM)?;
    check_works(&product, "limited", &APT)?;
    product.create_with("custom", Policy::Custom(&["allow deb.debian.org:80"]), FROM)?;
    check_works(&product, "custom", &APT)?;
    product.create_with("other", Policy::Custom(&["allow pypi.org"]), FROM)?;
    check_fails(&product, "other", &APT, &["403  Forbidden"])?;
    product.create_with("closed", Policy::None, FROM)?;
    check_fails(&product, "closed", &APT, &["Temporary failure resolving 'deb.debian.org'"])
}
