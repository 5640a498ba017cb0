//! Counts what an archive had and its tree has not.

/// The counts, one for each kind.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LeftOut {
    pub(super) devices: u64,
    pub(super) pipes: u64,
    pub(super) links_out: u64,
    pub(super) set_ids: u64,
    pub(super) attributes: u64,
    pub(super) owners: u64,
    pub(super) absolute: u64,
    pub(super) single_owner: u64,
}

impl LeftOut {
    /// A line for each kind that there was.
    pub(super) fn lines(&self) -> Vec<String> {
        let kinds = [
            (self.devices, "devices: a sandbox has its own `/dev`"),
            (self.pipes, "named pipes"),
            (self.links_out, "links that lead out"),
            (self.set_ids, "set-id bits: programs cannot gain rights in a sandbox"),
            (self.attributes, "extended attributes that belong to a host or to overlay"),
            (self.owners, "owners beyond 65535, given to `nobody`"),
            (self.single_owner, "owners: this host gives the store a single id"),
            (self.absolute, "leading slashes of names"),
        ];
        kinds
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect()
    }
}
