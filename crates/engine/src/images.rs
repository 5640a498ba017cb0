//! Images that sandboxes start from.

use std::sync::Mutex;

use infield_domain::image::Image;
use infield_domain::provider::ImageSource;
use infield_domain::{Error, ImageName, Permission, Principal, Result};

use crate::Engine;

/// The images that were there when somebody last looked, so that a creation need not ask.
#[derive(Default)]
pub(crate) struct Images {
    known: Mutex<Vec<ImageName>>,
}

impl Images {
    fn knows(&self, name: &ImageName) -> bool {
        self.known.lock().expect("no holder of this lock panics").contains(name)
    }

    fn learn(&self, images: &[Image]) {
        let names = images.iter().map(|image| image.name.clone()).collect();
        *self.known.lock().expect("no holder of this lock panics") = names;
    }
}

impl Engine {
    /// Every image, the built-in one first. Needs `read`.
    pub async fn list_images(&self, who: &Principal) -> Result<Vec<Image>> {
        who.require(Permission::Read)?;
        let images = self.provider().images().await?;
        self.images().learn(&images);
        Ok(images)
    }

    /// Refuses an image that is not there, and says which are.
    pub(crate) async fn require_image(&self, name: &ImageName) -> Result<()> {
        if self.images().knows(name) {
            return Ok(());
        }
        let images = self.provider().images().await?;
        self.images().learn(&images);
        if self.images().knows(name) {
            return Ok(());
        }
        let names: Vec<_> = images.iter().take(8).map(|image| image.name.as_str()).collect();
        Err(Error::not_found(format!("there is no image `{name}`")).with_hint(format!(
            "choose one of {}, or bring it in with `infield image import`",
            names.join(", ")
        )))
    }

    /// Brings an image into the store. Needs `images`.
    pub async fn import_image(
        &self,
        who: &Principal,
        name: &ImageName,
        source: ImageSource,
    ) -> Result<Image> {
        let result = self.import(who, name, source).await;
        self.noted(who, ("image.import", name.as_str(), ""), result)
    }

    async fn import(
        &self,
        who: &Principal,
        name: &ImageName,
        source: ImageSource,
    ) -> Result<Image> {
        who.require(Permission::Images)?;
        if name.as_str() == ImageName::HOST {
            return Err(
                Error::conflict("the image `host` is built in").with_hint("choose another name")
            );
        }
        let image = self.provider().import_image(name, source, self.now()).await?;
        self.images().learn(&self.provider().images().await?);
        Ok(image)
    }

    /// Removes an image that no sandbox has. Needs `images`.
    pub async fn remove_image(&self, who: &Principal, name: &ImageName) -> Result<()> {
        let result = self.remove(who, name).await;
        self.noted(who, ("image.remove", name.as_str(), ""), result)
    }

    async fn remove(&self, who: &Principal, name: &ImageName) -> Result<()> {
        who.require(Permission::Images)?;
        if name.as_str() == ImageName::HOST {
            return Err(Error::invalid("the image `host` is built in and cannot be removed"));
        }
        let seats = self.registry().all();
        if let Some(seat) = seats.iter().find(|seat| seat.sandbox().spec.image == *name) {
            let shown = if who.sees(&seat.owner) { seat.id.as_str() } else { "another owner's" };
            return Err(Error::conflict(format!("sandbox `{shown}` has the image `{name}`"))
                .with_hint("delete the sandbox first"));
        }
        self.provider().remove_image(name).await?;
        self.images().learn(&self.provider().images().await?);
        Ok(())
    }
}
