//! Images that sandboxes start from.

use infield_domain::image::Image;
use infield_domain::provider::ImageSource;
use infield_domain::{Error, ImageName, Principal, Result};

use crate::Engine;

impl Engine {
    /// Every image, the built-in one first. Needs `read`.
    pub async fn list_images(&self, who: &Principal) -> Result<Vec<Image>> {
        let _ = who;
        Err(Error::internal("not built yet"))
    }

    /// Brings an image into the store. Needs `images`.
    pub async fn import_image(
        &self,
        who: &Principal,
        name: &ImageName,
        source: ImageSource,
    ) -> Result<Image> {
        let _ = (who, name, source);
        Err(Error::internal("not built yet"))
    }

    /// Removes an image that no sandbox has. Needs `images`.
    pub async fn remove_image(&self, who: &Principal, name: &ImageName) -> Result<()> {
        let _ = (who, name);
        Err(Error::internal("not built yet"))
    }
}
