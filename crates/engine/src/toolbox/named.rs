//! What lives in a sandbox under a name, such as terminals: bounded in number, and found by it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use infield_domain::{Error, Kind, Result};

use crate::gate::clipped;

/// Everything of one kind in one sandbox.
#[derive(Debug)]
pub(crate) struct Named<T> {
    /// What errors call one of them.
    kind: &'static str,
    most: usize,
    all: Mutex<BTreeMap<String, Arc<T>>>,
}

impl<T> Named<T> {
    pub(crate) fn new(kind: &'static str, most: usize) -> Self {
        Self { kind, most, all: Mutex::default() }
    }

    /// Gives it this name, unless another has it, which is given then.
    pub(crate) fn insert(&self, id: &str, one: &Arc<T>) -> Result<Option<Arc<T>>> {
        self.with(|all| {
            if let Some(other) = all.get(id) {
                return Ok(Some(other.clone()));
            }
            if all.len() >= self.most {
                let most = format!("a sandbox has {} {}s at most", self.most, self.kind);
                return Err(Error::new(Kind::Quota, most).with_hint("delete one first"));
            }
            all.insert(id.to_owned(), one.clone());
            Ok(None)
        })
    }

    /// Frees the name, if it is still that of this one.
    pub(crate) fn remove(&self, id: &str, one: &Arc<T>) {
        self.with(|all| {
            if all.get(id).is_some_and(|found| Arc::ptr_eq(found, one)) {
                all.remove(id);
            }
        });
    }

    pub(crate) fn find(&self, id: &str) -> Result<Arc<T>> {
        self.with(|all| all.get(id).cloned()).ok_or_else(|| {
            Error::not_found(format!("there is no {} `{}`", self.kind, clipped(id)))
                .with_hint("create it first; it ends with its sandbox")
        })
    }

    /// All of them, by their names.
    pub(crate) fn list(&self) -> Vec<(String, Arc<T>)> {
        self.with(|all| all.iter().map(|(id, one)| (id.clone(), one.clone())).collect())
    }

    fn with<R>(&self, act: impl FnOnce(&mut BTreeMap<String, Arc<T>>) -> R) -> R {
        act(&mut self.all.lock().expect("no holder of this lock panics"))
    }
}
