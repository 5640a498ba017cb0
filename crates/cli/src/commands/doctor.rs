//! `infield doctor`: what this host can enforce.

use clap::Args;
use infield_domain::isolation::{Control, Host, Mechanism, Verdict};
use infield_domain::network::proxy;
use infield_domain::{Error, Result};

use super::info::mechanism_word;
use crate::args::Format;
use crate::client::{Client, Request};
use crate::output::{self, BAD, FAINT, GOOD, HEADING, Table, WEAK};

/// Show what this host can enforce, and how to mend each gap
///
/// Ends with an error when no sandbox can start here.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    format: Format,
}

/// Shows it.
pub(crate) async fn run(client: &Client, args: DoctorArgs) -> Result<()> {
    let host: Host = client.json(Request::get("/v1/host")).await?;
    if args.format.json {
        output::json(&host)?;
    } else {
        output::say(&render(&host))?;
    }
    match host.checks.iter().find(|check| check.verdict == Verdict::Broken) {
        None => Ok(()),
        Some(broken) => {
            let error = Error::unsupported(format!("no sandbox can start here: {}", broken.name));
            Err(match &broken.mend {
                Some(mend) => error.with_hint(mend.clone()),
                None => error,
            })
        }
    }
}

/// One screen: the checks, what holds each limit, and how much fits.
fn render(host: &Host) -> String {
    let who = if host.privileged { "root" } else { "an ordinary user" };
    let mut text = format!("{HEADING}infield runs here with the rights of {who}{HEADING:#}\n\n");
    let mut checks = Table::new(&[]);
    for check in &host.checks {
        let (word, style) = match check.verdict {
            Verdict::Good => ("good", GOOD),
            Verdict::Weak => ("weak", WEAK),
            Verdict::Broken => ("broken", BAD),
        };
        let plain = anstyle::Style::new();
        checks.styled([
            (word.to_owned(), style),
            (check.name.clone(), plain),
            (check.found.clone(), plain),
        ]);
        if let Some(mend) = &check.mend {
            checks.styled([
                (String::new(), plain),
                (String::new(), plain),
                (format!("mend: {mend}"), FAINT),
            ]);
        }
    }
    text.push_str(&checks.render());
    text.push_str(&format!("\n{HEADING}Enforced by{HEADING:#}\n"));
    let mut held = Table::new(&[]);
    for control in Control::ALL {
        let mechanism = host.enforcement.0.get(&control).copied().unwrap_or(Mechanism::None);
        let style = if mechanism == Mechanism::None { WEAK } else { anstyle::Style::new() };
        let name = control.as_str().replace('_', " ");
        let word = match mechanism {
            Mechanism::Proxy => format!("{}: {}", mechanism_word(mechanism), proxy::NOTE),
            other => mechanism_word(other).to_owned(),
        };
        held.styled([(name, FAINT), (word, style)]);
    }
    text.push_str(&held.render());
    text.push_str(&format!("\n{HEADING}What fits, by what runs out{HEADING:#}\n"));
    let mut ceilings = Table::new(&[]);
    for (what, count) in &host.ceilings {
        ceilings.pair(what, count.to_string());
    }
    text.push_str(&ceilings.render());
    text
}
