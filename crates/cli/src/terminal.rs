//! The terminal while a program in a sandbox owns it: raw mode, and its size.
//!
//! The mode is put back on every way out: when [`Raw`] is dropped, and by the panic hook, since a
//! release build aborts without dropping anything. Signals reach neither: whoever holds [`Raw`]
//! handles them and returns.

use std::sync::OnceLock;

use infield_domain::command::TerminalSize;
use infield_domain::{Error, Result};
use rustix::termios::{self, OptionalActions, Termios};

/// What the terminal was before; written once, since a process goes raw once.
static BEFORE: OnceLock<Termios> = OnceLock::new();

/// The terminal in raw mode, until this is dropped.
pub(crate) struct Raw(());

impl Raw {
    /// Makes the terminal on standard input raw.
    pub(crate) fn enter() -> Result<Self> {
        let failed = |source: rustix::io::Errno| {
            Error::unavailable("cannot change the mode of the terminal").with_source(source)
        };
        let stdin = rustix::stdio::stdin();
        let before = termios::tcgetattr(stdin).map_err(failed)?;
        let mut raw = before.clone();
        raw.make_raw();
        let before = BEFORE.get_or_init(|| before);
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore(before);
            hook(panic);
        }));
        termios::tcsetattr(stdin, OptionalActions::Drain, &raw).map_err(failed)?;
        Ok(Self(()))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if let Some(before) = BEFORE.get() {
            restore(before);
        }
    }
}

fn restore(before: &Termios) {
    // A terminal that is gone needs no mode, and there is nobody left to tell.
    let _gone = termios::tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, before);
}

/// The size of the terminal, or 80 by 24 where it does not say.
pub(crate) fn size() -> TerminalSize {
    let told = termios::tcgetwinsize(rustix::stdio::stdout()).ok();
    told.filter(|size| size.ws_col > 0 && size.ws_row > 0).map_or(
        TerminalSize { columns: 80, rows: 24 },
        |size| TerminalSize { columns: size.ws_col, rows: size.ws_row },
    )
}
