//! Finding PostgreSQL's programs.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::LocalServerError;

const OLDEST_MAJOR: u32 = 15;

#[cfg(target_os = "macos")]
pub(super) const ADVICE: &str = "`brew install postgresql@17`";
#[cfg(not(target_os = "macos"))]
pub(super) const ADVICE: &str =
    "`apt-get install postgresql` (Debian, Ubuntu) or `dnf install postgresql-server` (Fedora)";

/// Folders that each version of a packaging system lies in: the folder, and how its entries begin and go on.
const VERSIONED: [(&str, &str, &str); 4] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local/opt", "postgresql@", "bin"),
];
const PLAIN: [&str; 2] = ["/usr/local/bin", "/usr/bin"];

/// The folder of PostgreSQL's programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    folder: PathBuf,
    major: u32,
}

impl Binaries {
    /// The folder that holds `initdb`, `pg_ctl` and `postgres`.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The major version.
    pub fn major(&self) -> u32 {
        self.major
    }

    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Looks into a folder; says why not when it cannot be used.
    fn probe(folder: &Path) -> Result<Self, String> {
        for name in ["initdb", "pg_ctl", "postgres"] {
            if !folder.join(name).is_file() {
                return Err(format!("there is no `{name}` in it"));
            }
        }
        let output = Command::new(folder.join("postgres"))
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .map_err(|e| format!("`postgres` does not run: {e}"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let major =
            major_version(&text).ok_or_else(|| format!("`postgres --version` says {:?}", text.trim()))?;
        if major < OLDEST_MAJOR {
            return Err(format!(
                "it holds PostgreSQL {major}, and {OLDEST_MAJOR} is the oldest that will do"
            ));
        }
        Ok(Self { folder: folder.to_owned(), major })
    }
}

/// Finds PostgreSQL 15 or newer: what `FOREBAY_PG_BIN` names, else the newest in the usual places.
///
/// # Errors
/// [`LocalServerError::NoBinaries`] or [`LocalServerError::BadBinaries`], which say what to install.
pub fn find_binaries() -> Result<Binaries, LocalServerError> {
    find(None)
}

/// Like [`find_binaries`], but prefers the version that made a cluster, however old among the installed.
pub(super) fn find(made_by: Option<u32>) -> Result<Binaries, LocalServerError> {
    if let Some(folder) = env::var_os("FOREBAY_PG_BIN").filter(|value| !value.is_empty()).map(PathBuf::from) {
        return Binaries::probe(&folder).map_err(|reason| LocalServerError::BadBinaries { folder, reason });
    }
    candidates()
        .iter()
        .filter_map(|folder| Binaries::probe(folder).ok())
        .max_by_key(|binaries| (Some(binaries.major) == made_by, binaries.major))
        .ok_or(LocalServerError::NoBinaries)
}

fn candidates() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for (parent, prefix, rest) in VERSIONED {
        let entries = fs::read_dir(parent).into_iter().flatten().flatten();
        let matching = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
        folders.extend(matching.map(|entry| entry.path().join(rest)));
    }
    folders.extend(PLAIN.map(PathBuf::from));
    folders
}

/// The major version in `postgres (PostgreSQL) 17.2 (Debian ...)`.
fn major_version(text: &str) -> Option<u32> {
    let version = text.split_once("(PostgreSQL) ")?.1;
    let digits = version.find(|c: char| !c.is_ascii_digit()).map_or(version, |end| &version[..end]);
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_postgres_says() {
        assert_eq!(major_version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(major_version("postgres (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(major_version("postgres (EnterpriseDB) 15"), None);
    }

    #[test]
    fn a_folder_without_the_programs_is_refused_with_the_reason() {
        assert_eq!(Binaries::probe(Path::new("/")).unwrap_err(), "there is no `initdb` in it");
    }
}
