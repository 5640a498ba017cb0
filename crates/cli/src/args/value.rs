//! Values of options: durations, sizes, numbers of processors, variables.

use std::collections::BTreeMap;
use std::path::Path;

use infield_domain::volume::WantedVolume;
use infield_domain::{Error, Result};
use infield_rest::wire::VolumeMount;

#[cfg(test)]
mod tests;

/// Reads a duration such as `90`, `90s`, `1.5m`, `2h`, `1d` or `250ms`, in milliseconds.
pub(crate) fn duration_ms(text: &str) -> std::result::Result<u64, String> {
    const UNITS: &[(&str, f64)] = &[
        ("ms", 1.0),
        ("s", 1_000.0),
        ("m", 60_000.0),
        ("h", 3_600_000.0),
        ("d", 86_400_000.0),
        ("", 1_000.0),
    ];
    scaled(text, UNITS).ok_or_else(|| "write a duration like `90s`, `5m`, `2h` or `1d`".to_owned())
}

/// Reads a size such as `512m`, `2g`, `1.5GiB` or a number of bytes. Letters are powers of 1024,
/// as docker has it.
pub(crate) fn size_bytes(text: &str) -> std::result::Result<u64, String> {
    const UNITS: &[(&str, f64)] = &[
        ("k", 1024.0),
        ("m", 1_048_576.0),
        ("g", 1_073_741_824.0),
        ("t", 1_099_511_627_776.0),
        ("", 1.0),
    ];
    let lower = text.to_ascii_lowercase();
    let stem = lower.strip_suffix("ib").or_else(|| lower.strip_suffix('b')).unwrap_or(&lower);
    scaled(stem, UNITS).ok_or_else(|| "write a size like `512m`, `2g` or `1.5GiB`".to_owned())
}

/// Reads a number of processors such as `2` or `0.5`, in thousandths.
pub(crate) fn cpu_millis(text: &str) -> std::result::Result<u32, String> {
    scaled(text, &[("", 1_000.0)])
        .and_then(|millis| u32::try_from(millis).ok())
        .ok_or_else(|| "write a number of processors like `2` or `0.5`".to_owned())
}

fn scaled(text: &str, units: &[(&str, f64)]) -> Option<u64> {
    let split = text.find(|letter: char| !(letter.is_ascii_digit() || letter == '.'));
    let (number, unit) = text.split_at(split.unwrap_or(text.len()));
    let (_, factor) = units.iter().find(|(word, _)| *word == unit)?;
    let value = number.parse::<f64>().ok()? * factor;
    // 2^53: beyond it a float no longer holds every whole number.
    (value.is_finite() && value < 9_007_199_254_740_992.0).then_some(value.round() as u64)
}

/// Reads a volume with its place, as `VOLUME:/PATH` or `VOLUME:/PATH:FOLDER`.
pub(crate) fn volume(text: &str) -> std::result::Result<VolumeMount, String> {
    let wish: WantedVolume = text.parse().map_err(|error: Error| match error.hint() {
        Some(hint) => format!("{}; {hint}", error.message()),
        None => error.message().to_owned(),
    })?;
    let (path, subpath) = (wish.path.into(), wish.subpath.map(Into::into));
    Ok(VolumeMount { volume: wish.volume, path, subpath })
}

/// Splits `KEY=VALUE`.
pub(crate) fn pair(text: &str) -> std::result::Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        Some(_) | None => Err("write it as `KEY=VALUE`".to_owned()),
    }
}

/// Puts variables together: first those of files, then those of the command line. A name without
/// a value takes the value that infield itself was given, and is left out when there is none.
pub(crate) fn environment(
    words: &[String],
    files: &[impl AsRef<Path>],
) -> Result<BTreeMap<String, String>> {
    let mut variables = BTreeMap::new();
    for file in files {
        let file = file.as_ref();
        let text = std::fs::read_to_string(file).map_err(|source| {
            Error::invalid(format!("cannot read the variables in `{}`: {source}", file.display()))
        })?;
        let lines = text.lines().map(str::trim);
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
            add_variable(&mut variables, line)?;
        }
    }
    for word in words {
        add_variable(&mut variables, word)?;
    }
    Ok(variables)
}

fn add_variable(variables: &mut BTreeMap<String, String>, word: &str) -> Result<()> {
    let (name, value) = match word.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (word, std::env::var(word).ok()),
    };
    if name.is_empty() || name.contains('\0') {
        return Err(Error::invalid(format!("`{word}` is not a variable"))
            .with_hint("write it as `NAME=VALUE`, or `NAME` to pass your own on"));
    }
    if let Some(value) = value {
        variables.insert(name.to_owned(), value);
    }
    Ok(())
}
